//! The modules that CPython's build reports as not built: `setup.py` does so up to 3.11,
//! `check_extension_modules.py` from 3.12 on. Both print lists of names below headings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::modules::{HostModules, canonical_name};
use crate::plan::ModulePolicy;
use crate::plan::version::PythonVersion;

/// Names that 2.7's `setup.py` lists on every current host: modules for other systems, for 32 bits, or
/// for an outdated Berkeley DB.
const NEVER_BUILT: [&str; 5] = ["bsddb185", "dl", "imageop", "sunaudiodev", "_scproxy"];

const NOT_FOUND: &str = "CPython's build did not find what it needs";
const DISABLED: &str = "CPython's configure leaves it out";

/// A part of each heading, and the reason that it stands for.
const HEADINGS: [(&str, &str); 4] = [
    ("necessary bits to build these", NOT_FOUND),
    ("Failed to build these modules:", "it does not compile"),
    (
        "because they could not be imported:",
        "it cannot be imported",
    ),
    ("they are *disabled* ", DISABLED),
];

/// The heading of 3.12 and later has its words in another order.
const DISABLED_HEADING: &str = "The following modules are *disabled* ";

/// The modules that were not built, by upstream's names, with the reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unbuilt(BTreeMap<String, String>);

impl Unbuilt {
    /// The modules by the names that `--allow-missing` and the record use, with the reasons.
    pub(crate) fn modules(&self, python: PythonVersion) -> impl Iterator<Item = (&str, &str)> {
        let name = move |name| match (python.series().0, name) {
            // In Python 3, `dbm` is a package that needs no library.
            (2, "dbm") => "dbm.ndbm",
            _ => canonical_name(name),
        };
        let modules = self.0.iter();
        modules.map(move |(module, why)| (name(module), why.as_str()))
    }

    /// The modules that the user does not know of yet: neither found missing before the build, nor
    /// allowed to be missing, nor left out by `configure`.
    pub(super) fn unexpected(
        &self,
        python: PythonVersion,
        found_before: &HostModules,
        policy: &ModulePolicy,
    ) -> Vec<(String, String)> {
        let is_known = |module: &str| {
            let mut missing = found_before.missing.iter();
            policy.may_be_missing.contains(module)
                || policy.left_out.contains(module)
                || missing.any(|known| known.module == module)
        };
        // Two of upstream's modules may have one name here.
        let modules: BTreeMap<&str, &str> = self.modules(python).collect();
        modules
            .into_iter()
            .filter(|(module, why)| !is_known(module) && *why != DISABLED)
            .map(|(module, why)| (module.to_owned(), why.to_owned()))
            .collect()
    }
}

/// Finds unbuilt modules in the output of `make`.
#[derive(Debug, Default)]
pub(super) struct UnbuiltReader {
    listed: BTreeMap<String, &'static str>,
    /// The error that importing a module gave.
    import_errors: BTreeMap<String, String>,
    below: Option<&'static str>,
}

impl UnbuiltReader {
    pub(super) fn see(&mut self, line: &str) {
        if let Some((module, error)) = import_error(line) {
            self.import_errors
                .insert(module.to_owned(), error.to_owned());
            return;
        }
        let line = line.trim();
        let heading = HEADINGS.iter().find(|(part, _)| line.contains(part));
        if let Some((_, why)) = heading {
            self.below = Some(why);
        } else if line.starts_with(DISABLED_HEADING) {
            self.below = Some(DISABLED);
        } else if line.is_empty() || line.ends_with([':', '.']) {
            self.below = None;
        } else if let Some(why) = self.below {
            // With several jobs, the output of other commands comes in between.
            let is_name = |word: &str| word.chars().all(|c| c.is_alphanumeric() || c == '_');
            if line.split_whitespace().all(is_name) {
                let names = line.split_whitespace().map(ToOwned::to_owned);
                self.listed.extend(names.map(|name| (name, why)));
            }
        }
    }

    pub(super) fn finish(self) -> Unbuilt {
        let mut modules: BTreeMap<String, String> = self
            .listed
            .into_iter()
            .map(|(module, why)| (module, why.to_owned()))
            .collect();
        modules.extend(self.import_errors);
        modules.retain(|module, _| !NEVER_BUILT.contains(&module.as_str()));
        Unbuilt(modules)
    }
}

/// `*** WARNING: renaming "_ssl" since importing it failed: libssl.so.3: …` of `setup.py`, and
/// `[ERROR] _ssl failed to import: libssl.so.3: …` from 3.12 on.
fn import_error(line: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = line.split_once("WARNING: renaming \"") {
        return rest.split_once("\" since importing it failed: ");
    }
    let (before, error) = line.split_once(" failed to import: ")?;
    Some((before.rsplit(' ').next()?, error))
}

