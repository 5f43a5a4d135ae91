//! Step 8, after the checks: writes the record files into the staged tree.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::check::CheckedInstall;
use super::error::Error;
use super::manifest::Manifest;
use super::record::{self, Record};
use super::statements::{self, Subject};
use crate::compile::{BuildContext, source_folder};
use crate::host::distribution::Distribution;
use crate::host::owners::packages_of;
use crate::process::Timing;
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
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// All files but those in the record's folder.
    pub(crate) fn manifest(&self) -> &Manifest {
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
    let date = staged.tree().date();
    let build_folder = staged.build_folder().to_owned();
    let (root, provenance) = staged.into_parts();
    let write = || {
        let manifest = Manifest::of_tree(&root)?;
        let tree = manifest.digest();
        let folder = root.join(record::folder(provenance.plan().python()));
        fs_err::create_dir_all(&folder)?;
        for patch in provenance.patches() {
            fs_err::write(folder.join(&patch.file_name), &patch.content)?;
        }
        let public = source_folder(provenance.plan().python());
        let public = |text: Vec<u8>| without_path(text, &build_folder, Path::new(&public));
        let log = fs_err::read(context.runner.log_path())?;
        fs_err::write(folder.join(record::LOG), public(log))?;
        let timings = context.runner.timings().into_iter().map(|timing| {
            let command = public(timing.command.into_bytes());
            let command = String::from_utf8_lossy(&command).into_owned();
            Timing { command, ..timing }
        });
        let timings: Vec<Timing> = timings.collect();
        if let Some(timeline) = context.timeline {
            let heading = Heading {
                python: provenance.plan().python().to_string(),
                pip: checks.pip.clone().unwrap_or_else(|| "none".to_owned()),
                jobs: context.jobs.to_string(),
                launcher: context.compilers.launcher().map(ToOwned::to_owned),
            };
            timeline.write(&folder, heading, &timings)?;
        }
        record::write_json(&folder.join(record::FILES), &manifest)?;
        let machine = &context.host.toolchain.compiler.machine;
        let subject = Subject {
            plan: provenance.plan(),
            compile: context.compile,
            inputs: provenance.inputs(),
            root: &root,
            tree,
            date,
            vendored: provenance.vendored(),
            packages: &packages_of(&context.compile.sonames(), machine, context.environment),
            system: Distribution::ids_of_this_host(),
        };
        statements::write(&subject, &folder)?;
        let names = provenance.patches().iter();
        let user = context.confinement.user.as_ref();
        let record = Record {
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            finished: jiff::Timestamp::now(),
            patches: names.map(|patch| patch.file_name.clone()).collect(),
            inputs: provenance.inputs().to_vec(),
            plan: provenance.into_plan(),
            tools: context.host.toolchain.clone(),
            libraries: context.compile.libraries().clone(),
            earlier_environment: BTreeMap::new(),
            build_user: user.map(|user| user.name().to_owned()),
            isolation: Some(context.confinement.network.clone()),
            checks,
            tree: Some(tree),
            timings,
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

/// The text with the public folder of the source in place of the build folder, which exists no more.
fn without_path(text: Vec<u8>, build_folder: &Path, public: &Path) -> Vec<u8> {
    let parent = public.parent().unwrap_or(public);
    let source = build_folder.join("source");
    let real = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let replaced = [
        (source.clone(), public),
        (real(&source), public),
        (build_folder.to_owned(), parent),
        (real(build_folder), parent),
    ];
    replaced.iter().fold(text, |text, (path, public)| {
        let (path, public) = (path.as_os_str().as_bytes(), public.as_os_str().as_bytes());
        let mut new = Vec::with_capacity(text.len());
        let mut from = 0;
        for start in memmem::find_iter(&text, path) {
            new.extend_from_slice(&text[from..start]);
            new.extend_from_slice(public);
            from = start + path.len();
        }
        new.extend_from_slice(&text[from..]);
        new
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::without_path;

    #[test]
    fn the_log_names_no_build_folder() {
        let log = b"cd /c/build/3-x/source && gcc\n/c/build/3-x/destdir/usr\n".to_vec();
        let public = Path::new("/usr/src/pybuild/Python-3.11.2");
        let log = without_path(log, Path::new("/c/build/3-x"), public);
        assert_eq!(
            String::from_utf8(log).unwrap(),
            "cd /usr/src/pybuild/Python-3.11.2 && gcc\n/usr/src/pybuild/destdir/usr\n"
        );
    }
}
