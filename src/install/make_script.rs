//! Scripts that `make install` runs in place of its own commands.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes a new script, which the build user can read. The folder may belong to that user, who could
/// have put a link at `path`: then this fails.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.write(true).create_new(true).open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}
