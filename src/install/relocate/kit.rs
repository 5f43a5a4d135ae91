//! What is kept beside an installation so that it can be moved to another prefix.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use super::archive_members::members;
use super::commands::Commands;
use super::error::NotMovable;
use super::inventory::Inventory;
use super::recipe::Recipe;
use super::sources::{self, Move, set_modified};
use super::{byte_code, prefixes};
use crate::compile::BuildContext;
use crate::digest::Sha256;
use crate::parallel::in_parallel;
use crate::plan::InstallPrefix;

/// Stands for the prefix in the kept source.
pub(super) const PLACEHOLDER: &str = "/pybuild/takes/the/place/of/the/prefix";

/// The name of the kept source in the folder in which the interpreter is linked.
const SOURCE: &str = "getpath.i";

/// The name of the interpreter in that folder.
const INTERPRETER: &str = "python";

/// The parts of a compile that decide which bytes of an installation follow from its prefix.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kit {
    from: InstallPrefix,
    recipe: Recipe,
    /// The preprocessed source of the only file into which the prefix is compiled.
    source: String,
    inventory: Inventory,
    /// The object file of the main program, relative to the prefix, as all paths here.
    program: PathBuf,
    /// Copies of the static library.
    libraries: Vec<PathBuf>,
    interpreter: PathBuf,
}

/// Refuses a prefix for which every build has to compile.
pub(crate) fn ensure_movable_to(prefix: &InstallPrefix) -> Result<(), NotMovable> {
    prefixes::plain_text(prefix)?;
    prefixes::ensure_unused(prefix)
}

