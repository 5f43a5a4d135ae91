//! Step 8, after the checks: writes the record files into the staged tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check::CheckedInstall;
use super::error::Error;
use super::manifest::Manifest;
use super::record::{self, Record};
use crate::compile::BuildContext;
use crate::timeline::Heading;

/// A checked installation with its record files. Only this kind can be committed.
#[derive(Debug)]
pub(crate) struct RecordedInstall {
    root: PathBuf,
    record: Record,
    manifest: Manifest,
}

impl RecordedInstall {
    /// The staged prefix.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// All files but those in the record's folder.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }
}

/// Writes the patches, the log, the manifest and, last, the record.
pub(crate) fn record(
    checked: CheckedInstall,
    context: &BuildContext<'_>,
) -> Result<RecordedInstall, Error> {
    let (staged, checks) = checked.into_parts();
    let (root, provenance) = staged.into_parts();
    let write = || {
        let manifest = Manifest::of_tree(&root)?;
        let folder = root.join(record::folder(provenance.plan().python()));
        fs_err::create_dir_all(&folder)?;
        for patch in provenance.patches() {
            fs_err::write(folder.join(&patch.file_name), &patch.content)?;
        }
        fs_err::copy(context.runner.log_path(), folder.join(record::LOG))?;
        if let Some(timeline) = context.timeline {
            let heading = Heading {
                python: provenance.plan().python().to_string(),
                pip: checks.pip.clone(),
                jobs: context.jobs.to_string(),
                launcher: context.compilers.launcher().map(ToOwned::to_owned),
            };
            timeline.write(&folder, heading, &context.runner.timings())?;
        }
        record::write_json(&folder.join(record::FILES), &manifest)?;
        let names = provenance.patches().iter();
        let user = context.confinement.user.as_ref();
        let record = Record {
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            finished: jiff::Timestamp::now(),
            patches: names.map(|patch| patch.file_name.clone()).collect(),
            inputs: provenance.inputs().to_vec(),
            plan: provenance.into_plan(),
            tools: context.host.toolchain.clone(),
            earlier_environment: BTreeMap::new(),
            build_user: user.map(|user| user.name().to_owned()),
            isolation: Some(context.confinement.network.clone()),
            checks,
            timings: context.runner.timings(),
        };
        record::write_json(&folder.join(record::RECORD), &record)?;
        Ok(RecordedInstall {
            root,
            record,
            manifest,
        })
    };
    write().map_err(Error::Staging)
}
