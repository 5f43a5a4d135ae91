//! `--configure-arg`: which arguments contradict what pybuild passes to `configure` or promises.

use std::path::{Component, Path};

use super::usage;
use crate::plan::pin_request::PinRequest;
use crate::plan::{InstallPrefix, Library};
use crate::settings::error::Error;

/// Options that pybuild decides itself, or that keep it from building at all, each with what to do.
const REFUSED: [(&[&str], &str, &str); 9] = [
    (
        &["prefix", "exec-prefix"],
        "pybuild passes the prefix itself",
        "name the prefix with --prefix",
    ),
    (
        &["with-ensurepip", "without-ensurepip"],
        "pybuild runs ensurepip itself and checks the pip that it installs",
        "leave it out; `--pip` decides which pip ensurepip bundles",
    ),
    (
        &["srcdir", "cache-file", "config-cache"],
        "pybuild builds each time in a new folder, in the source tree itself",
        "leave it out",
    ),
    (
        &[
            "program-prefix",
            "program-suffix",
            "program-transform-name",
            "with-suffix",
        ],
        "pybuild looks for the interpreter under the name that CPython gives it",
        "leave it out, and make a link of that name beside the interpreter",
    ),
    (
        &["host", "target", "with-build-python"],
        "pybuild runs the interpreter to check it, so it builds for this machine only",
        "leave it out, and run pybuild on a machine of that kind",
    ),
    (
        &["help", "version", "no-create"],
        "with it `configure` ends without a Makefile",
        "leave it out; `./configure --help` in an unpacked release prints its options",
    ),
    (
        &["enable-framework", "enable-universalsdk"],
        "a framework is installed outside of the prefix",
        "leave it out",
    ),
    // Variables of CPython's Makefile, or of `configure` itself.
    (
        &["DESTDIR", "ENSUREPIP", "MAKEFLAGS", "HOME", "TMPDIR"],
        "pybuild sets this variable itself",
        "leave it out",
    ),
    (
        &[
            "CONFIG_SITE",
            "build_alias",
            "host_alias",
            "target_alias",
            "srcdir",
            "cache_file",
            "exec_prefix",
        ],
        "pybuild sets this variable of `configure` itself",
        "leave it out",
    ),
];

/// What `configure` accepts instead of a whole name (`configure` of Autoconf, "Handle options").
const SHORT: [(&str, &str); 6] = [
    ("h", "help"),
    ("V", "version"),
    ("n", "no-create"),
    ("C", "config-cache"),
    ("p", "prefix"),
    ("c", "cache-file"),
];

/// Options of Autoconf that may be abbreviated.
const ABBREVIATED: [(&str, usize); 24] = [
    ("prefix", 2),
    ("exec-prefix", 2),
    ("srcdir", 2),
    ("cache-file", 1),
    ("config-cache", 4),
    ("program-prefix", 9),
    ("program-suffix", 9),
    ("program-transform-name", 9),
    ("host", 2),
    ("target", 2),
    ("help", 3),
    ("version", 4),
    ("no-create", 4),
    ("bindir", 2),
    ("libdir", 3),
    ("includedir", 2),
    ("mandir", 1),
    ("datarootdir", 5),
    ("datadir", 4),
    ("sbindir", 2),
    ("build", 2),
    ("infodir", 2),
    ("oldincludedir", 1),
    ("libexecdir", 4),
];

/// The folders of an installation that CPython's Makefile puts files in.
const FOLDERS: [&str; 5] = ["bindir", "libdir", "includedir", "mandir", "datarootdir"];

/// The name that `configure` understands: without dashes and value, in full.
fn name_of(argument: &str) -> &str {
    let name = argument.split('=').next().unwrap_or_default();
    let Some(name) = name.strip_prefix('-') else {
        // `name=value` sets a variable of the script.
        return name;
    };
    let bare = name.strip_prefix('-').unwrap_or(name);
    if let Some((_, whole)) = SHORT.iter().find(|(short, _)| *short == bare) {
        return whole;
    }
    let is_meant =
        |(whole, least): &&(&str, usize)| bare.len() >= *least && whole.starts_with(bare);
    ABBREVIATED
        .iter()
        .find(is_meant)
        .map_or(bare, |(whole, _)| whole)
}

fn value_of(argument: &str) -> Option<&str> {
    argument.split_once('=').map(|(_, value)| value)
}

