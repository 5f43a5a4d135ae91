//! What `ensurepip` is to bundle: the plan's pins, with wheels that were looked into.

use std::path::Path;

use crate::digest::Sha256;
use crate::plan::{Pin, Pins, WheelInput, WheelLocation};
use crate::source::ensurepip::Error;
use crate::source::ensurepip::text::NamedWheel;
use crate::source::sbom;
use crate::source::sbom::ListedWheel;
use crate::source::wheel;
use crate::source::wheel::CheckedWheel;

/// What is to become of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PinChange<W> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken out.
    Remove,
    /// This takes its place.
    Replace(W),
}

impl<W> PinChange<W> {
    pub(super) fn wheel(&self) -> Option<&W> {
        match self {
            Self::Replace(wheel) => Some(wheel),
            Self::Keep | Self::Remove => None,
        }
    }
}

impl PinChange<NamedWheel> {
    pub(super) fn tag(&self) -> Option<&str> {
        self.wheel().map(|wheel| wheel.python_tag.as_str())
    }
}

/// A wheel of the plan that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWheel {
    pub(super) wheel: CheckedWheel,
    version: String,
    pub(super) sha256: Sha256,
    address: Option<String>,
}

impl NewWheel {
    /// Looks into the file at `path`, which is to be the wheel that the plan names.
    ///
    /// # Errors
    /// When it is not that wheel, contradicts itself, or cannot be bundled.
    pub fn open(input: &WheelInput, path: &Path) -> Result<Self, Error> {
        let wheel = CheckedWheel::open(path, &input.file_name)?;
        let name = wheel.name();
        if name.project() != input.project || *name.version() != input.version {
            return Err(Error::OtherProject {
                file_name: input.file_name.clone(),
                expected: format!("{} {}", input.project, input.version),
            });
        }
        let version = input.file_name.split('-').nth(1).unwrap_or_default();
        let named = NamedWheel {
            version: version.to_owned(),
            python_tag: name.python_tag().to_owned(),
        };
        if named.file_name(&input.project) != input.file_name {
            return Err(Error::CannotBeNamed {
                file_name: input.file_name.clone(),
                project: input.project.clone(),
            });
        }
        if let [needed, ..] = wheel.requirements() {
            return Err(Error::NeedsOthers {
                file_name: input.file_name.clone(),
                needed: needed.clone(),
            });
        }
        let address = match &input.location {
            WheelLocation::Url(address) => address.for_publication(),
            WheelLocation::Path(_) => None,
        };
        Ok(Self {
            version: version.to_owned(),
            sha256: input.sha256,
            address,
            wheel,
        })
    }

    pub(super) fn named(&self) -> NamedWheel {
        NamedWheel {
            version: self.version.clone(),
            python_tag: self.wheel.name().python_tag().to_owned(),
        }
    }

    pub(super) fn listed(&self) -> Result<ListedWheel, wheel::Error> {
        // pip says in a file of its own what it brings along (pypa/pip, src/pip/_vendor/README.rst).
        let vendored = self.wheel.text("pip/_vendor/vendor.txt")?;
        Ok(ListedWheel {
            project: self.wheel.name().project().to_owned(),
            version: self.version.clone(),
            file_name: self.wheel.name().to_string(),
            sha256: self.sha256,
            address: self.address.clone(),
            vendored: sbom::vendored(&vendored.unwrap_or_default()),
        })
    }
}

/// What `ensurepip` is to bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repin {
    /// pip; `None` keeps the one that is there.
    pub pip: Option<NewWheel>,
    /// setuptools.
    pub setuptools: PinChange<NewWheel>,
}

impl Repin {
    /// What the plan's pins ask for; `path_of` says where a wheel was fetched to.
    ///
    /// # Errors
    /// See [`NewWheel::open`].
    pub fn of<'a>(
        pins: &'a Pins,
        path_of: impl Fn(&'a WheelInput) -> &'a Path,
    ) -> Result<Self, Error> {
        let open = |input: &'a WheelInput| NewWheel::open(input, path_of(input));
        let pip = match &pins.pip {
            Pin::Bundled => None,
            Pin::Removed => return Err(Error::PipRemoved),
            Pin::Wheel(input) => Some(open(input)?),
        };
        let setuptools = match &pins.setuptools {
            Pin::Bundled => PinChange::Keep,
            Pin::Removed => PinChange::Remove,
            Pin::Wheel(input) => PinChange::Replace(open(input)?),
        };
        Ok(Self { pip, setuptools })
    }

    pub(super) fn new_wheels(&self) -> impl Iterator<Item = &NewWheel> {
        self.setuptools.wheel().into_iter().chain(self.pip.as_ref())
    }
}
