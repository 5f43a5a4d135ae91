//! The pin: makes a tree's `ensurepip` bundle the planned wheels, as a patch that is data first.

mod form;
mod python;
mod run_pip;
#[cfg(test)]
mod tests;
mod text;
mod venv;

use std::io;
use std::path::{Path, PathBuf};

pub(in crate::source) use python::Edits;
pub use text::{Bundled, NamedWheel};

use self::run_pip::EntryPoints;
use self::text::TextWish;
use super::change::{ChangeError, FileChange, write_file};
use super::sbom::{self, ListedWheel};
use super::wheel::{self, CheckedWheel};
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::resolve::plan::{Pin, Pins, WheelInput, WheelLocation};

/// A standard library whose `ensurepip` can be changed.
#[derive(Debug, Clone, Copy)]
pub struct Stdlib<'a> {
    root: &'a Path,
    folder: &'static str,
}

impl<'a> Stdlib<'a> {
    /// The one in an unpacked source tree.
    #[must_use]
    pub fn of_source(root: &'a Path) -> Self {
        Self {
            root,
            folder: "Lib",
        }
    }

    /// The one of an installed interpreter: the folder that `os.py` is in.
    #[must_use]
    pub fn of_installation(root: &'a Path) -> Self {
        Self { root, folder: "" }
    }

    /// The folder that all paths in a patch are below.
    #[must_use]
    pub fn root(&self) -> &'a Path {
        self.root
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join(name)
    }
}

/// What is to become of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wish<W> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken out.
    Remove,
    /// This takes its place.
    Replace(W),
}

impl<W> Wish<W> {
    fn wheel(&self) -> Option<&W> {
        match self {
            Self::Replace(wheel) => Some(wheel),
            Self::Keep | Self::Remove => None,
        }
    }
}

impl Wish<NamedWheel> {
    fn tag(&self) -> Option<&str> {
        self.wheel().map(|wheel| wheel.python_tag.as_str())
    }
}

/// A wheel of the plan that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWheel {
    wheel: CheckedWheel,
    version: String,
    sha256: Sha256,
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
            WheelLocation::Url(address) => Some(address.to_string()),
            WheelLocation::Path(_) => None,
        };
        Ok(Self {
            version: version.to_owned(),
            sha256: input.sha256,
            address,
            wheel,
        })
    }

    fn named(&self) -> NamedWheel {
        NamedWheel {
            version: self.version.clone(),
            python_tag: self.wheel.name().python_tag().to_owned(),
        }
    }

    fn listed(&self) -> Result<ListedWheel, wheel::Error> {
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
    pub setuptools: Wish<NewWheel>,
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
            Pin::Bundled => Wish::Keep,
            Pin::Removed => Wish::Remove,
            Pin::Wheel(input) => Wish::Replace(open(input)?),
        };
        Ok(Self { pip, setuptools })
    }

    fn new_wheels(&self) -> impl Iterator<Item = &NewWheel> {
        self.setuptools.wheel().into_iter().chain(self.pip.as_ref())
    }
}

/// A wheel that a patch puts into `_bundled`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedWheel {
    /// Where it goes, below the root.
    pub path: PathBuf,
    /// Where it is now.
    pub from: PathBuf,
    /// Its digest.
    pub sha256: Sha256,
}

/// Everything that makes one `ensurepip` bundle other wheels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnsurepipPatch {
    changes: Vec<FileChange>,
    added: Vec<AddedWheel>,
    removed: Vec<PathBuf>,
}

impl EnsurepipPatch {
    /// The text files that change, in the order in which they are written.
    #[must_use]
    pub fn changes(&self) -> &[FileChange] {
        &self.changes
    }

    /// The wheels that come in.
    #[must_use]
    pub fn added(&self) -> &[AddedWheel] {
        &self.added
    }

    /// The wheels that go, below the root.
    #[must_use]
    pub fn removed(&self) -> &[PathBuf] {
        &self.removed
    }

    /// The text files' changes as one unified diff, for `git apply` and `patch -p1`.
    #[must_use]
    pub fn diff(&self) -> String {
        self.changes.iter().map(FileChange::diff).collect()
    }

