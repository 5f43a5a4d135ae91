//! `--without-module`: extension modules that are not compiled although their libraries are there.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;

use crate::host::modules::names_of;

/// The variables of `setup.py`, which builds the modules up to 3.11: from 3.8 on, and before that.
const LISTS: [&str; 2] = ["DISABLED_MODULE_LIST = []", "disabled_module_list = []"];

/// Names the modules in the tree as those that are not to be built.
pub(super) fn name_in(root: &Path, modules: &BTreeSet<String>) -> io::Result<()> {
    if modules.is_empty() {
        return Ok(());
    }
    let names = modules.iter().flat_map(|module| names_of(module));
    // A module in a package is not compiled, and `makesetup` fails for such a name.
    let names: BTreeSet<&str> = names.filter(|name| !name.contains('.')).collect();
    let setup = root.join("setup.py");
    // In old releases, it is not always UTF-8.
    let text = fs_err::read(&setup).unwrap_or_default();
    for list in LISTS {
        if let Some(at) = memchr::memmem::find(&text, list.as_bytes()) {
            let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            let new = list.replace("[]", &format!("[{}]", quoted.join(", ")));
            let rest = &text[at + list.len()..];
            return fs_err::write(setup, [&text[..at], new.as_bytes(), rest].concat());
        }
    }
    let path = root.join("Modules/Setup.local");
    let mut local = fs_err::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?;
    let lines: Vec<&str> = std::iter::once("*disabled*").chain(names).collect();
    writeln!(local, "{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn setup_py_or_setup_local_names_the_modules() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let modules = ["sqlite3".to_owned(), "audioop".to_owned()].into();
        fs_err::create_dir(path("Modules")).unwrap();
        fs_err::write(path("Modules/Setup.local"), "# local\n").unwrap();
        name_in(dir.path(), &modules).unwrap();
        assert_eq!(
            fs_err::read_to_string(path("Modules/Setup.local")).unwrap(),
            "# local\n*disabled*\n_sqlite3\naudioop\nsqlite3\n"
        );
        for list in super::LISTS {
            fs_err::write(path("setup.py"), format!("x = 1\n{list}\ny = 2\n")).unwrap();
            name_in(dir.path(), &modules).unwrap();
            let text = fs_err::read_to_string(path("setup.py")).unwrap();
            let expected = list.replace("[]", "['_sqlite3', 'audioop', 'sqlite3']");
            assert_eq!(text, format!("x = 1\n{expected}\ny = 2\n"));
        }
        name_in(dir.path(), &[].into()).unwrap();
    }
}
