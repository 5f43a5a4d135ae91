//! The times of installed files: those of the build would differ from build to build, and so would the byte
//! code, which names the time of its source.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::source::SourceDate;

/// Gives `root` and every file, link and folder below it the date.
pub(super) fn set(root: &Path, date: SourceDate) -> io::Result<()> {
    let time = Timespec {
        tv_sec: date.seconds(),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let entry = entry?;
        utimensat(CWD, entry.path(), &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::set;
    use crate::source::SourceDate;

    #[test]
    fn files_links_and_folders_get_the_date() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("folder")).unwrap();
        fs_err::write(dir.path().join("folder/file"), "").unwrap();
        symlink("/", dir.path().join("link")).unwrap();
        set(dir.path(), SourceDate::from_seconds(86_400)).unwrap();
        for name in ["", "folder", "folder/file", "link"] {
            let found = dir.path().join(name).symlink_metadata().unwrap();
            assert_eq!((found.mtime(), found.mtime_nsec()), (86_400, 0), "{name}");
        }
    }
}