#[cfg(test)]
mod tests {
    use super::{DISABLED, NOT_FOUND, Unbuilt, UnbuiltReader};
    use crate::compile::event::Event;
    use crate::host::modules::HostModules;
    use crate::plan::ModulePolicy;

    fn read(output: &str) -> Unbuilt {
        let mut reader = UnbuiltReader::default();
        output.lines().for_each(|line| reader.see(line));
        reader.finish()
    }

    fn modules<'a>(unbuilt: &'a Unbuilt, python: &str) -> Vec<(&'a str, &'a str)> {
        unbuilt.modules(python.parse().unwrap()).collect()
    }

    const SETUP_3_11: &str = "building '_ctypes' extension
*** WARNING: renaming \"_ssl\" since importing it failed: libssl.so.33: cannot open shared object file

The necessary bits to build these optional modules were not found:
_dbm                  _gdbm                 nis
ossaudiodev
To find the necessary bits, look in setup.py in detect_modules() for the module's name.


The following modules found by detect_modules() in setup.py, have been
built by the Makefile instead, as configured by the Setup files:
_abc                  pwd                   time


Failed to build these modules:
_lzma


Following modules built successfully but were removed because they could not be imported:
_hashlib              _ssl

Could not build the ssl module!
Python requires a OpenSSL 1.1.1 or newer
";

    #[test]
    fn the_lists_of_setup_py_are_read_with_their_reasons() {
        let unbuilt = read(SETUP_3_11);
        assert_eq!(
            modules(&unbuilt, "3.11.2"),
            [
                ("dbm.ndbm", NOT_FOUND),
                ("dbm.gnu", NOT_FOUND),
                ("ssl", "it cannot be imported"),
                ("lzma", "it does not compile"),
                ("ssl", "libssl.so.33: cannot open shared object file"),
                ("nis", NOT_FOUND),
                ("ossaudiodev", NOT_FOUND),
            ]
        );
    }

    #[test]
    fn the_lists_of_3_12_and_later_are_read_among_the_output_of_other_jobs() {
        let unbuilt = read(
            "[ERROR] _ssl failed to import: libssl.so.33: cannot open
The following modules are *disabled* in configure script:
_testcapi

The necessary bits to build these optional modules were not found:
_gdbm                 _tkinter
gcc -c -O2 -o Programs/_testembed.o ./Programs/_testembed.c
nis
To find the necessary bits, look in configure.ac and config.log.

Could not build the ssl module!
Checked 111 modules (31 built-in, 74 shared, 1 n/a on linux-x86_64, 0 disabled, 5 missing, 0 failed on import)
",
        );
        assert_eq!(
            modules(&unbuilt, "3.13.5"),
            [
                ("dbm.gnu", NOT_FOUND),
                ("ssl", "libssl.so.33: cannot open"),
                ("_testcapi", DISABLED),
                ("tkinter", NOT_FOUND),
                ("nis", NOT_FOUND),
            ]
        );
    }

    #[test]
    fn names_that_2_7_lists_on_every_host_are_left_out() {
        let unbuilt = read(
            "Python build finished, but the necessary bits to build these modules were not found:
_bsddb             bsddb185           dbm
dl                 imageop            nis
sunaudiodev
To find the necessary bits, look in setup.py in detect_modules() for the module's name.
",
        );
        assert_eq!(
            modules(&unbuilt, "2.7.18"),
            [
                ("bsddb", NOT_FOUND),
                ("dbm.ndbm", NOT_FOUND),
                ("nis", NOT_FOUND)
            ]
        );
    }

    #[test]
    fn only_unexpected_modules_are_warned_of() {
        let unbuilt = read(SETUP_3_11);
        let python = "3.11.2".parse().unwrap();
        let policy = ModulePolicy {
            may_be_missing: ["nis", "dbm.gnu", "dbm.ndbm", "ssl", "lzma"]
                .map(ToOwned::to_owned)
                .into(),
            ..ModulePolicy::default()
        };
        let before = HostModules::default();
        let unexpected = unbuilt.unexpected(python, &before, &policy);
        assert_eq!(
            unexpected,
            [("ossaudiodev".to_owned(), NOT_FOUND.to_owned())]
        );
        let warning = Event::NotBuilt(unexpected).to_string();
        assert!(
            warning.contains(&format!("were not built: ossaudiodev ({NOT_FOUND});")),
            "{warning}"
        );
        let disabled =
            read("The following modules are *disabled* in configure script:\n_testcapi\n");
        assert_eq!(
            disabled.unexpected(python, &before, &ModulePolicy::default()),
            []
        );
    }
}
