//! The arguments of `configure` that name libraries.

use crate::plan::version::PythonVersion;

pub(super) const OPENSSL_DIR: &str = "--with-openssl=";

/// Whether this release's `configure` has `--with-openssl` (bpo-32598). For the others, pybuild passes
/// flags.
pub fn knows_openssl_dir(python: PythonVersion) -> bool {
    python.series() >= (3, 7)
}

/// Whether this release's `configure` has `--with-openssl-rpath` (bpo-43466).
pub(super) fn knows_openssl_rpath(python: PythonVersion) -> bool {
    python.series() >= (3, 10)
}

pub fn is_openssl_dir(argument: &str) -> bool {
    argument.starts_with(OPENSSL_DIR)
}

/// Whether the arguments leave out `readline`.
pub fn leaves_out_readline(arguments: &[String]) -> bool {
    with_option(arguments, "readline") == Some("no")
}

/// The value of the last `--with-NAME=VALUE`; `yes` for `--with-NAME`, `no` for `--without-NAME`.
pub(super) fn with_option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().rev().find_map(|argument| {
        if argument.strip_prefix("--without-") == Some(name) {
            return Some("no");
        }
        match argument.strip_prefix("--with-")?.strip_prefix(name)? {
            "" => Some("yes"),
            value => value.strip_prefix('='),
        }
    })
}

/// The value of the last argument that begins with `start`, such as `--with-tcltk-libs=`.
pub(super) fn value_of<'a>(arguments: &'a [String], start: &str) -> Option<&'a str> {
    let mut last_first = arguments.iter().rev();
    last_first.find_map(|argument| argument.strip_prefix(start))
}
