//! The lines of a `RECORD` (PEP 376, PEP 427).

use std::path::{Path, PathBuf};

/// The path that a line of `RECORD` names (PEP 376): relative to site-packages, or absolute.
pub(crate) fn recorded_path(line: &str, purelib: &Path) -> Option<PathBuf> {
    let path = line.rsplitn(3, ',').nth(2)?.trim_matches('"');
    let mut clean = PathBuf::new();
    for part in purelib.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Some(clean)
}