impl Kit {
    /// Examines the installation at `root`. Proves that all files that are made again for another prefix
    /// are equal to those at `root` if they are made again for this one.
    pub(super) fn new(
        from: InstallPrefix,
        recipe: Recipe,
        source: String,
        root: &Path,
        scratch: &Path,
        commands: &dyn Commands,
    ) -> Result<Self, NotMovable> {
        let inventory = Inventory::of(root, prefixes::plain_text(&from)?)?;
        let is_library =
            |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "a");
        let (libraries, others): (Vec<_>, Vec<_>) = inventory.binaries.iter().partition(is_library);
        let [interpreter] = others[..] else {
            let unknown = others.last().map(|file| (*file).clone());
            return Err(unknown.map_or(NotMovable::NoRecipe, NotMovable::UnknownFile));
        };
        let program = Path::new(&recipe.program).file_name().unwrap_or_default();
        let mut programs = libraries
            .iter()
            .map(|library| library.with_file_name(program));
        let program = programs.find(|program| root.join(program).exists());
        let kit = Self {
            from,
            recipe,
            source,
            program: program.ok_or(NotMovable::NoRecipe)?,
            libraries: libraries.into_iter().cloned().collect(),
            interpreter: interpreter.clone(),
            inventory,
        };
        let linked = kit.link(root, &kit.from, scratch, commands)?;
        let moved = sources::compile(&kit.source_move(root, &kit.from)?, scratch, commands)?;
        let interpreter = (kit.interpreter.clone(), linked.join(INTERPRETER));
        let libraries = kit.libraries.iter();
        let libraries = libraries.map(|file| (file.clone(), linked.join(&kit.recipe.library)));
        for (file, made) in libraries.chain([interpreter]).chain(moved) {
            if Sha256::of_file(&root.join(&file))? != Sha256::of_file(&made)? {
                return Err(NotMovable::NotReproduced(file));
            }
        }
        Ok(kit)
    }

    /// Changes the installation at `root` into the one that a build for `to` gives. The files are
    /// incomplete after an error. `scratch` is an empty folder.
    pub(crate) fn relocate(
        &self,
        root: &Path,
        to: &InstallPrefix,
        scratch: &Path,
        context: &BuildContext<'_>,
    ) -> Result<(), NotMovable> {
        self.move_installation(root, to, scratch, context)
    }

    pub(super) fn move_installation(
        &self,
        root: &Path,
        to: &InstallPrefix,
        scratch: &Path,
        commands: &dyn Commands,
    ) -> Result<(), NotMovable> {
        ensure_movable_to(to)?;
        let (from, to_text) = (prefixes::plain_text(&self.from)?, prefixes::plain_text(to)?);
        // The interpreter is not started while its byte code changes.
        thread::scope(|scope| {
            let renamed = scope.spawn(|| self.move_files(root, from, to_text));
            let linked = self.link(root, to, scratch, commands)?;
            for library in &self.libraries {
                let mut made = fs_err::File::open(linked.join(&self.recipe.library))?;
                io::copy(&mut made, &mut fs_err::File::create(root.join(library))?)?;
            }
            // A file that this process wrote cannot always be executed: children of other threads
            // inherit it while they start.
            let interpreter = root.join(&self.interpreter);
            let made = linked.join(INTERPRETER);
            fs_err::set_permissions(&made, interpreter.metadata()?.permissions())?;
            fs_err::rename(made, interpreter)?;
            renamed.join().expect("the thread does not panic")
        })?;
        for (file, made) in &sources::compile(&self.source_move(root, to)?, scratch, commands)? {
            let time = fs_err::metadata(made)?.modified()?;
            fs_err::write(root.join(file), fs_err::read(made)?)?;
            set_modified(&root.join(file), time)?;
        }
        Ok(())
    }

    /// Replaces the prefix in text files and in byte code.
    fn move_files(&self, root: &Path, from: &str, to: &str) -> Result<(), NotMovable> {
        for file in &self.inventory.texts {
            let text = fs_err::read_to_string(root.join(file))?;
            fs_err::write(root.join(file), text.replace(from, to))?;
        }
        in_parallel(&self.inventory.byte_code(root)?, |(file, source)| {
            let name = |prefix: &str| format!("{prefix}/{}", source.display());
            let content = fs_err::read(root.join(file))?;
            match byte_code::renamed(&content, from, &name(from), &name(to)) {
                Ok(Some(new)) => Ok(fs_err::write(root.join(file), new)?),
                Ok(None) => Ok(()),
                Err(byte_code::OtherText) => Err(NotMovable::UnknownFile(file.clone())),
            }
        })
        .into_iter()
        .collect()
    }

    /// Links the interpreter for `prefix`; returns the folder in which it is.
    fn link(
        &self,
        root: &Path,
        prefix: &InstallPrefix,
        scratch: &Path,
        commands: &dyn Commands,
    ) -> Result<PathBuf, NotMovable> {
        let folder = scratch.join("link");
        let write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs_err::write(path, content)
        };
        let library = self.libraries.first().ok_or(NotMovable::NoRecipe)?;
        let library = fs_err::read(root.join(library))?;
        let objects = members(&library)?;
        if objects.len() != self.recipe.members.len() {
            return Err(NotMovable::NoRecipe);
        }
        for (name, object) in self.recipe.members.iter().zip(objects) {
            write(name, object)?;
        }
        drop(library);
        write(
            &self.recipe.program,
            &fs_err::read(root.join(&self.program))?,
        )?;
        let source = self
            .source
            .replace(PLACEHOLDER, prefixes::plain_text(prefix)?);
        write(SOURCE, source.as_bytes())?;
        commands.give(&folder)?;
        commands.run_script(&self.recipe.script(SOURCE), &folder)?;
        commands.take_back(&folder)?;
        Ok(folder)
    }

    fn source_move<'a>(
        &'a self,
        root: &'a Path,
        to: &'a InstallPrefix,
    ) -> Result<Move<'a>, NotMovable> {
        Ok(Move {
            root,
            interpreter: &self.interpreter,
            sources: &self.inventory.sources,
            from: prefixes::plain_text(&self.from)?,
            to: prefixes::plain_text(to)?,
        })
    }
}
