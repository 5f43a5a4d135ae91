//! Opens the wheels that a plan's pins name, and checks that `ensurepip` can bundle them.

use std::path::Path;

use super::super::sbom::{self, ListedWheel};
use super::super::wheel::{self, CheckedWheel};
use super::bundled::{BundledWheel, PinChange, PinChanges};
use super::error::Error;
use crate::digest::Sha256;
use crate::plan::{Pin, Pins, WheelInput, WheelLocation};

/// A wheel of the plan that was checked and that `ensurepip` can bundle.
#[derive(Debug)]
pub struct NewWheel {
    pub(super) wheel: CheckedWheel,
    pub(super) bundled: BundledWheel,
    pub(super) sha256: Sha256,
    address: Option<String>,
}

impl NewWheel {
    /// Checks that the file at `path` is the wheel `input`, and needs no project that is not bundled.
    pub(super) fn open(input: &WheelInput, path: &Path) -> Result<Self, Error> {
        let file_name = input.file_name.clone();
        let wheel = CheckedWheel::open(path, &file_name)?;
        let name = wheel.name();
        if name.project() != input.project || *name.version() != input.version {
            let expected = format!("{} {}", input.project, input.version);
            return Err(Error::OtherProject {
                file_name,
                expected,
            });
        }
        let bundled = BundledWheel {
            version: file_name.split('-').nth(1).unwrap_or_default().to_owned(),
            python_tag: name.python_tag().to_owned(),
        };
        if bundled.file_name(&input.project) != file_name {
            let project = input.project.clone();
            return Err(Error::CannotBeNamed { file_name, project });
        }
        if let [needed, ..] = wheel.requirements() {
            let needed = needed.clone();
            return Err(Error::NeedsOthers { file_name, needed });
        }
        let address = match &input.location {
            WheelLocation::Url(address) => address.for_publication(),
            WheelLocation::Path(_) => None,
        };
        Ok(Self {
            bundled,
            sha256: input.sha256,
            address,
            wheel,
        })
    }

    /// The wheel as an SBOM lists it.
    pub(super) fn listed(&self) -> Result<ListedWheel, wheel::Error> {
        // pip lists the projects that it vendors in this file (pypa/pip, src/pip/_vendor/README.rst).
        let vendored = self.wheel.text("pip/_vendor/vendor.txt")?;
        Ok(ListedWheel {
            project: self.wheel.name().project().to_owned(),
            version: self.bundled.version.clone(),
            file_name: self.wheel.name().to_string(),
            sha256: self.sha256,
            address: self.address.clone(),
            vendored: sbom::vendored(&vendored.unwrap_or_default()),
        })
    }
}

impl PinChanges<NewWheel> {
    /// Opens the wheels of `pins`; `path_of` returns the path that a wheel was downloaded to.
    pub(super) fn open<'a>(
        pins: &'a Pins,
        path_of: impl Fn(&'a WheelInput) -> &'a Path,
    ) -> Result<Self, Error> {
        let open = |input: &'a WheelInput| NewWheel::open(input, path_of(input));
        Ok(Self {
            pip: match &pins.pip {
                // Without pip, nothing of the old text stays; see `without_pip`.
                Pin::Bundled | Pin::Removed => None,
                Pin::Wheel(input) => Some(open(input)?),
            },
            setuptools: match &pins.setuptools {
                Pin::Bundled => PinChange::Keep,
                Pin::Removed => PinChange::Remove,
                Pin::Wheel(input) => PinChange::Replace(open(input)?),
            },
        })
    }
}
