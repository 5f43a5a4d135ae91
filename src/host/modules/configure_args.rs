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

#[cfg(test)]
mod tests {
    use super::{leaves_out_readline, value_of, with_option};

    #[test]
    fn the_last_argument_counts_however_it_is_written() {
        let value = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let value = with_option(&arguments, "readline").map(ToOwned::to_owned);
            assert_eq!(
                leaves_out_readline(&arguments),
                value.as_deref() == Some("no")
            );
            value.unwrap_or_default()
        };
        assert_eq!(value(&["--without-readline"]), "no");
        assert_eq!(
            value(&["--without-readline", "--with-readline=edit"]),
            "edit"
        );
        assert_eq!(value(&["--with-readline=edit", "--with-readline"]), "yes");
        assert_eq!(
            value(&["--with-readline-x=edit", "--without-readline-x"]),
            ""
        );
        let arguments = ["--with-x=1".to_owned(), "--with-x=2".to_owned()];
        assert_eq!(value_of(&arguments, "--with-x="), Some("2"));
    }
}
