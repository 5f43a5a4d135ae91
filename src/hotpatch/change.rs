//! What is to stand where, and the order in which it comes to stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::FileTimes;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::digest::Sha256;
use crate::failpoint::crash_point;
use crate::fs::durable::{remove_if_there, sync_folder};
use crate::hotpatch::originals::{Item, KeptFile, Originals};
use crate::hotpatch::{Error, Target};
use crate::process::signals::uninterrupted;
use crate::source::ensurepip::EnsurepipPatch;

/// What every file that is about to be renamed into place is called until then.
const SCRATCH: &str = ".pybuild-";

/// What is to stand at one path.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A text, with the owner and mode of the file that it replaces.
    Text(String),
    /// A wheel from the store, with the owner and mode of another.
    Wheel {
        /// Where it is now.
        from: PathBuf,
        /// Its digest.
        sha256: Sha256,
        /// Whose owner and mode it gets.
        like: PathBuf,
    },
    /// A file that was kept, as it was.
    Kept {
        /// What it was.
        file: KeptFile,
        /// The copy.
        copy: PathBuf,
    },
    /// A symbolic link.
    Link(PathBuf),
    /// Nothing.
    Nothing,
}

/// What is to stand where, by path below the prefix.
#[derive(Debug, Clone, Default)]
pub struct Change(BTreeMap<PathBuf, Piece>);