fn contradicts(argument: &str, why: &str, hint: &str) -> Error {
    usage(
        format!("`--configure-arg {argument}` contradicts what pybuild itself does: {why}"),
        hint,
    )
}

/// The arguments without those that are pybuild's own options in other words, and which library they
/// mean together with `--enable-shared`.
///
/// # Errors
/// [`Error::Usage`] for an argument that contradicts another option or what pybuild does.
pub(super) fn options(
    library: Library,
    optimize: bool,
    arguments: Vec<String>,
) -> Result<(Library, Vec<String>), Error> {
    let mut library = library;
    let mut rest = Vec::new();
    for argument in arguments {
        let name = name_of(&argument);
        if !argument.starts_with('-') && !argument.contains('=') {
            return Err(usage(
                format!("`--configure-arg '{argument}'` is neither an option nor a variable"),
                "give an option with its value in one argument, such as \
                 `--configure-arg=--with-openssl=DIR`",
            ));
        }
        for (names, why, hint) in REFUSED {
            if names.contains(&name) {
                return Err(contradicts(&argument, why, hint));
            }
        }
        let is_off = value_of(&argument) == Some("no");
        match name {
            "enable-shared" if !is_off => {
                library = Library::Shared;
                continue;
            }
            "enable-shared" | "disable-shared" if library == Library::Shared => {
                return Err(contradicts(
                    &argument,
                    "--enable-shared asks for a shared library",
                    "leave out one of the two",
                ));
            }
            "disable-optimizations" if optimize => {
                return Err(contradicts(
                    &argument,
                    "--optimize asks for profile-guided optimization",
                    "leave out one of the two",
                ));
            }
            _ => {}
        }
        rest.push(argument);
    }
    Ok((library, rest))
}

/// Refuses arguments that contradict the prefix or the pins.
///
/// # Errors
/// [`Error::Usage`].
pub(crate) fn ensure_consistent(
    arguments: &[String],
    library: Library,
    prefix: &InstallPrefix,
) -> Result<(), Error> {
    for argument in arguments {
        let name = name_of(argument);
        if !FOLDERS.contains(&name) {
            continue;
        }
        let Some(value) = value_of(argument) else {
            return Err(usage(
                format!("`--configure-arg {argument}` has no value"),
                "give option and value in one argument, with `=` between them",
            ));
        };
        let below = below_prefix(value, prefix);
        let only = match name {
            "bindir" => Some("bin"),
            "libdir" if library == Library::Shared => Some("lib"),
            _ => None,
        };
        let fits = below.is_some_and(|below| only.is_none_or(|only| below == Path::new(only)));
        if !fits {
            let why = match only {
                Some(only) => format!("it installs into {prefix}/{only} and looks for files there"),
                None => format!("all files are installed below the prefix {prefix}"),
            };
            return Err(contradicts(
                argument,
                &why,
                "leave it out, or move the whole installation with --prefix",
            ));
        }
    }
    Ok(())
}

/// Refuses a folder of wheels that ensurepip would take pip from, instead of the pinned wheels.
///
/// # Errors
/// [`Error::Usage`].
pub(super) fn ensure_pins_count(arguments: &[String], pins: [&PinRequest; 2]) -> Result<(), Error> {
    let given = arguments.iter().rev().find(|argument| {
        ["with-wheel-pkg-dir", "without-wheel-pkg-dir"].contains(&name_of(argument))
    });
    let folder = given.and_then(|argument| value_of(argument));
    let names_folder = folder.is_some_and(|folder| !["", "no"].contains(&folder));
    match given {
        Some(argument) if names_folder && pins != [&PinRequest::Bundled; 2] => Err(contradicts(
            argument,
            "ensurepip would install the wheels of that folder instead of the pinned ones",
            "leave out --pip and --setuptools to have the wheels of the folder, or leave out the folder",
        )),
        _ => Ok(()),
    }
}

