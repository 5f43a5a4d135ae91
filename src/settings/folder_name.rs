//! Folder names that CPython's build cannot handle: its Makefile passes them unquoted to `make`, to the
//! shell and to `sed`.
//!
//! Tried with `configure`, `make`, `make install` and the installed programs of 3.11.2 and 3.13.5: names
//! with `- + @ = % ^ ~ ! { }` and with letters outside of ASCII work as prefix and as build folder.

use std::path::Path;

use super::error::Error;
use crate::plan::InstallPrefix;
use crate::plan::version::PythonVersion;

/// Characters that are special to `make` or the shell: refused in the prefix and in the build folder.
const BREAKS_BOTH: &str = "\"'`$#&|;<>()\\:";

/// The `sed` commands of the Makefile have commas around the prefix. Scripts pass the output of
/// `python3-config` unquoted to a shell, where `[a]` matches a folder `a`.
const BREAKS_PREFIX: &str = ",*?[";

/// The longest first line of a script that the kernel reads, in bytes (execve(2)).
const LONGEST_FIRST_LINE: usize = if cfg!(target_os = "macos") { 512 } else { 255 };

/// Refuses a prefix that the build or the installed scripts cannot handle.
pub fn ensure_prefix(prefix: &InstallPrefix, python: PythonVersion) -> Result<(), Error> {
    ensure("the prefix", prefix.path(), BREAKS_PREFIX, "--prefix")?;
    let line = format!("#!{prefix}/bin/python{}", python.short());
    if line.len() > LONGEST_FIRST_LINE {
        return Err(Error::usage(
            format!(
                "the prefix {prefix} is too long: the first line of scripts such as pydoc would have \
                 {} bytes, and the system reads {LONGEST_FIRST_LINE}",
                line.len()
            ),
            "name a folder with a shorter path with --prefix",
        ));
    }
    Ok(())
}

/// Refuses a build folder that the build cannot handle.
pub fn ensure_build_folder(path: &Path) -> Result<(), Error> {
    let option = "--build-dir or PYBUILD_BUILD_DIR";
    ensure("the build folder", path, "", option)
}

/// Refuses a launcher of compilers that `make` cannot start.
pub fn ensure_launcher(path: &Path) -> Result<(), Error> {
    ensure("the launcher", path, "", "--launcher")
}

fn ensure(what: &str, path: &Path, more: &str, option: &str) -> Result<(), Error> {
    let refused = |c: &char| {
        c.is_whitespace() || c.is_control() || BREAKS_BOTH.contains(*c) || more.contains(*c)
    };
    let (problem, hint) = match path.to_str() {
        None => ("is not UTF-8".to_owned(), "in UTF-8".to_owned()),
        Some(text) => {
            let Some(found) = text.chars().find(refused) else {
                return Ok(());
            };
            let shown = shown(found);
            (
                format!("has {shown} in its name"),
                format!("without {shown}"),
            )
        }
    };
    Err(Error::usage(
        format!(
            "{what} {} {problem}, which CPython's Makefile cannot handle",
            path.display()
        ),
        format!("name a path {hint}, with {option}"),
    ))
}

fn shown(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        '\t' => "a tab".to_owned(),
        '\n' => "a line break".to_owned(),
        '`' => "a backquote".to_owned(),
        other if other.is_whitespace() || other.is_control() => {
            format!("the character U+{:04X}", u32::from(other))
        }
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::{ensure_build_folder, ensure_prefix};
    use crate::error::Explain as _;
    use crate::plan::InstallPrefix;

    fn prefix(name: &str) -> Result<(), crate::settings::error::Error> {
        let prefix = InstallPrefix::new(format!("/opt/{name}/x").into());
        ensure_prefix(&prefix, "3.11.2".parse().unwrap())
    }

    #[test]
    fn names_that_the_build_cannot_handle_are_refused_with_the_character() {
        for (character, shown) in [
            (" ", "a space"),
            ("\t", "a tab"),
            ("\n", "a line break"),
            ("\u{a0}", "U+00A0"),
            ("\u{7}", "U+0007"),
            ("`", "a backquote"),
        ] {
            let error = prefix(&format!("a{character}b")).unwrap_err();
            assert!(error.to_string().contains(shown), "{error}");
            assert!(error.hint().unwrap().contains(shown), "{error}");
        }
        for character in "\"'$#&|;<>()\\:".chars() {
            let name = format!("a{character}b");
            let error = prefix(&name).unwrap_err().to_string();
            assert!(error.contains(&format!("has `{character}` in")), "{error}");
            let error = ensure_build_folder(Path::new(&name)).unwrap_err();
            assert!(error.to_string().contains(&format!("has `{character}` in")));
        }
        for character in ",*?[".chars() {
            let error = prefix(&format!("a{character}b")).unwrap_err();
            assert!(error.to_string().contains(&format!("has `{character}` in")));
        }
        let bytes = OsStr::from_bytes(b"/opt/\xff");
        assert!(ensure_build_folder(Path::new(bytes)).is_err());
    }

    #[test]
    fn names_that_the_build_can_handle_are_accepted() {
        for name in [
            "-x", "a+b", "a@b", "a=b", "a%b", "a^b", "~", "a!b", "{a}", "é", "a.b_c",
        ] {
            assert!(prefix(name).is_ok(), "{name}");
            assert!(ensure_build_folder(Path::new(name)).is_ok(), "{name}");
        }
        assert!(ensure_build_folder(Path::new("/a,b/[c]?*")).is_ok());
    }

    #[test]
    fn a_prefix_whose_scripts_would_not_start_is_refused() {
        // `#!/opt/…/x/bin/python3.11` with 255 bytes, and with one more.
        let rest = "#!/opt//x/bin/python3.11".len();
        assert!(prefix(&"n".repeat(255 - rest)).is_ok());
        let error = prefix(&"n".repeat(256 - rest)).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