impl Change {
    /// What a patch of the target's `ensurepip` asks for. Compiled files of a changed text go.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn of_patch(patch: &EnsurepipPatch, target: &Target) -> Result<Self, Error> {
        let stdlib = target.stdlib();
        let mut pieces = BTreeMap::new();
        for wheel in patch.added() {
            let piece = Piece::Wheel {
                from: wheel.from.clone(),
                sha256: wheel.sha256,
                like: model_for(&stdlib.join(&wheel.path), patch, stdlib),
            };
            pieces.insert(target.below_prefix(&stdlib.join(&wheel.path)), piece);
        }
        for path in patch.removed() {
            pieces.insert(target.below_prefix(&stdlib.join(path)), Piece::Nothing);
        }
        for change in patch.changes() {
            let text = stdlib.join(change.path());
            for compiled in compiled_beside(&text)? {
                pieces.insert(target.below_prefix(&compiled), Piece::Nothing);
            }
            let piece = Piece::Text(change.after().to_owned());
            pieces.insert(target.below_prefix(&text), piece);
        }
        Ok(Self(pieces))
    }

    /// What stood there when it was put on the originals.
    #[must_use]
    pub fn of_originals(originals: &Originals) -> Self {
        Self(
            originals
                .items()
                .iter()
                .map(|(path, item)| {
                    let piece = match item {
                        Item::Absent => Piece::Nothing,
                        Item::File(file) => Piece::Kept {
                            copy: originals.copy_of(file),
                            file: file.clone(),
                        },
                        Item::Link { to } => Piece::Link(to.clone()),
                    };
                    (path.clone(), piece)
                })
                .collect(),
        )
    }

    /// One text.
    #[must_use]
    pub fn of_text(path: PathBuf, text: String) -> Self {
        Self(BTreeMap::from([(path, Piece::Text(text))]))
    }

    /// The paths that change, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The digests of the texts that are written.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<PathBuf, Sha256> {
        self.0
            .iter()
            .filter_map(|(path, piece)| match piece {
                Piece::Text(text) => Some((path.clone(), Sha256::of(text.as_bytes()))),
                _ => None,
            })
            .collect()
    }

    /// Whether all of it stands there already, compiled files aside.
    #[must_use]
    pub fn stands(&self, prefix: &Path) -> bool {
        self.0.iter().all(|(path, piece)| {
            let file = prefix.join(path);
            let holds = |digest: Sha256| Sha256::of_file(&file).ok() == Some(digest);
            match piece {
                Piece::Text(text) => holds(Sha256::of(text.as_bytes())),
                Piece::Wheel { sha256, .. } => holds(*sha256),
                Piece::Kept { file, .. } => holds(file.sha256()),
                Piece::Link(to) => fs_err::read_link(&file).is_ok_and(|found| found == *to),
                Piece::Nothing => is_compiled(path) || file.symlink_metadata().is_err(),
            }
        })
    }

    /// Brings it about: wheels come, then texts change, then what is compiled from the texts is brought
    /// in line, and last wheels go. Killed anywhere, every wheel that a text or a compiled file names
    /// is there, and doing it again finishes it.
    ///
    /// # Errors
    /// When a file cannot be written; what was done until then stays, and is harmless.
    pub fn bring_about(&self, prefix: &Path) -> Result<(), Error> {
        let _whole = uninterrupted();
        let order = |pick: fn(&Path) -> bool| {
            self.0
                .iter()
                .filter(move |(path, _)| pick(path))
                .map(|(path, piece)| (prefix.join(path), piece))
        };
        let mut folders = BTreeSet::new();
        for (path, piece) in order(is_wheel) {
            if !matches!(piece, Piece::Nothing) {
                place(&path, piece).map_err(Error::file(&path))?;
                folders.extend(path.parent().map(Path::to_owned));
            }
        }
        sync_folders(&mut folders)?;
        crash_point("hotpatch.wheels");
        for (path, piece) in order(is_text) {
            place(&path, piece).map_err(Error::file(&path))?;
            crash_point("hotpatch.text");
            folders.extend(path.parent().map(Path::to_owned));
        }
        sync_folders(&mut folders)?;
        let texts: Vec<PathBuf> = order(is_text).map(|(path, _)| path).collect();
        self.compiled(prefix, &texts)?;
        crash_point("hotpatch.compiled");
        for (path, piece) in order(is_compiled) {
            place(&path, piece).map_err(Error::file(&path))?;
        }
        for (path, piece) in order(is_wheel) {
            if matches!(piece, Piece::Nothing) {
                remove_if_there(&path).map_err(Error::file(&path))?;
                folders.extend(path.parent().map(Path::to_owned));
            }
        }
        sync_folders(&mut folders)?;
        crash_point("hotpatch.arranged");
        Ok(())
    }

    /// Removes what was compiled from these texts and is not to stand there. Python goes by a text's
    /// time and size, or not even by those (PEP 552), so nothing compiled from another text may stay.
    fn compiled(&self, prefix: &Path, texts: &[PathBuf]) -> Result<(), Error> {
        for text in texts {
            for path in compiled_beside(text)? {
                let stays = self.0.iter().any(|(other, piece)| match piece {
                    Piece::Kept { .. } | Piece::Link(_) => prefix.join(other) == path,
                    _ => false,
                });
                if !stays {
                    remove_if_there(&path).map_err(Error::file(&path))?;
                }
            }
            if let Some(folder) = text.parent() {
                // Gone if it is empty; Python makes it anew.
                let _ = fs_err::remove_dir(folder.join("__pycache__"));
            }
        }
        Ok(())
    }
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "whl")
}

pub(super) fn is_compiled(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "pyc" || ending == "pyo")
}

fn is_text(path: &Path) -> bool {
    !is_wheel(path) && !is_compiled(path)
}

/// The compiled files in the folder of a Python text: in `__pycache__` (PEP 3147), or beside it for
/// CPython 2.7. Sorted; none for other texts.
fn compiled_beside(text: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    if text.extension().is_none_or(|ending| ending != "py") {
        return Ok(found);
    }
    let beside = text.parent().unwrap_or(Path::new("/"));
    for folder in [beside.to_owned(), beside.join("__pycache__")] {
        let mut list = || -> io::Result<()> {
            for entry in fs_err::read_dir(&folder)? {
                let path = entry?.path();
                if is_compiled(&path) {
                    found.push(path);
                }
            }
            Ok(())
        };
        match list() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file(&folder)(error));
            }
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

