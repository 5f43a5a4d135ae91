//! Kept compiles: the tree of one compile, before `ensurepip` ran, in the store. It has the release's own
//! `ensurepip`, so it is for every pin.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::installed::InstalledTree;
use super::relocate::{self, Candidate, Kit, NotMovable};
use crate::archive::tree;
use crate::compile::{BuildContext, BuiltTree, CompilePlan, Unbuilt};
use crate::digest::Sha256;
use crate::failpoint::crash_point;
use crate::fetch::{InputRecord, VerifiedChanges};
use crate::fs::durable::remove_folder_if_there;
use crate::fs::list::names_in;
use crate::plan::Plan;
use crate::plan::version::PythonVersion;
use crate::progress::{Event, Level, Reporter, Unit};
use crate::source::{self, Provenance, SourceDate, Vendored};
use crate::store::{BuiltEntry, Corrupt, Keeping, Kind, Store};

/// The file in the packed tree with which it is moved to another prefix.
const KIT: &str = "pybuild-relocation.json";

/// A kept compile beside its tree.
#[derive(Serialize, Deserialize)]
struct About {
    plan: CompilePlan,
    source: InputRecord,
    /// The time of all files.
    date: SourceDate,
    vendored: Vec<Vendored>,
    unbuilt: Unbuilt,
}

/// A kept compile in the store.
pub(crate) struct KeptCompile {
    entry: BuiltEntry,
    about: About,
}

/// The tree of a kept compile below a DESTDIR, with the release's own `ensurepip`.
pub(crate) struct UnpackedCompile {
    destdir: PathBuf,
    about: About,
}

/// An event of keeping or using compiles.
pub(super) enum KeptEvent<'a> {
    Damaged(&'a dyn std::error::Error),
    NotKept {
        because: &'a str,
    },
    CannotKeep(&'a io::Error),
    /// A compile that is used for its own prefix only.
    NotMovable(&'a NotMovable),
    NotMoved(&'a NotMovable),
}

impl Event for KeptEvent<'_> {
    fn level(&self) -> Level {
        match self {
            Self::NotKept { .. } | Self::NotMovable(_) => Level::Detail,
            Self::NotMoved(_) => Level::Note,
            Self::Damaged(_) | Self::CannotKeep(_) => Level::Warning,
        }
    }
}

impl fmt::Display for KeptEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => write!(
                f,
                "a kept build is damaged and is built again: {}",
                crate::error::chain(error)
            ),
            Self::NotKept { because } => write!(f, "this compile is not kept: {because}"),
            Self::CannotKeep(error) => write!(
                f,
                "this compile cannot be kept for later builds: {}",
                crate::error::chain(error)
            ),
            Self::NotMovable(error) => write!(
                f,
                "this compile is kept for its own prefix only: {}",
                crate::error::chain(error)
            ),
            Self::NotMoved(error) => write!(
                f,
                "a compile for another prefix is kept, but not used: {}",
                crate::error::chain(error)
            ),
        }
    }
}

impl KeptCompile {
    /// Whether the store has a compile with this key.
    pub(crate) fn is_there(key: Sha256, store: &Store) -> bool {
        matches!(store.built(Kind::Compile, key), Ok(Some(_)))
    }

    /// The kept compile with this key, which may be [`CompilePlan::key_for_any_prefix`]. A damaged one is
    /// reported and discarded.
    pub(crate) fn find(key: Sha256, store: &Store, reporter: &dyn Reporter) -> Option<Self> {
        let report = |error: &Corrupt| reporter.report(&KeptEvent::Damaged(error));
        // Keeping the new compile replaces a damaged entry.
        let entry = store.built(Kind::Compile, key);
        let entry = entry.inspect_err(&report).ok()??;
        match entry.about::<About>() {
            Ok(about) => {
                let keys = [about.plan.key(), about.plan.key_for_any_prefix()];
                keys.contains(&Some(key)).then_some(Self { entry, about })
            }
            Err(error) => {
                report(&error);
                store.discard_built(entry);
                None
            }
        }
    }

