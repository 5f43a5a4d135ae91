//! Which modules the standard library of a release has.

use std::cmp::Reverse;

use crate::host::module_probes::{PROBES, Probe};
use crate::plan::ModulePolicy;
use crate::plan::version::PythonVersion;
use crate::settings::error::Error;

/// One module a line, with the first and the last series that have it: read from 2.7 and 3.6 to 3.13,
/// and completed by hand for the others.
const TABLE: &str = include_str!("stdlib.txt");

/// How alike two names have to be for one to be meant by the other (Jaro-Winkler).
const ALIKE: f64 = 0.8;

type Series = (u32, u32);

#[derive(Debug, Clone, Copy)]
struct Module {
    name: &'static str,
    first: Series,
    last: Option<Series>,
}

impl Module {
    fn is_in(self, series: Series) -> bool {
        self.first <= series && self.last.is_none_or(|last| series <= last)
    }
}

fn table() -> impl Iterator<Item = Module> {
    TABLE.lines().filter_map(|line| {
        let (name, range) = line.split_once(' ')?;
        let (first, last) = range.split_once('-')?;
        Some(Module {
            name,
            first: series(first)?,
            last: series(last),
        })
    })
}

fn series(text: &str) -> Option<Series> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Refuses `--require` and `--allow-missing` of modules that the release does not have.
///
/// # Errors
/// [`Error::Usage`], with the name that was probably meant, or the releases that have the module.
pub fn ensure_modules_exist(policy: &ModulePolicy, python: PythonVersion) -> Result<(), Error> {
    for (option, names) in [
        ("--require", &policy.required),
        ("--allow-missing", &policy.may_be_missing),
    ] {
        for name in names {
            ensure_exists(option, name, python)?;
        }
    }
    Ok(())
}

fn ensure_exists(option: &str, name: &str, python: PythonVersion) -> Result<(), Error> {
    let series = python.series();
    // These names hold for every release, whatever the module is called there.
    let probed = PROBES.iter().any(|probe| {
        let (first, until) = probe.series;
        probe.names.contains(&name) && first <= series && series < until
    });
    let known: Vec<Module> = table().filter(|module| module.name == name).collect();
    if probed || known.iter().any(|module| module.is_in(series)) {
        return Ok(());
    }
    let in_others = PROBES.iter().find(|probe| probe.names.contains(&name));
    let others = match (known.first(), in_others) {
        (Some(module), _) => Some((module.first, module.last)),
        (None, Some(probe)) => Some((probe.series.0, None)),
        (None, None) => None,
    };
    let (what, hint) = match others {
        Some((first, last)) => (
            format!("{option} {name}: CPython {python} has no module `{name}`"),
            format!("{}; leave {option} {name} out", releases(first, last)),
        ),
        None => (
            format!("{option} {name}: no release of CPython has a module `{name}`"),
            match nearest(name, series) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name a module of the standard library, such as `sqlite3`".to_owned(),
            },
        ),
    };
    Err(Error::Usage { what, hint })
}

fn releases(first: Series, last: Option<Series>) -> String {
    let text = |(major, minor): Series| format!("{major}.{minor}");
    match last {
        None => format!("the releases from {} on have it", text(first)),
        Some(last) if last == first => format!("the releases of {} have it", text(last)),
        Some(last) => format!("the last releases that have it are those of {}", text(last)),
    }
}

/// The module of the series whose name is most like this one.
fn nearest(name: &str, series: Series) -> Option<&'static str> {
    let probed = PROBES.iter().map(Probe::name);
    let names = table().filter(|module| module.is_in(series));
    let mut alike: Vec<(f64, &str)> = probed
        .chain(names.map(|module| module.name))
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    // Stable: where two are alike, the one that people use more comes first.
    alike.sort_by(|one, other| {
        Reverse(one.0)
            .partial_cmp(&Reverse(other.0))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    alike.first().map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::{ensure_exists, table};
    use crate::error::Explain as _;

    /// What is wrong with the name, and the hint; empty when nothing is.
    fn said(name: &str, python: &str) -> String {
        match ensure_exists("--require", name, python.parse().unwrap()) {
            Ok(()) => String::new(),
            Err(error) => format!("{error}\n{}", error.hint().unwrap_or_default()),
        }
    }

    #[test]
    fn modules_that_a_release_has_are_accepted() {
        for (name, python) in [
            ("json", "3.11.2"),
            ("_ssl", "3.11.2"),
            ("os.path", "3.13.5"),
            ("xml.etree.ElementTree", "2.7.18"),
            ("tkinter", "2.7.18"),
            ("dbm.gnu", "2.7.18"),
            ("bsddb", "2.7.18"),
            ("ctypes", "3.4.0"),
            ("nis", "3.12.1"),
            ("compression.zstd", "3.14.7"),
            ("ssl", "3.99.1"),
        ] {
            assert_eq!(said(name, python), "", "{name} in {python}");
        }
    }

    #[test]
    fn modules_that_no_release_has_are_refused_with_the_nearest_name() {
        for (name, meant) in [
            ("sssl", "ssl"),
            ("sqlite", "sqlite3"),
            ("jason", "json"),
            ("_tkniter", "_tkinter"),
            ("zlibb", "zlib"),
        ] {
            let said = said(name, "3.11.2");
            assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
        }
        assert!(said("foo", "3.11.2").contains("no release of CPython has a module `foo`"));
    }

    #[test]
    fn modules_of_other_releases_are_refused_with_these() {
        for (name, python, releases) in [
            ("nis", "3.13.5", "those of 3.12"),
            ("distutils", "3.12.1", "those of 3.11"),
            ("bsddb", "3.11.2", "2.7"),
            ("tomllib", "3.10.13", "from 3.11 on"),
            ("compression.zstd", "3.13.5", "from 3.14 on"),
            ("_zstd", "3.11.2", "from 3.14 on"),
        ] {
            let said = said(name, python);
            assert!(
                said.contains(&format!("CPython {python} has no module")),
                "{said}"
            );
            assert!(said.contains(releases), "{said}");
        }
    }

    #[test]
    fn the_whole_table_is_read() {
        assert_eq!(table().count(), super::TABLE.lines().count());
    }
}