    /// Makes the changes below `root`: new wheels first, old ones last, so that at every moment each
    /// wheel that the text names is there. Nothing is written when a diff does not apply.
    ///
    /// # Errors
    /// When a diff does not apply, or a file cannot be read or written.
    pub fn apply(&self, root: &Path) -> Result<(), Error> {
        for change in &self.changes {
            change.try_on(root)?;
        }
        for wheel in &self.added {
            let to = root.join(&wheel.path);
            fs_err::read(&wheel.from)
                .and_then(|content| write_file(&to, &content, 0o644))
                .map_err(|source| Error::File { path: to, source })?;
        }
        for change in &self.changes {
            change.apply(root)?;
        }
        for wheel in &self.removed {
            let path = root.join(wheel);
            fs_err::remove_file(&path).map_err(|source| Error::File { path, source })?;
        }
        Ok(())
    }
}

/// Why an `ensurepip` cannot be made to bundle the planned wheels.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file has a form that is not known.
    #[error("{} is not understood", path.display())]
    Text {
        /// The file, below the root.
        path: PathBuf,
        /// What was looked for.
        source: NotUnderstood,
    },
    /// The source's own list of what it bundles is not as expected.
    #[error("{} is not understood", path.display())]
    Sbom {
        /// The file, below the root.
        path: PathBuf,
        /// Why.
        source: sbom::Error,
    },
    /// A file that is needed is not there, or cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `ensurepip` has no wheels of its own.
    #[error("{} has no `_bundled` folder", path.display())]
    NothingBundled {
        /// The folder of `ensurepip`.
        path: PathBuf,
    },
    /// A wheel that the text names, and that is to stay, is not there.
    #[error("{} names the wheel {file_name}, which is not in `_bundled`", path.display())]
    KeptWheelMissing {
        /// The file that names it.
        path: PathBuf,
        /// The wheel.
        file_name: String,
    },
    /// setuptools was to be changed where there is none.
    #[error("{} does not bundle setuptools", path.display())]
    NoSetuptools {
        /// The file that would name it.
        path: PathBuf,
    },
    /// `ensurepip` is there for pip.
    #[error("pip cannot be taken out of ensurepip")]
    PipRemoved,
    /// The wheel is of another project or version than planned.
    #[error("the wheel {file_name} is not {expected}")]
    OtherProject {
        /// The wheel.
        file_name: String,
        /// Project and version.
        expected: String,
    },
    /// `ensurepip` has no way to name that file.
    #[error("ensurepip cannot bundle a wheel named {file_name}")]
    CannotBeNamed {
        /// The wheel.
        file_name: String,
        /// The project.
        project: String,
    },
    /// It cannot be installed without the network.
    #[error("the wheel {file_name} needs {needed}, which ensurepip does not bundle")]
    NeedsOthers {
        /// The wheel.
        file_name: String,
        /// The first requirement.
        needed: String,
    },
    /// See [`wheel::Error`].
    #[error(transparent)]
    Wheel(#[from] wheel::Error),
    /// See [`ChangeError`].
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::PipRemoved | Self::NoSetuptools { .. } | Self::NeedsOthers { .. } => {
                ExitStatus::Unresolvable
            }
            _ => ExitStatus::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Text { .. } | Self::Sbom { .. } => {
                "this is not a text that a CPython release had; build the release's own source, or \
                 leave pip and setuptools as `bundled`"
                    .to_owned()
            }
            Self::NothingBundled { .. } | Self::KeptWheelMissing { .. } => {
                "a distribution took the wheels out: use the source that python.org released".to_owned()
            }
            Self::NoSetuptools { .. } => {
                "CPython 3.12 and later bundle pip alone: leave `--setuptools` away, and install it \
                 with pip where it is needed"
                    .to_owned()
            }
            Self::PipRemoved => "leave pip as `bundled`, or name a version".to_owned(),
            Self::OtherProject { .. } => "give a wheel of that project".to_owned(),
            Self::CannotBeNamed { project, .. } => format!(
                "only names of the form {project}-VERSION-TAG-none-any.whl can be bundled: rename \
                 the wheel if that is what it is"
            ),
            Self::NeedsOthers { .. } => {
                "choose a version that needs no other project".to_owned()
            }
            Self::Wheel(error) => return error.hint(),
            Self::File { .. } | Self::Change(_) => {
                "check that the tree is whole, may be written, and is used by nothing else".to_owned()
            }
        })
    }
}

/// What was looked for in a text and not found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotUnderstood {
    what: String,
}

impl NotUnderstood {
    fn new(what: String) -> Self {
        Self { what }
    }

    /// `what` was expected to be there.
    fn missing(what: &str) -> Self {
        Self::new(format!("there is no {what}"))
    }
}