    /// Unpacks the tree below the empty folder `destdir`, and moves it to the prefix of this build.
    /// `None` if it is damaged or cannot be moved: this is reported, and the folder is empty again. A
    /// damaged entry is discarded. `scratch` is an empty folder.
    pub(crate) fn unpack(
        self,
        destdir: &Path,
        scratch: &Path,
        store: &Store,
        context: &BuildContext<'_>,
    ) -> Result<Option<UnpackedCompile>, Error> {
        let reporter = context.reporter;
        let (from, prefix) = (self.about.plan.prefix(), context.compile.prefix());
        if from != prefix
            && let Err(error) = relocate::ensure_movable_to(prefix)
        {
            reporter.report(&KeptEvent::NotMoved(&error));
            return Ok(None);
        }
        let mut phase = reporter.begin("unpack", Unit::Steps, None);
        let root = prefix.below(destdir);
        fs_err::create_dir_all(&root).map_err(Error::Staging)?;
        match self.unpack_verified(&root) {
            Ok(()) => {
                crash_point("kept.unpacked");
                let mut done = "kept compile".to_owned();
                let kit = take_kit(&root).map_err(Error::Staging)?;
                if from != prefix {
                    phase.set_current("relocate");
                    let moved = kit.ok_or(NotMovable::NoRecipe);
                    let moved = moved.and_then(|kit| kit.relocate(&root, prefix, scratch, context));
                    if let Err(error) = moved {
                        reporter.report(&KeptEvent::NotMoved(&error));
                        empty(destdir)?;
                        return Ok(None);
                    }
                    done = format!("kept compile, moved from {from}");
                }
                self.entry.record_use(self.entry.cost());
                let Self { about, .. } = self;
                phase.finish(&done);
                let destdir = destdir.to_owned();
                Ok(Some(UnpackedCompile { destdir, about }))
            }
            Err(error) if is_about_content(&error) => {
                reporter.report(&KeptEvent::Damaged(&error));
                store.discard_built(self.entry);
                empty(destdir)?;
                Ok(None)
            }
            Err(error) => Err(Error::Staging(error)),
        }
    }

    fn unpack_verified(&self, root: &Path) -> io::Result<()> {
        let mut payload = self.entry.payload().map_err(io::Error::other)?;
        tree::unpack(payload.by_ref(), root)?;
        payload.finish().map_err(io::Error::other)
    }
}

fn empty(folder: &Path) -> Result<(), Error> {
    remove_folder_if_there(folder)
        .and_then(|()| fs_err::create_dir_all(folder))
        .map_err(Error::Staging)
}

