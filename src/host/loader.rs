//! Which `libpython` an interpreter built with `--enable-shared` gets: its own, unless a variable of the
//! caller's names another one first (ld.so(8)).

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// A `libpython` that the loader takes instead of an installation's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shadowed {
    variable: &'static str,
    library: PathBuf,
    own: PathBuf,
}

impl Shadowed {
    /// The library that shadows the `libpython` in `folder`; `None` where the loader takes that one, or
    /// where there is none. `short` is the version, such as `3.11`.
    pub(crate) fn find(folder: &Path, short: &str, environment: &Environment) -> Option<Self> {
        let own = libpython_in(folder, short)?;
        let name = own.file_name()?;
        // An empty variable is none.
        let entries = |variable, separators: [char; 2]| {
            let value = environment.variable(variable).into_iter();
            value
                .flat_map(move |value| value.split(separators))
                .map(Path::new)
        };
        let preloaded = entries("LD_PRELOAD", [' ', ':']);
        let preloaded = preloaded
            .filter(|path| path.file_name() == Some(name))
            .map(|path| ("LD_PRELOAD", environment.absolute(path)));
        // An empty entry is the current folder, as for the loader.
        let folders = entries("LD_LIBRARY_PATH", [':', ';']);
        let searched = folders.map(|folder| environment.absolute(folder).join(name));
        let searched = searched.map(|path| ("LD_LIBRARY_PATH", path));
        // The first one decides.
        let (variable, library) = preloaded
            .chain(searched)
            .find(|(_, path)| path.is_file() && !is_of_another_machine(path, &own))?;
        let same = match (library.canonicalize(), own.canonicalize()) {
            (Ok(library), Ok(own)) => library == own,
            _ => false,
        };
        (!same).then_some(Self {
            variable,
            library,
            own,
        })
    }
}

impl std::fmt::Display for Shadowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            variable,
            library,
            own,
        } = self;
        write!(
            f,
            "with {variable} as it is set here, the interpreter loads {} instead of its own {}; \
             unset {variable} before you use the interpreter, or build it without --enable-shared",
            library.display(),
            own.display()
        )
    }
}

/// The `libpython` of that version in `folder`, by the name that programs ask the loader for.
pub(crate) fn libpython_in(folder: &Path, short: &str) -> Option<PathBuf> {
    // `libpython3.7m.so.1.0`: up to 3.7 there are letters after the version.
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

/// Whether `path` is a library that the loader passes over: one for another kind of processor.
fn is_of_another_machine(path: &Path, own: &Path) -> bool {
    // e_ident up to EI_DATA, and e_machine (elf(5)).
    let kind = |path: &Path| {
        use std::io::Read as _;
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

    /// What is loaded instead of the library in `own`, in a folder with several others.
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
    fn another_library_of_the_same_name_is_found_where_the_loader_looks_first() {
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
