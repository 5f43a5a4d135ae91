//! `pybuild patch`: writes the pin of `ensurepip` as a patch, for builds of CPython with other tools.

use std::fmt;
use std::path::Path;

use crate::cli::PatchArguments;
use crate::commands::context::{Context, SourceRequest};
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::commands::work_folder::SideFolder;
use crate::export::{self, DIFF, Export};
use crate::fetch::VerifiedSource;
use crate::host::certificates::WhenNoCertificates;
use crate::output::Output;
use crate::plan::verification::ProofPolicy;
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{Source, SourceLocation};
use crate::process::quoted;
use crate::progress::{Event, Level, Reporter, Unit};
use crate::settings::patch::{Destination, PatchSettings, Target, TreeChange};
use crate::source::ensurepip::{EnsurepipPatch, Stdlib};
use crate::source::{self, pin_names, unpack_part, version_found_in_tree};
use crate::transaction::pending::PendingChanges;

/// A note on a finished patch.
enum PatchEvent {
    /// The tree bundles these wheels already.
    NothingToChange { python: PythonVersion, pins: String },
    /// A diff was printed, which has no wheels.
    WheelsLeftOut(Vec<String>),
    /// The commands that apply the diff in a folder and copy its wheels.
    Commands(Vec<String>),
    /// The wheels to remove afterwards.
    WheelsToRemove(Vec<String>),
}

impl Event for PatchEvent {
    fn level(&self) -> Level {
        Level::Note
    }
}

impl fmt::Display for PatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToChange { python, pins } => write!(
                f,
                "CPython {python} bundles {pins} already: there is nothing to change, and the patch \
                 is empty"
            ),
            Self::WheelsLeftOut(wheels) => write!(
                f,
                "the wheels are not in this diff ({}): `-o FILE` writes a patch that has them",
                wheels.join(", ")
            ),
            Self::Commands(commands) => write!(f, "in the tree: {}", commands.join(" && ")),
            Self::WheelsToRemove(wheels) => write!(f, "then:        rm {}", wheels.join(" ")),
        }
    }
}

/// Makes the patch for `settings` and writes it. A tree is changed only if all of the patch applies.
pub fn run(arguments: PatchArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let settings = &PatchSettings::new(arguments, environment)?;
    let context = Context::new(
        settings.index_url.clone(),
        settings.network,
        WhenNoCertificates::Name,
        environment,
        reporter,
    )?;
    PendingChanges::of(&context.store).recover(reporter);
    let (python, source) = origin(&settings.target, &context)?;
    let pins = context.pins(python, &settings.pip, &settings.setuptools)?;
    let folder = SideFolder::new(&context.store, "patch")?;
    let wheels = context.fetch_wheels(&pins, folder.runner())?;
    let root = match context.fetch_source(python, &source, folder.runner())? {
        // A tree is read in place, even if it was built in.
        VerifiedSource::Tree(path) => path,
        VerifiedSource::Archive(archive) => {
            let root = folder.path("source");
            unpack_part(&archive, python, is_needed, &root, reporter)
                .map_err(source::Error::from)?;
            root
        }
    };
    let phase = reporter.begin("patch", Unit::Steps, None);
    let patch = EnsurepipPatch::for_pins(Stdlib::of_source(&root), &pins, &wheels)
        .map_err(source::Error::from)?;
    let pins = pin_names(&pins).join(", ");
    phase.finish(&pins);
    let export = Export::new(&patch, &root)?;
    if export.is_empty() {
        reporter.report(&PatchEvent::NothingToChange { python, pins });
    }
    write(&export, &settings.destination, reporter, output)?;
    if let Target::Tree {
        path,
        change: TreeChange::Apply,
        ..
    } = &settings.target
        && !export.is_empty()
    {
        let phase = reporter.begin("apply", Unit::Steps, None);
        patch.apply(path).map_err(source::Error::from)?;
        phase.finish(&format!("to {}", path.display()));
    }
    Ok(())
}

/// The files of a release that a patch is made from. Unpacking only these saves most of the time.
fn is_needed(path: &Path) -> bool {
    let needed = [
        "Include/patchlevel.h",
        "Lib/ensurepip",
        "Lib/venv",
        "Misc/sbom.spdx.json",
    ];
    needed.iter().any(|needed| path.starts_with(needed))
}

/// The release that the patch is for, and the origin of its source.
fn origin(target: &Target, context: &Context<'_>) -> Result<(PythonVersion, Source), Error> {
    let resolve = |python: VersionRequest, request: SourceRequest<'_>| {
        let release = context.release(python, request)?;
        let version = release.version;
        Ok((version, context.source(release, request)))
    };
    match target {
        Target::Release {
            python,
            source,
            sha256,
            mirrors,
            proofs,
        } => {
            let request = SourceRequest {
                location: source.as_ref(),
                sha256: *sha256,
                mirrors,
                proofs,
            };
            resolve(*python, request)
        }
        Target::Tree { path, python, .. } => {
            let python = if let Some(python) = python {
                *python
            } else {
                let found = version_found_in_tree(path).map_err(source::Error::from)?;
                VersionRequest::Exact(found)
            };
            let request = SourceRequest {
                location: Some(&SourceLocation::Path(path.clone())),
                sha256: None,
                mirrors: &[],
                proofs: &ProofPolicy::default(),
            };
            resolve(python, request)
        }
    }
}

fn write(
    export: &Export,
    destination: &Destination,
    reporter: &dyn Reporter,
    output: Output,
) -> Result<(), Error> {
    let print = |bytes: &[u8]| {
        let printed = output.result_bytes(bytes);
        printed.map_err(export::Error::StandardOutput)
    };
    match destination {
        Destination::Nowhere => {}
        Destination::Diff => {
            print(export.diff.as_bytes())?;
            let wheels = list(export.added().map(|(path, _)| path));
            if !wheels.is_empty() {
                reporter.report(&PatchEvent::WheelsLeftOut(wheels));
            }
        }
        Destination::StandardOutput(program) => print(&export.for_program(*program))?,
        Destination::File(path, program) => {
            let phase = reporter.begin("write", Unit::Bytes, None);
            let content = export.for_program(*program);
            export::write_file(path, &content)?;
            phase.finish(&format!("{} ({} bytes)", path.display(), content.len()));
        }
        Destination::Folder(path) => {
            let phase = reporter.begin("write", Unit::Steps, None);
            let wheels = export::write_folder(export, path)?;
            phase.finish(&path.display().to_string());
            if !export.is_empty() {
                report_commands(export, path, &wheels, reporter);
            }
        }
    }
    Ok(())
}

/// Reports the commands that replace `git apply` of one file.
fn report_commands(export: &Export, folder: &Path, wheels: &[String], reporter: &dyn Reporter) {
    let shown = |name: &str| quoted(folder.join(name).as_os_str());
    let wheels: Vec<String> = wheels.iter().map(|name| shown(name)).collect();
    let mut commands = vec![format!("patch -p1 < {}", shown(DIFF))];
    if !wheels.is_empty() {
        commands.push(format!("cp {} Lib/ensurepip/_bundled/", wheels.join(" ")));
    }
    reporter.report(&PatchEvent::Commands(commands));
    let removed = list(export.removed());
    if !removed.is_empty() {
        reporter.report(&PatchEvent::WheelsToRemove(removed));
    }
}

fn list<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    paths.map(|path| path.display().to_string()).collect()
}