/// Reads and removes the file with which an unpacked tree is moved; `None` if it has none.
fn take_kit(root: &Path) -> io::Result<Option<Kit>> {
    let path = root.join(KIT);
    match fs_err::read(&path) {
        Ok(text) => {
            fs_err::remove_file(path)?;
            Ok(serde_json::from_slice(&text).ok())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether unpacking failed because of the packed content. Otherwise the disk is full, for example, and
/// a full build would fail too.
fn is_about_content(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(
        error.kind(),
        InvalidData | InvalidInput | Other | UnexpectedEof
    )
}

impl UnpackedCompile {
    /// Pins the tree's `ensurepip` for `plan`, with the code that pins a source tree. `source` is the
    /// archive of this run, if there is one.
    pub(crate) fn pin(
        self,
        plan: Plan,
        changes: &VerifiedChanges,
        source: Option<InputRecord>,
        view: &Path,
    ) -> Result<InstalledTree, Error> {
        let Self { destdir, about } = self;
        let root = plan.prefix().below(&destdir);
        // A folder that looks like a source tree: the diff in the record has the same paths then.
        let library = library_in(&root, plan.python()).map_err(Error::Staging)?;
        let library = library.ok_or_else(|| Error::NoInterpreter { path: root.clone() })?;
        fs_err::create_dir_all(view).map_err(Error::Staging)?;
        std::os::unix::fs::symlink(&library, view.join("Lib")).map_err(Error::Staging)?;
        let pin = source::pin(view, &plan, changes).map_err(Error::Pin)?;
        let compile = Self { destdir, about };
        Ok(compile.into_tree(plan, changes, source, pin))
    }

    /// The tree of `plan`, whose pin has the diff `pin`.
    pub(super) fn into_tree(
        self,
        plan: Plan,
        changes: &VerifiedChanges,
        source: Option<InputRecord>,
        pin: Option<String>,
    ) -> InstalledTree {
        let Self { destdir, about } = self;
        let source = source.unwrap_or(about.source);
        let provenance = Provenance::new(plan, source, about.vendored, changes, pin);
        InstalledTree::new(destdir, provenance, about.date, about.unbuilt)
    }
}

/// Examines a built tree: whether the compile can be kept for every prefix.
pub(crate) fn candidate(
    tree: &BuiltTree,
    scratch: &Path,
    context: &BuildContext<'_>,
) -> Option<Candidate> {
    let not_movable = |error: &NotMovable| context.reporter.report(&KeptEvent::NotMovable(error));
    let candidate = Candidate::new(tree, scratch, context);
    candidate.inspect_err(not_movable).ok()
}

/// A compile that is about to be kept. It owns what it needs, so that `ensurepip` can run meanwhile: that
/// changes none of these files.
pub(crate) struct CompileToKeep {
    key: Sha256,
    /// The staged prefix.
    root: PathBuf,
    /// The paths below the prefix, and the files with their content.
    content: BTreeMap<PathBuf, PathBuf>,
    candidate: Option<Candidate>,
    about: About,
    cost: Duration,
}

impl CompileToKeep {
    /// The tree of a compile that took `cost`; `None` if it cannot be kept, which is reported.
    pub(crate) fn new(
        tree: &InstalledTree,
        candidate: Option<Candidate>,
        cost: Duration,
        context: &BuildContext<'_>,
    ) -> Option<Self> {
        let (plan, reporter) = (context.compile, context.reporter);
        let Some(key) = plan.key() else {
            let because = "the digest of its source is not known";
            reporter.report(&KeptEvent::NotKept { because });
            return None;
        };
        let Some(original) = tree.provenance().original() else {
            let because = "a patch changes its ensurepip";
            reporter.report(&KeptEvent::NotKept { because });
            return None;
        };
        let list = || {
            let library = library_in(tree.root(), plan.python())?;
            let library = library.ok_or_else(|| io::Error::other("it has no ensurepip"))?;
            let inside = library.strip_prefix(tree.root()).unwrap_or(&library);
            let mut paths = content_but_pinned(tree.root(), inside)?;
            let files = original.files();
            paths.extend(files.map(|(path, from)| (inside.join(path), from)));
            Ok(paths)
        };
        let cannot = |error: &io::Error| reporter.report(&KeptEvent::CannotKeep(error));
        Some(Self {
            key,
            root: tree.root().to_owned(),
            content: list().inspect_err(cannot).ok()?,
            candidate,
            about: About {
                plan: plan.clone(),
                source: tree.provenance().source().clone(),
                date: tree.date(),
                vendored: tree.provenance().vendored().to_vec(),
                unbuilt: tree.unbuilt().clone(),
            },
            cost,
        })
    }

    /// Keeps it: for every prefix, if it can be moved and no other is kept for every prefix. A failure is
    /// a warning: the build itself succeeds. `scratch` is an empty folder.
    pub(crate) fn keep(mut self, scratch: &Path, store: &Store, context: &BuildContext<'_>) {
        let reporter = context.reporter;
        let any = self.about.plan.key_for_any_prefix();
        if let Some(any) = any.filter(|any| !KeptCompile::is_there(*any, store))
            && let Some(kit) = self.write_kit(scratch, context)
        {
            self.content.insert(KIT.into(), kit);
            self.key = any;
        }
        let Self { key, content, .. } = self;
        let write = |to: &mut dyn io::Write| {
            tree::pack(&content, to)?;
            Ok(self.about)
        };
        match store.keep_built(Kind::Compile, key, self.cost, write) {
            Ok(Keeping::Kept | Keeping::Present) => {}
            Ok(Keeping::ReadOnly) => {
                let because = "the cache folder cannot be written";
                reporter.report(&KeptEvent::NotKept { because });
            }
            Err(error) => reporter.report(&KeptEvent::CannotKeep(&error)),
        }
    }

    /// Writes the file with which the tree is moved to another prefix. `None` if it cannot be moved.
    fn write_kit(&mut self, scratch: &Path, context: &BuildContext<'_>) -> Option<PathBuf> {
        let path = scratch.join(KIT);
        let kit = self.candidate.take()?.kit(&self.root, scratch, context);
        let kit = kit.and_then(|kit| {
            let text = serde_json::to_vec(&kit).map_err(io::Error::from)?;
            Ok(fs_err::write(&path, text)?)
        });
        let report = |error: &NotMovable| context.reporter.report(&KeptEvent::NotMovable(error));
        kit.inspect_err(report).ok().map(|()| path)
    }
}

/// The paths below `root` without the files that a pin changes, and without what is compiled from them.
fn content_but_pinned(root: &Path, library: &Path) -> io::Result<BTreeMap<PathBuf, PathBuf>> {
    let mut content = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if entry.file_type().is_dir() || !is_pinned(path, library) {
            content.insert(path.to_owned(), entry.into_path());
        }
    }
    Ok(content)
}

/// Whether a pin may change the file or what is compiled from it. Both paths are below the prefix.
pub(super) fn is_pinned(path: &Path, library: &Path) -> bool {
    let Ok(path) = path.strip_prefix(library) else {
        return false;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.starts_with("ensurepip") || path.starts_with("venv") && name.starts_with("__init__.")
}

/// The standard library below the staged prefix `root`: the folder with `ensurepip`. Its parent depends
/// on `--with-platlibdir`.
pub(super) fn library_in(root: &Path, python: PythonVersion) -> io::Result<Option<PathBuf>> {
    let name = format!("python{}", python.short());
    // The second is that of a free-threaded interpreter (PEP 703).
    let names = [name.clone(), format!("{name}t")];
    let folders = names_in(root)?.into_iter();
    Ok(folders
        .flat_map(|folder| names.each_ref().map(|name| root.join(&folder).join(name)))
        .find(|library| library.join("ensurepip/__init__.py").is_file()))
}
