//! The inputs of a build for a lock file.

use std::path::Path;

use super::Target;
use crate::commands::error::Error;
use crate::commands::locked::choose_pins;
use crate::commands::printed::plan_only;
use crate::commands::work_folder::SideFolder;
use crate::fetch::VerifiedSource;
use crate::host::build_environment::taken_over;
use crate::plan::lock::{LockedBuild, LockedFile};
use crate::plan::{Draft, FileLocation, WheelInput};

impl Target<'_> {
    /// Chooses and fetches every input, and builds nothing.
    pub(in crate::commands) fn lock(self) -> Result<LockedBuild, Error> {
        let (settings, context, python) = (self.settings, &self.context, self.python);
        let request = settings.request.clone();
        let pins = match self.pins {
            Some(pins) => pins,
            None => choose_pins(settings, context, python)?,
        };
        let variables = taken_over(context.environment);
        let names = request.names;
        let draft = Draft::new(
            request,
            python,
            self.source,
            pins,
            self.prefix,
            names,
            variables,
        );
        let plan = plan_only(draft, settings, context)?.into_plan();
        let folder = SideFolder::new(&context.store, "lock")?;
        let changes = context.fetch_changes(&plan, folder.runner())?;
        let source = context.fetch_source(python, plan.source(), folder.runner())?;
        let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        let source = match &source {
            VerifiedSource::Tree(_) => None,
            VerifiedSource::Archive(archive) => Some(LockedFile {
                file: archive.name().to_owned(),
                sha256: archive.sha256(),
                size: size(archive.path()),
                address: context.release_address(python, archive.name()),
                because: format!("`{}` is CPython {python}", settings.request.python),
            }),
        };
        let wheels = changes.wheels();
        let size_of = |input: &WheelInput| {
            let wheel = wheels.iter().find(|wheel| wheel.input() == input);
            wheel.map_or(0, |wheel| size(wheel.path()))
        };
        let packages = changes.packages().iter().zip(&settings.request.wheels);
        let packages = packages.map(|(package, named)| LockedFile {
            file: package.name().to_owned(),
            sha256: package.sha256(),
            size: size(package.path()),
            address: match &named.location {
                FileLocation::Path(_) => None,
                FileLocation::Url(address) => address.for_publication(),
            },
            because: "named by the recipe".to_owned(),
        });
        let packages = packages.collect();
        let recipe = settings.recipe.clone().unwrap_or_default();
        Ok(LockedBuild::new(&plan, recipe, source, packages, size_of))
    }
}
