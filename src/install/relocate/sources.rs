//! Python files that contain the prefix: they are written by the interpreter itself, and compiled again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::commands::Commands;
use super::error::NotMovable;
use crate::install::bytecode::source_of;
use crate::python::Program;

pub(super) struct Move<'a> {
    pub(super) root: &'a Path,
    pub(super) interpreter: &'a Path,
    pub(super) sources: &'a [PathBuf],
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// Makes the files for the new prefix in a folder of their own. Returns the files of the installation
/// with the new ones.
pub(super) fn compile(
    files: &Move<'_>,
    scratch: &Path,
    commands: &dyn Commands,
) -> Result<Vec<(PathBuf, PathBuf)>, NotMovable> {
    let folder = scratch.join("sources");
    let mut pairs = Vec::new();
    let mut arguments = Vec::new();
    for source in files.sources {
        for file in with_byte_code(files.root, source)? {
            let copy = folder.join(&file);
            fs_err::create_dir_all(copy.parent().unwrap_or(&folder))?;
            let original = files.root.join(&file);
            let time = fs_err::metadata(&original)?.modified()?;
            fs_err::write(&copy, fs_err::read(original)?)?;
            set_modified(&copy, time)?;
            pairs.push((file, copy));
        }
        arguments.push(folder.join(source));
        arguments.push(Path::new(files.to).join(source));
    }
    if pairs.is_empty() {
        return Ok(pairs);
    }
    commands.give(&folder)?;
    commands.run(&files.root.join(files.interpreter), &folder, &|command| {
        let command = command.with_arguments(["-E", "-s", "-S", "-B"]);
        let command = command.with_program(Program::MovePrefix);
        command
            .with_arguments([files.from, files.to])
            .with_arguments(&arguments)
    })?;
    commands.take_back(&folder)?;
    Ok(pairs)
}

/// Sets the time of a file, which is also in its byte code.
pub(super) fn set_modified(file: &Path, time: SystemTime) -> io::Result<()> {
    let file = fs_err::OpenOptions::new().write(true).open(file)?;
    file.into_file().set_modified(time)
}

/// The source and the byte-code files beside it.
fn with_byte_code(root: &Path, source: &Path) -> Result<Vec<PathBuf>, NotMovable> {
    let mut files = vec![source.to_owned()];
    let folder = source.parent().unwrap_or(Path::new(""));
    for folder in [folder.join("__pycache__"), folder.to_owned()] {
        let Ok(entries) = fs_err::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries {
            let file = folder.join(entry?.file_name());
            if source_of(&file).as_deref() == Some(source) {
                files.push(file);
            }
        }
    }
    files[1..].sort();
    Ok(files)
}
