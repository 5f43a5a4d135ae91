//! `pybuild patch`: the pin of `ensurepip` by itself, for whoever builds CPython another way.

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
use crate::progress::{Reporter, Unit};
use crate::settings::patch::{Destination, PatchSettings, Target, TreeChange};
use crate::source::ensurepip::{EnsurepipPatch, Stdlib};
use crate::source::{self, pin_names, unpack_part, version_found_in_tree};
use crate::transaction::pending::PendingChanges;

/// Makes the patch that `settings` ask for, and puts it where they say.
///
/// # Errors
/// What the step that failed says. No tree is changed unless all of the patch applies to it.
pub fn run(arguments: PatchArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Invocation {
        environment,
        reporter,
        output,
    } = *invocation;
    let settings = PatchSettings::new(arguments, environment)?;
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
        // A tree that is there is read where it is; it may have been built in.
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
    let names = pin_names(&pins).join(", ");
    phase.finish(&names);
    let export = Export::new(&patch, &root)?;
    if export.is_empty() {
        reporter.note(&format!(
            "CPython {python} bundles {names} already: there is nothing to change, and the patch is empty"
        ));
    }
    hand_out(&export, &settings.destination, reporter, output)?;
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

/// What a patch is made from: a fraction of a release, unpacked in a fraction of the time.
fn is_needed(path: &Path) -> bool {
    [
        "Include/patchlevel.h",
        "Lib/ensurepip",
        "Lib/venv",
        "Misc/sbom.spdx.json",
    ]
    .into_iter()
    .any(|needed| path.starts_with(needed))
}

/// The release that the patch is for, and where its text is.
fn origin(target: &Target, context: &Context<'_>) -> Result<(PythonVersion, Source), Error> {
    match target {
        Target::Release {
            python,
            source,
            sha256,
            mirrors,
            proofs,
        } => {
            let wish = SourceRequest {
                location: source.as_ref(),
                sha256: *sha256,
                mirrors,
                proofs,
            };
            let release = context.release(*python, wish)?;
            let python = release.version;
            Ok((python, context.source(release, wish)))
        }
        Target::Tree { path, python, .. } => {
            let request = match python {
                Some(request) => *request,
                None => {
                    VersionRequest::Exact(version_found_in_tree(path).map_err(source::Error::from)?)
                }
            };
            let location = SourceLocation::Path(path.clone());
            let wish = SourceRequest {
                location: Some(&location),
                sha256: None,
                mirrors: &[],
                proofs: &ProofPolicy::default(),
            };
            let release = context.release(request, wish)?;
            let python = release.version;
            Ok((python, context.source(release, wish)))
        }
    }
}

fn hand_out(
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
            print(export.diff().as_bytes())?;
            let wheels = list(export.added());
            if !wheels.is_empty() {
                reporter.note(&format!(
                    "the wheels are not in this diff ({}): `-o FILE` writes a patch that has them",
                    wheels.join(", ")
                ));
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
            let placed = export::write_folder(export, path)?;
            phase.finish(&path.display().to_string());
            if !export.is_empty() {
                tell_what_to_do(export, path, placed.wheels(), reporter);
            }
        }
    }
    Ok(())
}

/// The two commands that do by hand what `git apply` does with one file.
fn tell_what_to_do<'a>(
    export: &Export,
    folder: &Path,
    wheels: impl Iterator<Item = &'a str>,
    reporter: &dyn Reporter,
) {
    let shown = |name: &str| quoted(folder.join(name).as_os_str());
    let wheels: Vec<String> = wheels.map(shown).collect();
    let mut commands = vec![format!("patch -p1 < {}", shown(DIFF))];
    if !wheels.is_empty() {
        commands.push(format!("cp {} Lib/ensurepip/_bundled/", wheels.join(" ")));
    }
    reporter.note(&format!("in the tree: {}", commands.join(" && ")));
    let removed = list(export.removed());
    if !removed.is_empty() {
        reporter.note(&format!("then:        rm {}", removed.join(" ")));
    }
}

fn list<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    paths.map(|path| path.display().to_string()).collect()
}