/// The wheel that gives a new one its owner and mode: the one that it replaces, else any other there,
/// else the text that names it.
fn model_for(wheel: &Path, patch: &EnsurepipPatch, stdlib: &Path) -> PathBuf {
    let project = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        Some(name.split('-').next()?.to_owned())
    };
    if wheel.exists() {
        return wheel.to_owned();
    }
    let replaced = patch.removed().iter().map(|path| stdlib.join(path));
    let mut candidates: Vec<PathBuf> = replaced.collect();
    candidates.sort_by_key(|path| project(path) != project(wheel));
    candidates
        .into_iter()
        .next()
        .unwrap_or_else(|| stdlib.join("ensurepip/__init__.py"))
}

/// Lets `piece` stand at `path`, whole or not at all.
fn place(path: &Path, piece: &Piece) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = path.with_file_name(format!("{SCRATCH}{name}"));
    remove_if_there(&scratch)?;
    let placed = place_by(&scratch, path, piece);
    if placed.is_err() {
        // On a full disk, half a wheel takes the room that putting everything back may need.
        let _ = remove_if_there(&scratch);
    }
    placed
}

fn place_by(scratch: &Path, path: &Path, piece: &Piece) -> io::Result<()> {
    match piece {
        Piece::Nothing => return remove_if_there(path),
        Piece::Text(text) => {
            let before = fs_err::metadata(path)?;
            write(scratch, text.as_bytes(), &before)?;
            // Compiled files go by whole seconds.
            let second = |time: SystemTime| {
                let since = time.duration_since(SystemTime::UNIX_EPOCH);
                since.unwrap_or_default().as_secs()
            };
            let earlier = before.modified()?;
            if second(earlier) == second(SystemTime::now()) {
                let times = FileTimes::new().set_modified(earlier + Duration::from_secs(1));
                fs_err::File::open(scratch)?.file().set_times(times)?;
            }
        }
        Piece::Wheel { from, sha256, like } => {
            let content = fs_err::read(from)?;
            if Sha256::of(&content) != *sha256 {
                return Err(io::Error::other(format!(
                    "{} no longer has the digest {sha256}",
                    from.display()
                )));
            }
            write(scratch, &content, &fs_err::metadata(like)?)?;
        }
        Piece::Kept { file, copy } => {
            if let (Ok(there), Ok(kept)) = (fs_err::symlink_metadata(path), fs_err::metadata(copy))
                && (there.dev(), there.ino()) == (kept.dev(), kept.ino())
            {
                // It never left. Renaming one name of a file to another does nothing.
                return Ok(());
            }
            if let Some(folder) = path.parent() {
                ensure_folder(folder)?;
            }
            file.restore(copy, scratch)?;
        }
        Piece::Link(to) => std::os::unix::fs::symlink(to, scratch)?,
    }
    crash_point("hotpatch.written");
    fs_err::rename(scratch, path)
}

fn write(scratch: &Path, content: &[u8], like: &std::fs::Metadata) -> io::Result<()> {
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(scratch)?;
    file.write_all(content)?;
    let found = file.metadata()?;
    if (found.uid(), found.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::chown(scratch, Some(like.uid()), Some(like.gid()))?;
    }
    let mode = like.permissions().mode() & 0o7777;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Makes a folder that was there and is not any more, with the owner and mode of its parent.
pub(super) fn ensure_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs_err::create_dir(folder)?;
    match folder.parent() {
        Some(parent) => take_after(folder, &fs_err::metadata(parent)?),
        None => Ok(()),
    }
}

/// Gives what is at `path` the owner and the mode of something else.
pub(super) fn take_after(path: &Path, like: &std::fs::Metadata) -> io::Result<()> {
    let found = fs_err::metadata(path)?;
    if (found.uid(), found.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()))?;
    }
    let mode = like.permissions().mode() & 0o7777;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Removes what a killed process was about to rename into place in these folders.
pub(super) fn sweep(folders: &[PathBuf]) {
    for folder in folders {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Renames of different folders reach the disk in the order of these calls.
fn sync_folders(folders: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    for folder in std::mem::take(folders) {
        sync_folder(&folder).map_err(Error::file(&folder))?;
    }
    Ok(())
}
