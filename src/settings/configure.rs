//! `--configure-arg`: refuses arguments that contradict pybuild's own arguments to `configure`.

use std::path::{Component, Path, PathBuf};

use super::error::Error;
use crate::plan::{InstallPrefix, Library};

/// Options that pybuild sets itself, and options that prevent a build: names, reason and hint.
const REFUSED: [(&str, &str, &str); 9] = [
    (
        "prefix exec-prefix",
        "pybuild sets the prefix itself",
        "name the prefix with --prefix",
    ),
    (
        "with-ensurepip without-ensurepip",
        "pybuild runs ensurepip itself and checks the pip that it installs",
        "leave it out; `--pip` selects the pip that ensurepip bundles",
    ),
    (
        "srcdir cache-file config-cache",
        "pybuild always builds in a new folder, inside the source tree",
        "leave it out",
    ),
    (
        "program-prefix program-suffix program-transform-name with-suffix",
        "pybuild needs the interpreter under CPython's own name for it",
        "leave it out, and create a link with that name beside the interpreter",
    ),
    (
        "host target with-build-python",
        "pybuild runs the interpreter to check it, so it builds for this machine only",
        "leave it out, and run pybuild on a machine of that kind",
    ),
    (
        "help version no-create",
        "`configure` writes no Makefile with it",
        "leave it out; `./configure --help` in an unpacked release prints its options",
    ),
    (
        "enable-framework enable-universalsdk",
        "a framework is installed outside of the prefix",
        "leave it out",
    ),
    // Variables of CPython's Makefile, or of `configure` itself.
    (
        "DESTDIR ENSUREPIP MAKEFLAGS HOME TMPDIR",
        "pybuild sets this variable itself",
        "leave it out",
    ),
    (
        "CONFIG_SITE build_alias host_alias target_alias srcdir cache_file exec_prefix",
        "pybuild sets this variable of `configure` itself",
        "leave it out",
    ),
];

/// Short names of options (`configure` of Autoconf, "Handle options").
const SHORT: [(&str, &str); 6] = [
    ("h", "help"),
    ("V", "version"),
    ("n", "no-create"),
    ("C", "config-cache"),
    ("p", "prefix"),
    ("c", "cache-file"),
];

/// Options of Autoconf, and the fewest characters that they can be abbreviated to.
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

/// Options for folders that CPython's Makefile installs files into.
const FOLDERS: [&str; 5] = ["bindir", "libdir", "includedir", "mandir", "datarootdir"];

/// The option's full name, without dashes and value.
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
    ABBREVIATED
        .iter()
        .find(|(whole, least)| bare.len() >= *least && whole.starts_with(bare))
        .map_or(bare, |(whole, _)| whole)
}

fn value_of(argument: &str) -> Option<&str> {
    argument.split_once('=').map(|(_, value)| value)
}

fn contradicts(argument: &str, why: &str, hint: &str) -> Error {
    Error::usage(
        format!("`--configure-arg {argument}` contradicts pybuild: {why}"),
        hint,
    )
}

/// Checks the arguments, and replaces `--enable-shared` among them by its setting.
pub(super) fn options(
    mut library: Library,
    optimize: bool,
    arguments: Vec<String>,
) -> Result<(Library, Vec<String>), Error> {
    let mut rest = Vec::new();
    for argument in arguments {
        let name = name_of(&argument);
        if !argument.starts_with('-') && !argument.contains('=') {
            return Err(Error::usage(
                format!("`--configure-arg '{argument}'` is neither an option nor a variable"),
                "give an option with its value in one argument, such as \
                 `--configure-arg=--with-openssl=DIR`",
            ));
        }
        let is_named = |names: &str| names.split(' ').any(|refused| refused == name);
        if let Some((_, why, hint)) = REFUSED.iter().find(|(names, ..)| is_named(names)) {
            return Err(contradicts(&argument, why, hint));
        }
        let contradicted = match name {
            "enable-shared" if value_of(&argument) != Some("no") => {
                library = Library::Shared;
                continue;
            }
            "enable-shared" | "disable-shared" if library == Library::Shared => {
                Some("--enable-shared builds a shared library")
            }
            "disable-optimizations" if optimize => {
                Some("--optimize enables profile-guided optimisation")
            }
            _ => None,
        };
        if let Some(why) = contradicted {
            return Err(contradicts(&argument, why, "leave out one of the two"));
        }
        rest.push(argument);
    }
    Ok((library, rest))
}

/// Refuses options that install files outside of the prefix, or where pybuild does not find them.
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
            return Err(Error::usage(
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
                Some(only) => {
                    format!("it installs into {prefix}/{only} and expects the files there")
                }
                None => format!("it installs all files below the prefix {prefix}"),
            };
            return Err(contradicts(
                argument,
                &why,
                "leave it out, or change the whole prefix with --prefix",
            ));
        }
    }
    Ok(())
}

/// Refuses a folder of wheels that ensurepip would install in place of the pinned ones.
pub(super) fn ensure_pins_used(arguments: &[String], are_bundled: bool) -> Result<(), Error> {
    let last = arguments.iter().rev().find(|argument| {
        ["with-wheel-pkg-dir", "without-wheel-pkg-dir"].contains(&name_of(argument))
    });
    match last.and_then(|argument| Some((argument, value_of(argument)?))) {
        None | Some((_, "" | "no")) => Ok(()),
        Some(_) if are_bundled => Ok(()),
        Some((argument, _)) => Err(contradicts(
            argument,
            "ensurepip would install the wheels in that folder instead of the pinned ones",
            "leave out either the folder, or --pip and --setuptools",
        )),
    }
}

/// The value's path relative to the prefix; `None` when it is outside.
fn below_prefix(value: &str, prefix: &InstallPrefix) -> Option<PathBuf> {
    let variables = ["${prefix}", "$(prefix)", "${exec_prefix}", "$(exec_prefix)"];
    let rest = variables
        .iter()
        .find_map(|variable| value.strip_prefix(variable));
    let whole = rest.map_or_else(|| value.to_owned(), |rest| format!("{prefix}{rest}"));
    let below = Path::new(&whole).strip_prefix(prefix.path()).ok()?;
    let plain = |part| matches!(part, Component::Normal(_));
    below.components().all(plain).then(|| below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{ensure_consistent, ensure_pins_used, options};
    use crate::error::Explain as _;
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
    fn folders_outside_of_the_prefix_are_refused() {
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
        let fits = |are_bundled: bool, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
            ensure_pins_used(&arguments, are_bundled).is_ok()
        };
        let folder = "--with-wheel-pkg-dir=/usr/share/python-wheels";
        assert!(!fits(false, &[folder]));
        assert!(fits(true, &[folder]));
        assert!(fits(false, &[folder, "--without-wheel-pkg-dir"]));
        assert!(fits(false, &["--with-wheel-pkg-dir=no"]));
        assert!(fits(false, &["--with-pydebug"]));
    }
}
