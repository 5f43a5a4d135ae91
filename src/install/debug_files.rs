//! `--debug-info=split`: moves debug information out of the staged programs and libraries into files in
//! `.debug` folders beside them, where gdb and elfutils look for it by themselves.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::compile::BuildContext;

/// Writes `FOLDER/.debug/NAME.debug` for each file after the first argument, which is `objcopy`. The new
/// file replaces the old one by a rename, because some libraries are not writable. A file of the linker's
/// (`*.a`, `*.o`) cannot refer to another file and loses its debug information.
const SCRIPT: &str = r#"set -e
objcopy=$1
shift
for file do
    new=$file.stripped link=
    case $file in
    *.a | *.o) ;;
    *)
        folder=${file%/*}/.debug
        link=$folder/${file##*/}.debug
        mkdir -p "$folder"
        "$objcopy" --only-keep-debug "$file" "$link"
        chmod 644 "$link"
        ;;
    esac
    "$objcopy" -D --strip-debug ${link:+--add-gnu-debuglink="$link"} "$file" "$new"
    mv -f "$new" "$file"
done
"#;

/// Splits every program, library and object file below `root`.
pub(super) fn split(root: &Path, context: &BuildContext<'_>) -> Result<(), Error> {
    let Some(objcopy) = &context.host.toolchain.objcopy else {
        return Ok(());
    };
    let files = with_debug_information(root).map_err(Error::Staging)?;
    let command = context
        .command("/bin/sh", root)
        .with_arguments(["-c", SCRIPT, "sh"])
        .with_argument(&objcopy.path)
        .with_arguments(files);
    let run = context.runner.run("debug-info", &command, |_| {});
    run.map_err(Error::Command)
}

/// The ELF files and archives of object files below `root`, sorted. The Makefile's copies of the
/// installed modules are all different files.
fn with_debug_information(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() && is_binary(entry.path())? {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

fn is_binary(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    fs_err::File::open(path)?.take(8).read_to_end(&mut head)?;
    Ok(head.starts_with(b"\x7fELF") || head == b"!<arch>\n")
}
