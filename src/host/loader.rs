//! The `libpython` that the loader takes for an interpreter built with `--enable-shared`: a variable of
//! the caller may name another one first (ld.so(8)).

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// A `libpython` that the loader takes instead of the installation's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shadowed {
    variable: &'static str,
    library: PathBuf,
    own: PathBuf,
}

impl Shadowed {
    /// The library that shadows the `libpython` in `folder`; `None` if the loader takes that one, or
    /// there is none. `short` is the version, such as `3.11`.
    pub(crate) fn find(folder: &Path, short: &str, environment: &Environment) -> Option<Self> {
        let own = libpython_in(folder, short)?;
        let name = own.file_name()?;
        let entries = |variable, separators: [char; 2]| {
            let value = environment.variable(variable).into_iter();
            value
                .flat_map(move |value| value.split(separators))
                .map(Path::new)
        };
        let preloaded = entries("LD_PRELOAD", [' ', ':'])
            .filter(|path| path.file_name() == Some(name))
            .map(|path| ("LD_PRELOAD", environment.absolute(path)));
        // For the loader, an empty entry is the current folder, but an empty variable is unset.
        let searched = entries("LD_LIBRARY_PATH", [':', ';'])
            .map(|folder| environment.absolute(folder).join(name))
            .map(|path| ("LD_LIBRARY_PATH", path));
        let (variable, library) = preloaded
            .chain(searched)
            .find(|(_, path)| path.is_file() && !is_of_another_machine(path, &own))?;
        let (canonical, own_canonical) = (library.canonicalize().ok(), own.canonicalize().ok());
        (canonical.is_none() || canonical != own_canonical).then_some(Self {
            variable,
            library,
            own,
        })
    }
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = self.variable;
        write!(
            f,
            "{variable} makes the interpreter load {} instead of its own {}; \
             unset {variable} before you use the interpreter, or build it without --enable-shared",
            self.library.display(),
            self.own.display()
        )
    }
}

/// The `libpython` of that version in `folder`, by its soname.
pub(crate) fn libpython_in(folder: &Path, short: &str) -> Option<PathBuf> {
    // `libpython3.7m.so.1.0`: up to 3.7, the version can have letters.
    let start = format!("libpython{short}");
    let files = fs_err::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut files = files.map(|entry| entry.path());
    files.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&start).is_some_and(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .starts_with(".so.")
        })
    })
}

/// Whether `path` is a library for another kind of processor, which the loader ignores.
fn is_of_another_machine(path: &Path, own: &Path) -> bool {
    // e_ident up to EI_DATA, and e_machine (elf(5)).
    let kind = |path: &Path| {
        let mut header = [0; 20];
        let mut file = fs_err::File::open(path).ok()?;
        file.read_exact(&mut header).ok()?;
        header
            .starts_with(b"\x7fELF")
            .then_some((header[4], header[5], header[18], header[19]))
    };
    matches!((kind(path), kind(own)), (Some(other), Some(own)) if other != own)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Shadowed;
    use crate::environment::Environment;

    const NAME: &str = "libpython3.11.so.1.0";

    fn elf(machine: u8) -> [u8; 20] {
        let mut header = [0; 20];
        header[..4].copy_from_slice(b"\x7fELF");
        header[18] = machine;
        header
    }

    /// The library that is loaded instead of the one in `own`, among several others.
    fn shadowing(variables: &[(&str, &str)]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        for (folder, name, machine) in [
            ("own", NAME, 62),
            ("other", NAME, 62),
            ("debug", "libpython3.11d.so.1.0", 62),
            ("later", "libpython3.12.so.1.0", 62),
            ("arm", NAME, 183),
        ] {
            fs_err::create_dir(dir.path().join(folder)).unwrap();
            fs_err::write(dir.path().join(folder).join(name), elf(machine)).unwrap();
        }
        fs_err::create_dir(dir.path().join("links")).unwrap();
        let link = dir.path().join("links").join(NAME);
        std::os::unix::fs::symlink(dir.path().join("own").join(NAME), link).unwrap();
        fs_err::write(dir.path().join("own/libpython3.so"), "").unwrap();
        let variables = variables.iter().map(|(name, value)| {
            let value = value.replace("DIR", dir.path().to_str().unwrap());
            (*name, value)
        });
        let current = dir.path().join("other");
        let environment = Environment::with_variables(&current, variables);
        let found = Shadowed::find(&dir.path().join("own"), "3.11", &environment)?;
        let text = found.to_string();
        assert!(text.contains("own/libpython3.11.so.1.0"), "{text}");
        let library = found.library.strip_prefix(dir.path()).unwrap();
        Some(library.display().to_string())
    }

    #[test]
    fn a_library_of_the_same_name_earlier_in_the_loaders_path_is_found() {
        let other = Some("other/libpython3.11.so.1.0".to_owned());
        for (path, expected) in [
            ("DIR/other", &other),
            ("DIR/other/", &other),
            ("/nowhere:DIR/debug:DIR/later:DIR/arm:DIR/other", &other),
            ("/nowhere;DIR/other", &other),
            // The current folder, and a relative one.
            ("/nowhere:", &other),
            (".", &other),
            ("../other", &other),
            // The library itself comes first.
            ("DIR/own:DIR/other", &None),
            ("DIR/links:DIR/other", &None),
            ("DIR/debug", &None),
            ("", &None),
        ] {
            let found = shadowing(&[("LD_LIBRARY_PATH", path)]);
            assert_eq!(&found, expected, "{path}");
        }
        let preload = format!("/lib/libm.so.6 DIR/other/{NAME}");
        let found = shadowing(&[("LD_PRELOAD", &preload), ("LD_LIBRARY_PATH", "DIR/own")]);
        assert_eq!(found, other);
    }

    #[test]
    fn a_static_interpreter_has_no_library_to_shadow() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::with_variables(Path::new("/"), [("LD_LIBRARY_PATH", "/")]);
        assert_eq!(Shadowed::find(dir.path(), "3.11", &environment), None);
    }
}
