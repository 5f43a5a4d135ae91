//! The wheels that an `ensurepip` bundles, and changes to them.

/// A wheel as `ensurepip/__init__.py` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledWheel {
    /// The version, as it is written in the wheel's file name.
    pub version: String,
    /// `py3`, `py2.py3`.
    pub python_tag: String,
}

impl BundledWheel {
    pub(crate) fn file_name(&self, project: &str) -> String {
        format!(
            "{project}-{}-{}-none-any.whl",
            self.version, self.python_tag
        )
    }
}

/// The wheels that an `ensurepip/__init__.py` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// pip.
    pub pip: BundledWheel,
    /// setuptools; `None` from 3.12 on.
    pub setuptools: Option<BundledWheel>,
}

impl Bundled {
    pub(crate) fn file_names(&self) -> Vec<String> {
        let setuptools = self
            .setuptools
            .as_ref()
            .map(|wheel| wheel.file_name("setuptools"));
        setuptools
            .into_iter()
            .chain([self.pip.file_name("pip")])
            .collect()
    }

    /// The wheels that are named after the changes.
    pub(super) fn with(mut self, changes: &PinChanges<BundledWheel>) -> Self {
        if let Some(pip) = &changes.pip {
            self.pip = pip.clone();
        }
        match &changes.setuptools {
            PinChange::Keep => {}
            PinChange::Remove => self.setuptools = None,
            PinChange::Replace(wheel) => self.setuptools = Some(wheel.clone()),
        }
        self
    }
}

/// The change of one bundled project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PinChange<W> {
    /// The wheel stays.
    #[default]
    Keep,
    /// The project is not bundled any more.
    Remove,
    /// This wheel replaces the old one.
    Replace(W),
}

impl<W> PinChange<W> {
    pub(super) fn wheel(&self) -> Option<&W> {
        match self {
            Self::Replace(wheel) => Some(wheel),
            Self::Keep | Self::Remove => None,
        }
    }

    pub(super) fn is_removal(&self) -> bool {
        matches!(self, Self::Remove)
    }
}

/// The changes of both projects. `W` is either a wheel's name or a wheel that was opened and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinChanges<W> {
    /// The new pip; `None` keeps the old one.
    pub pip: Option<W>,
    /// The change of setuptools.
    pub setuptools: PinChange<W>,
}

impl<W> PinChanges<W> {
    pub(super) fn wheels(&self) -> impl Iterator<Item = &W> {
        self.setuptools.wheel().into_iter().chain(&self.pip)
    }

    pub(super) fn map<T>(&self, convert: impl Fn(&W) -> T) -> PinChanges<T> {
        PinChanges {
            pip: self.pip.as_ref().map(&convert),
            setuptools: match &self.setuptools {
                PinChange::Keep => PinChange::Keep,
                PinChange::Remove => PinChange::Remove,
                PinChange::Replace(wheel) => PinChange::Replace(convert(wheel)),
            },
        }
    }
}
