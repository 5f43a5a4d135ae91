//! Archives of plain files that may come from elsewhere: a tar archive, in zstd on disk.

use std::io::{self, Read};
use std::path::{Component, Path};

use tar::EntryType;

/// The most that an archive may unpack to, in bytes. A release has 30 MB, and a wheel 2 MB.
const MOST: u64 = 4 << 30;

/// Unpacks a compressed archive. See [`unpack_tar`].
pub(crate) fn unpack(from: impl Read, into: &Path) -> io::Result<()> {
    unpack_tar(zstd::Decoder::new(from)?, into)
}

/// Unpacks a tar archive into an empty folder. All entries must be regular files with different paths below the
/// folder, so nothing is written outside of it. They get the mode 0644.
///
/// # Errors
/// For any other entry, for more than 4 GiB, and when a file cannot be written.
pub fn unpack_tar(from: impl Read, into: &Path) -> io::Result<()> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut archive = tar::Archive::new(from);
    let mut room = MOST;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let mut parts = name.components();
        let is_below = parts.all(|part| matches!(part, Component::Normal(_)));
        if entry.header().entry_type() != EntryType::Regular {
            return Err(invalid(format!("its entry {} is no file", name.display())));
        }
        if !is_below || name.as_os_str().is_empty() {
            return Err(invalid(format!(
                "its entry {} would be outside the folder",
                name.display()
            )));
        }
        room = room
            .checked_sub(entry.size())
            .ok_or_else(|| invalid("it unpacks to more than 4 GiB".to_owned()))?;
        let path = into.join(&name);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        io::copy(&mut entry, &mut fs_err::File::create_new(path)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::unpack_tar;

    /// A tar archive with one entry for each name; a name with ` -> ` is a link.
    fn archive(names: &[&str]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_gnu();
            let (name, link) = name.split_once(" -> ").unwrap_or((name, ""));
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(0);
            header.set_mode(0o644);
            if !link.is_empty() {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(link).unwrap();
            }
            header.set_cksum();
            archive.append(&header, std::io::empty()).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn only_files_below_the_folder_are_unpacked() {
        let unpacked = |names: &[&str]| {
            let dir = tempfile::tempdir().unwrap();
            let into = dir.path().join("into");
            fs_err::create_dir(&into).unwrap();
            let done = unpack_tar(&*archive(names), &into);
            assert!(!dir.path().join("x").exists());
            done.is_ok()
                && names
                    .iter()
                    .all(|name| into.join(Path::new(name)).is_file())
        };
        assert!(unpacked(&["a/b", "c"]));
        for names in [
            &["../x"][..],
            &["/x"],
            &["a/../../x"],
            &["a", "a"],
            &["link -> /tmp", "link/x"],
            &["a/"],
        ] {
            assert!(!unpacked(names), "{names:?}");
        }
    }
}