/// Makes the patch after which `stdlib` bundles what is wished. Nothing is written.
///
/// # Errors
/// When a text is not understood, or something that is to stay is not there.
pub fn repin(stdlib: Stdlib<'_>, wish: &Repin) -> Result<EnsurepipPatch, Error> {
    let root = stdlib.root;
    let init = stdlib.file("ensurepip/__init__.py");
    let folder = stdlib.file("ensurepip/_bundled");
    if !root.join(&folder).is_dir() {
        return Err(Error::NothingBundled {
            path: root.join(stdlib.file("ensurepip")),
        });
    }
    let before = read(root, &init)?;
    let understood = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Text { path, source }
    };
    let bundled = Bundled::read(&before).map_err(understood(&init))?;
    if bundled.setuptools.is_none() && wish.setuptools != Wish::Keep {
        return Err(Error::NoSetuptools { path: init });
    }
    let after = text::repin(&before, &text_wish(wish)?).map_err(understood(&init))?;
    let mut changes: Vec<FileChange> = FileChange::between(&init, &before, &after)
        .into_iter()
        .collect();
    if wish.setuptools == Wish::Remove {
        let path = stdlib.file("venv/__init__.py");
        // CPython 2.7 has no venv.
        if root.join(&path).exists() {
            let before = read(root, &path)?;
            let after = venv::drop_setuptools(&before).map_err(understood(&path))?;
            changes.extend(FileChange::between(&path, &before, &after));
        }
    }
    changes.extend(sbom_change(root, wish)?);

    let named = Bundled::read(&after).map_err(understood(&init))?;
    let present = wheels_in(root, &folder)?;
    let added: Vec<AddedWheel> = wish
        .new_wheels()
        .map(|wheel| AddedWheel {
            path: folder.join(wheel.wheel.name().to_string()),
            from: wheel.wheel.path().to_owned(),
            sha256: wheel.sha256,
        })
        .collect();
    for file_name in named.file_names() {
        let path = folder.join(&file_name);
        let is_new = added.iter().any(|wheel| wheel.path == path);
        if !is_new && !present.contains(&file_name) {
            return Err(Error::KeptWheelMissing {
                path: init,
                file_name,
            });
        }
    }
    let removed = present
        .into_iter()
        .filter(|file_name| is_replaced(file_name, wish))
        .map(|file_name| folder.join(file_name))
        .filter(|path| added.iter().all(|wheel| wheel.path != *path))
        .collect();
    Ok(EnsurepipPatch {
        changes,
        added,
        removed,
    })
}

fn text_wish(wish: &Repin) -> Result<TextWish, Error> {
    let entry_points = match &wish.pip {
        Some(pip) => Some(EntryPoints::find(|file| pip.wheel.text(file))?),
        None => None,
    };
    Ok(TextWish {
        pip: wish.pip.as_ref().map(NewWheel::named),
        setuptools: match &wish.setuptools {
            Wish::Keep => Wish::Keep,
            Wish::Remove => Wish::Remove,
            Wish::Replace(wheel) => Wish::Replace(wheel.named()),
        },
        entry_points,
    })
}

/// Whether a wheel in `_bundled` is of a project that gets another one or goes.
fn is_replaced(file_name: &str, wish: &Repin) -> bool {
    match file_name.split('-').next() {
        Some("pip") => wish.pip.is_some(),
        Some("setuptools") => wish.setuptools != Wish::Keep,
        _ => false,
    }
}

fn sbom_change(root: &Path, wish: &Repin) -> Result<Option<FileChange>, Error> {
    let path = PathBuf::from("Misc/sbom.spdx.json");
    if !root.join(&path).exists() {
        return Ok(None);
    }
    let before = read(root, &path)?;
    let wheels: Vec<ListedWheel> = wish
        .new_wheels()
        .map(NewWheel::listed)
        .collect::<Result<_, _>>()?;
    let removed: &[&str] = match wish.setuptools {
        Wish::Remove => &["setuptools"],
        Wish::Keep | Wish::Replace(_) => &[],
    };
    let after = sbom::bring_in_line(&before, &wheels, removed).map_err(|source| Error::Sbom {
        path: path.clone(),
        source,
    })?;
    Ok(FileChange::between(&path, &before, &after))
}

fn read(root: &Path, path: &Path) -> Result<String, Error> {
    let path = root.join(path);
    fs_err::read_to_string(&path).map_err(|source| Error::File { path, source })
}

/// The wheels in `_bundled`, sorted.
fn wheels_in(root: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let path = root.join(folder);
    let list = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "whl"));
        names.sort();
        Ok(names)
    };
    list().map_err(|source| Error::File {
        path: path.clone(),
        source,
    })
}