/// Where the value of an option lies below the prefix; `None` when it lies elsewhere.
fn below_prefix(value: &str, prefix: &InstallPrefix) -> Option<std::path::PathBuf> {
    let variables = ["${prefix}", "$(prefix)", "${exec_prefix}", "$(exec_prefix)"];
    let prefix = prefix.path();
    let whole = variables
        .iter()
        .find_map(|variable| value.strip_prefix(variable))
        .map_or_else(
            || value.to_owned(),
            |rest| format!("{}{rest}", prefix.display()),
        );
    let below = Path::new(&whole).strip_prefix(prefix).ok()?;
    let plain = |part| matches!(part, Component::Normal(_));
    below.components().all(plain).then(|| below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{ensure_consistent, ensure_pins_count, options};
    use crate::error::Explain as _;
    use crate::plan::pin_request::PinRequest;
    use crate::plan::{InstallPrefix, Library};
    use crate::settings::error::Error;

    fn of(library: Library, argument: &str) -> Result<(Library, Vec<String>), Error> {
        options(library, true, vec![argument.to_owned()])
    }

    #[test]
    fn arguments_that_contradict_pybuild_are_refused() {
        for argument in [
            "--prefix=/x",
            "--prefix",
            "-prefix=/x",
            "--pref=/x",
            "prefix=/x",
            "--exec-prefix=/x",
            "--with-ensurepip=no",
            "--with-ensurepip=install",
            "--without-ensurepip",
            "--srcdir=/x",
            "--cache-file=/x",
            "-C",
            "--config-cache",
            "--program-suffix=x",
            "--with-suffix=.exe",
            "--host=arm-linux",
            "--target=arm-linux",
            "--help",
            "-h",
            "--help=short",
            "--version",
            "-V",
            "-n",
            "--no-create",
            "DESTDIR=/x",
            "--enable-framework",
            "--disable-shared",
            "--enable-shared=no",
            "--disable-optimizations",
            "x86_64-linux-gnu",
            "",
        ] {
            let error = of(Library::Shared, argument).expect_err(argument);
            assert!(error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn arguments_that_fit_are_accepted() {
        for argument in [
            "--disable-test-modules",
            "--with-pydebug",
            "--with-lto=thin",
            "--without-lto",
            "--with-openssl=/x",
            "CFLAGS=-O1",
            "CC=clang",
            "--disable-shared",
            "--build=x86_64-linux",
            "--with-platlibdir=lib64",
            "--sysconfdir=/etc",
            "--quiet",
        ] {
            let (library, rest) = of(Library::Static, argument).expect(argument);
            assert_eq!(
                (library, rest),
                (Library::Static, vec![argument.to_owned()])
            );
        }
        let shared = of(Library::Static, "--enable-shared").unwrap();
        assert_eq!(shared, (Library::Shared, Vec::new()));
        assert_eq!(of(Library::Shared, "--enable-shared").unwrap(), shared);
    }

    #[test]
    fn folders_have_to_be_where_pybuild_looks_for_files() {
        let prefix = InstallPrefix::new("/opt/py".into());
        let fits = |library, argument: &str| {
            ensure_consistent(&[argument.to_owned()], library, &prefix).is_ok()
        };
        for (argument, statically, shared) in [
            ("--bindir=/opt/py/bin", true, true),
            ("--bindir=${exec_prefix}/bin", true, true),
            ("--bindir=/opt/py/programs", false, false),
            ("--bindir=/opt/python/bin", false, false),
            ("--libdir=/opt/py/lib64", true, false),
            ("--libdir=${prefix}/../lib", false, false),
            ("--mandir=/usr/share/man", false, false),
            ("--mandir", false, false),
            ("--includedir=/opt/py/include/deep", true, true),
            ("--localstatedir=/var", true, true),
        ] {
            assert_eq!(fits(Library::Static, argument), statically, "{argument}");
            assert_eq!(fits(Library::Shared, argument), shared, "{argument}");
        }
    }

    #[test]
    fn a_folder_of_wheels_is_refused_beside_a_pin_only() {
        let fits = |pip: &PinRequest, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
            ensure_pins_count(&arguments, [pip, &PinRequest::Bundled]).is_ok()
        };
        let folder = "--with-wheel-pkg-dir=/usr/share/python-wheels";
        let latest = "latest".parse().unwrap();
        assert!(!fits(&latest, &[folder]));
        assert!(fits(&PinRequest::Bundled, &[folder]));
        assert!(fits(&latest, &[folder, "--without-wheel-pkg-dir"]));
        assert!(fits(&latest, &["--with-wheel-pkg-dir=no"]));
        assert!(fits(&latest, &["--with-pydebug"]));
    }
}
