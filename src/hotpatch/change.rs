//! The ordered list of changes that a hotpatch or an undo makes.

use std::collections::BTreeMap;
use std::fs::FileTimes;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::Sha256;
use crate::fs::durable::{bring, take_after};
use crate::fs::list::names_in;
use crate::hotpatch::error::Error;
use crate::hotpatch::originals::{KeptFile, Original, is_compiled};
use crate::hotpatch::target::Target;
use crate::source::ensurepip::EnsurepipPatch;
use crate::transaction::Transaction;

/// The new state of one path.
#[derive(Debug)]
enum Change {
    /// A text, with the owner and mode of the file that it replaces.
    Text(String),
    /// A wheel from the store, with the owner and mode of another file.
    Wheel {
        from: PathBuf,
        sha256: Sha256,
        like: PathBuf,
    },
    /// A file that may be moved.
    File(PathBuf),
    /// An original, with its owner, mode and times.
    Original {
        file: KeptFile,
        kept: PathBuf,
    },
    Link(PathBuf),
    Removal,
}

/// The changes of an interpreter, by path below its prefix.
#[derive(Debug, Default)]
pub(crate) struct ChangeList(BTreeMap<PathBuf, Change>);

impl ChangeList {
    /// The changes that a patch of the target's `ensurepip` asks for; empty if all are made already.
    pub fn of_patch(pin: &EnsurepipPatch, target: &Target) -> Result<Self, Error> {
        let mut list = Self::default();
        for wheel in pin.added() {
            let path = target.stdlib.join(&wheel.path);
            if Sha256::of_file(&path).ok() != Some(wheel.sha256) {
                let change = Change::Wheel {
                    from: wheel.from.clone(),
                    sha256: wheel.sha256,
                    like: model_for(&path, pin, &target.stdlib),
                };
                list.0.insert(target.below_prefix(&path), change);
            }
        }
        for path in pin.removed() {
            list.remove(target.below_prefix(&target.stdlib.join(path)));
        }
        for change in pin.changes() {
            let text = target.stdlib.join(change.path());
            for compiled in compiled_beside(&text)? {
                list.remove(target.below_prefix(&compiled));
            }
            list.add_text(target.below_prefix(&text), change.after().to_owned());
        }
        Ok(list)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths that change, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The digests of the texts that are written.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, Sha256)> {
        self.0.iter().filter_map(|(path, change)| match change {
            Change::Text(text) => Some((path.as_path(), Sha256::of(text.as_bytes()))),
            _ => None,
        })
    }

    pub fn add_text(&mut self, path: PathBuf, text: String) {
        self.0.insert(path, Change::Text(text));
    }

    pub fn add_file(&mut self, path: PathBuf, from: PathBuf) {
        self.0.insert(path, Change::File(from));
    }

    pub fn remove(&mut self, path: PathBuf) {
        self.0.insert(path, Change::Removal);
    }

    /// Restores the original file or link of a path, kept in the folder `kept`, unless it is in place.
    pub fn restore(&mut self, path: &Path, original: &Original, kept: &Path, prefix: &Path) {
        if original.is_at(&prefix.join(path)) {
            return;
        }
        let change = match original {
            Original::Absent => return,
            Original::Link { to } => Change::Link(to.clone()),
            Original::File(file) => Change::Original {
                kept: file.kept_in(kept),
                file: file.clone(),
            },
        };
        self.0.insert(path.to_owned(), change);
    }

    /// Removes the files that were compiled from a text and are no originals. Python goes by a text's
    /// time and size, or not even by those (PEP 552), so no file compiled from another text may stay.
    pub fn remove_compiled(
        &mut self,
        text: &Path,
        originals: &BTreeMap<PathBuf, Original>,
        target: &Target,
    ) -> Result<(), Error> {
        for compiled in compiled_beside(&target.prefix.join(text))? {
            let path = target.below_prefix(&compiled);
            if matches!(originals.get(&path), None | Some(Original::Absent)) {
                self.remove(path);
            }
        }
        Ok(())
    }

    /// Adds the changes to a transaction: wheels come, then texts change, then what is compiled from the
    /// texts, and last wheels go.
    pub fn stage(&self, target: &Target, transaction: &mut Transaction) -> Result<(), Error> {
        let rank = |path: &Path, change: &Change| match change {
            Change::Removal if is_wheel(path) => 3,
            _ if is_wheel(path) => 0,
            _ if is_compiled(path) => 2,
            _ => 1,
        };
        let mut list: Vec<_> = self.0.iter().collect();
        list.sort_by_key(|(path, change)| rank(path, change));
        for changes in list.chunk_by(|(one, a), (two, b)| rank(one, a) == rank(two, b)) {
            transaction.sync_before_next();
            for (path, change) in changes {
                let at = target.prefix.join(path);
                if let Change::Removal = change {
                    transaction.remove(path);
                    let folders = path.ancestors().skip(1).map(Path::to_owned);
                    let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
                    transaction.remove_if_empty(folders);
                } else {
                    let new = transaction.staging_path(path)?;
                    change.make(&new, &at).map_err(Error::file(&at))?;
                }
            }
        }
        Ok(())
    }
}

impl Change {
    /// Makes the file or link `new`, which will replace the one at `path`.
    fn make(&self, new: &Path, path: &Path) -> io::Result<()> {
        match self {
            Self::Text(text) => {
                let before = fs_err::metadata(path)?;
                fs_err::write(new, text)?;
                take_after(new, &before)?;
                // Compiled files go by whole seconds.
                if before.mtime() == fs_err::metadata(new)?.mtime() {
                    let time = before.modified()? + Duration::from_secs(1);
                    let times = FileTimes::new().set_modified(time);
                    fs_err::File::open(new)?.file().set_times(times)?;
                }
            }
            Self::Wheel { from, sha256, like } => {
                let content = fs_err::read(from)?;
                if Sha256::of(&content) != *sha256 {
                    return Err(io::Error::other(format!(
                        "{} no longer has the digest {sha256}",
                        from.display()
                    )));
                }
                fs_err::write(new, content)?;
                take_after(new, &fs_err::metadata(like)?)?;
            }
            Self::File(from) => bring(from, new)?,
            Self::Original { file, kept } => file.restore(kept, new)?,
            Self::Link(to) => std::os::unix::fs::symlink(to, new)?,
            Self::Removal => {}
        }
        Ok(())
    }
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "whl")
}

fn is_python(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "py")
}

/// The compiled files in the folder of a Python text: in `__pycache__` (PEP 3147), or beside it for
/// CPython 2.7. None for other texts.
fn compiled_beside(text: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    if is_python(text) {
        let beside = text.parent().unwrap_or(Path::new("/"));
        for folder in [beside.to_owned(), beside.join("__pycache__")] {
            let names = names_in(&folder).map_err(Error::file(&folder))?;
            let paths = names.into_iter().map(|name| folder.join(name));
            found.extend(paths.filter(|path| is_compiled(path)));
        }
    }
    Ok(found)
}

/// The file that gives a new wheel its owner and mode: the wheel of the project that it replaces, else
/// any other that is removed, else the text that names it.
fn model_for(wheel: &Path, pin: &EnsurepipPatch, stdlib: &Path) -> PathBuf {
    if wheel.exists() {
        return wheel.to_owned();
    }
    let project = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        Some(name.split('-').next()?.to_owned())
    };
    let replaced = pin.removed().iter().map(|path| stdlib.join(path));
    let model = replaced.min_by_key(|path| project(path) != project(wheel));
    model.unwrap_or_else(|| stdlib.join("ensurepip/__init__.py"))
}
