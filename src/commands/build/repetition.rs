//! A build that is repeated from its record, and compared with the first.

use std::path::Path;

use super::{Build, Failure, Target};
use crate::commands::error::Error;
use crate::commands::work_folder::BuildFolder;
use crate::digest::Sha256;
use crate::host::build_environment::taken_over;
use crate::install::record::Record;
use crate::install::{self, Cause, Difference, Evidence, Manifest, RecordedInstall, ToolsNow};
use crate::plan::{Draft, Pins};

/// A repeated build, compared with the first.
pub(in crate::commands) struct Reproduction {
    pub(in crate::commands) tree: Sha256,
    pub(in crate::commands) files: usize,
    pub(in crate::commands) differences: Vec<Difference>,
    /// The likely cause of each difference.
    pub(in crate::commands) causes: Vec<Cause>,
}

/// Fails if a wheel is not the one of the record.
fn same_wheels(recorded: &Pins, now: &Pins) -> Result<(), Error> {
    for (before, now) in recorded.wheels().zip(now.wheels()) {
        if before.sha256 != now.sha256 {
            return Err(Error::OtherInput {
                name: now.file_name.clone(),
                before: before.sha256,
                now: now.sha256,
            });
        }
    }
    Ok(())
}

impl Target<'_> {
    /// Builds what `record` describes, for its prefix but not into it, and compares the result with `wanted`,
    /// the files of that build. `prefix` has those files, if they are there.
    pub(in crate::commands) fn reproduce(
        self,
        record: &Record,
        wanted: &Manifest,
        prefix: Option<&Path>,
    ) -> Result<Reproduction, Failure> {
        let (settings, context, python) = (self.settings, &self.context, self.python);
        self.preflight().ensure_buildable()?;
        context.store.sweep();
        BuildFolder::sweep(settings, &context.store);
        let folder = BuildFolder::new(settings, &context.store, python)?;
        let build = Build {
            settings,
            context,
            python,
            folder: &folder,
            pool: None,
            timeline: None,
            reproduced: Some(record),
        };
        let request = settings.request.clone();
        let pins = || {
            let pins = context.pins(python, &request.pip, &request.setuptools)?;
            same_wheels(record.plan.pins(), &pins)?;
            Ok(pins)
        };
        let names = record.plan.names();
        let variables = taken_over(context.environment);
        let (source, prefix_of_plan) = (self.source.clone(), self.prefix.clone());
        let draft = |pins| {
            let request = settings.request.clone();
            Draft::new(
                request,
                python,
                source,
                pins,
                prefix_of_plan,
                names,
                variables,
            )
        };
        let download = (!self.preflight().has_source_here()).then(|| self.source.clone());
        let compare = |recorded: RecordedInstall| {
            let changed_tools = ToolsNow::new(
                record,
                &recorded.record().tools,
                &recorded.record().libraries,
            );
            let evidence = Evidence {
                before: prefix,
                now: recorded.root(),
                build_folder: folder.path(),
                other_tools: changed_tools.is_some(),
            };
            let differences = install::differences(wanted, recorded.manifest());
            let causes = differences.iter().map(|found| evidence.cause(found));
            let causes = causes.collect();
            Reproduction {
                tree: recorded.manifest().digest(),
                files: recorded.manifest().len(),
                causes,
                differences,
            }
        };
        let result = build.make(download.as_ref(), pins, draft).map(compare);
        let log = folder.finish(&result, context.reporter);
        result.map_err(|error| Failure {
            error: Box::new(error),
            log,
        })
    }
}
