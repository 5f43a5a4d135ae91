//! `pybuild bundle RECIPE -o FILE`: writes everything that the lock of a recipe names into one archive.

use std::fmt;
use std::path::Path;

use crate::cli::{BuildArguments, BuildTarget, BundleArguments};
use crate::commands::build::Target;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::export::bundle::Bundle;
use crate::plan::pin_request::PinRequest;
use crate::plan::{NamedFile, SourceLocation};
use crate::progress::{Event, Level};
use crate::settings::BuildSettings;
use crate::store::Store;

/// A bundle was written.
struct Written<'a> {
    path: &'a Path,
    files: usize,
}

impl Event for Written<'_> {
    fn level(&self) -> Level {
        Level::Note
    }
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrote {} files into {}", self.files, self.path.display())
    }
}

/// Fetches what the lock names, writes the bundle, and prints its path.
///
/// # Errors
/// When the recipe has no lock or an input cannot be fetched; no bundle is written.
pub fn run(arguments: BundleArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let (environment, reporter) = (invocation.environment, invocation.reporter);
    let recipe = environment.absolute(&arguments.recipe);
    let folder = recipe.parent().unwrap_or(Path::new("/"));
    let to = environment.absolute(&arguments.output);
    let target = BuildTarget::Recipe(recipe.clone());
    let mut build = BuildArguments::of_target(target, arguments.origins);
    build.locked = true;
    let store = Store::of(environment);
    let mut bundle = Bundle::new(&recipe);
    for settings in &BuildSettings::all(build, environment)? {
        let request = &settings.request;
        let files = request.patches.iter().chain(&request.wheels);
        let keyrings = request.proofs.keyrings.iter();
        let keyrings = keyrings.map(|keyring| keyring.path.as_path());
        for path in files.filter_map(NamedFile::path).chain(keyrings) {
            bundle.add_relative(folder, path)?;
        }
        for pin in [&request.pip, &request.setuptools] {
            if let PinRequest::Wheel(path) = pin {
                bundle.add_relative(folder, path)?;
            }
        }
        if let Some(SourceLocation::Path(path)) = &request.source {
            bundle.add_relative(folder, path)?;
        }
        let target = Target::resolve_for_repetition(settings, environment, reporter)?;
        for (_, sha256) in target.lock()?.downloads() {
            bundle.add_download(sha256, &store.path_of(sha256));
        }
    }
    let files = bundle.write(&to)?;
    reporter.report(&Written { path: &to, files });
    invocation.output.result(&to.display().to_string());
    Ok(())
}
