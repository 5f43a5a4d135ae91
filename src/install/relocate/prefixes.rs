//! The prefixes between which a compile can be moved.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::error::NotMovable;
use crate::plan::InstallPrefix;

/// The prefix as text that has no meaning of its own in a Makefile, a shell script, a C string or a `sed`
/// command.
pub(super) fn plain_text(prefix: &InstallPrefix) -> Result<&str, NotMovable> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    let text = prefix.path().to_str();
    let text = text.filter(|text| text.bytes().all(plain) && !text.ends_with('/'));
    let clean = text.filter(|text| !["//", "/./", "/../"].iter().any(|part| text.contains(part)));
    clean.ok_or_else(|| NotMovable::Prefix(prefix.clone()))
}

/// Refuses a prefix with files that `configure` or `setup.py` would use: site files, and libraries and
/// headers other than an interpreter's own. `setup.py` treats `/usr` differently.
pub(super) fn ensure_unused(prefix: &InstallPrefix) -> Result<(), NotMovable> {
    let root = prefix.path();
    let used = |path: PathBuf| Err(NotMovable::UsedFiles(path));
    if root == "/usr" {
        return used(root.join("include"));
    }
    for name in ["share/config.site", "etc/config.site"] {
        if root.join(name).exists() {
            return used(root.join(name));
        }
    }
    let own = |name: &OsStr| {
        let name = name.to_string_lossy();
        name == "pkgconfig"
            || ["python", "libpython"]
                .iter()
                .any(|own| name.starts_with(own))
    };
    for name in ["lib", "include"] {
        let Ok(entries) = fs_err::read_dir(root.join(name)) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            if !own(&entry.file_name()) {
                return used(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ensure_unused, plain_text};
    use crate::plan::InstallPrefix;

    fn prefix(path: &str) -> InstallPrefix {
        InstallPrefix::new(path.into())
    }

    #[test]
    fn a_prefix_with_special_characters_is_not_moved() {
        for plain in ["/opt/python-3.11", "/home/a_b/c+d"] {
            assert_eq!(plain_text(&prefix(plain)).unwrap(), plain);
        }
        for special in [
            "/opt/a b", "/o$x", "/a,b", "/a@b", "/é", "/a//b", "/a/../b", "/a/", "/a&b",
        ] {
            let error = plain_text(&prefix(special)).unwrap_err();
            assert!(error.to_string().starts_with(special), "{error}");
        }
    }

    #[test]
    fn libraries_and_site_files_in_the_prefix_are_not_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let root = InstallPrefix::new(dir.path().to_owned());
        ensure_unused(&root).unwrap();
        for own in [
            "lib/python3.11",
            "lib/pkgconfig",
            "include/python3.11",
            "etc",
            "share",
        ] {
            fs_err::create_dir_all(dir.path().join(own)).unwrap();
        }
        fs_err::write(dir.path().join("lib/libpython3.11.a"), "").unwrap();
        ensure_unused(&root).unwrap();
        for used in [
            "lib/libssl.so",
            "include/zlib.h",
            "etc/config.site",
            "share/config.site",
        ] {
            let path = dir.path().join(used);
            fs_err::write(&path, "").unwrap();
            let error = ensure_unused(&root).unwrap_err();
            assert!(
                error.to_string().starts_with(path.to_str().unwrap()),
                "{error}"
            );
            fs_err::remove_file(path).unwrap();
        }
        ensure_unused(&prefix("/usr")).unwrap_err();
    }
}
