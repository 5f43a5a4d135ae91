//! Fake programs for the tests of the host.

use std::path::Path;

/// Writes an executable file, with another process: children of other tests inherit a file that this
/// process has open, and a file that is open for writing cannot be executed.
pub(super) fn write_program(path: &Path, text: &str) {
    let written = std::process::Command::new("sh")
        .arg("-c")
        .arg("printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"")
        .arg("sh")
        .arg(path)
        .arg(text)
        .status();
    assert!(written.unwrap().success());
}
