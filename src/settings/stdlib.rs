//! The modules of each release's standard library, to check `--require` and `--allow-missing`.

use super::error::Error;
use crate::host::module_probes::{PROBES, Probe};
use crate::plan::ModulePolicy;
use crate::plan::version::PythonVersion;

/// Lines `MODULE FIRST-LAST` with the first and the last series of a module: generated from 2.7 and
/// 3.6 to 3.13, and completed by hand for the others.
const TABLE: &str = include_str!("stdlib.txt");

/// The least Jaro-Winkler similarity of a suggested name.
const SIMILAR: f64 = 0.8;

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

/// Refuses `--require`, `--allow-missing` and `--without-module` of modules that the release does not have. The hint
/// suggests a similar name, or the releases that have the module.
pub fn ensure_modules_exist(policy: &ModulePolicy, python: PythonVersion) -> Result<(), Error> {
    let required = policy.required.iter().map(|name| ("--require", name));
    let allowed = policy.may_be_missing.iter();
    let left_out = policy.left_out.iter();
    required
        .chain(allowed.map(|name| ("--allow-missing", name)))
        .chain(left_out.map(|name| ("--without-module", name)))
        .try_for_each(|(option, name)| ensure_exists(option, name, python))
}

fn ensure_exists(option: &str, name: &str, python: PythonVersion) -> Result<(), Error> {
    let series = python.series();
    // Probes are known by the same names in every release; the modules are not.
    let mut of_name = PROBES.iter().filter(|probe| probe.names.contains(&name));
    let probed = of_name
        .clone()
        .any(|probe| probe.series.0 <= series && series < probe.series.1);
    let modules: Vec<Module> = table().filter(|module| module.name == name).collect();
    if probed || modules.iter().any(|module| module.is_in(series)) {
        return Ok(());
    }
    let of_module = modules.first().map(|module| (module.first, module.last));
    let other_releases = of_module.or_else(|| Some((of_name.next()?.series.0, None)));
    Err(match other_releases {
        Some((first, last)) => Error::usage(
            format!("{option} {name}: CPython {python} has no module `{name}`"),
            format!("{}; leave {option} {name} out", releases(first, last)),
        ),
        None => Error::usage(
            format!("{option} {name}: no release of CPython has a module `{name}`"),
            match most_similar(name, series) {
                Some(similar) => format!("did you mean `{similar}`?"),
                None => "name a module of the standard library, such as `sqlite3`".to_owned(),
            },
        ),
    })
}

fn releases(first: Series, last: Option<Series>) -> String {
    let text = |(major, minor): Series| format!("{major}.{minor}");
    match last {
        None => format!("the releases from {} on have it", text(first)),
        Some(last) if last == first => format!("the releases of {} have it", text(last)),
        Some(last) => format!("the last releases that have it are those of {}", text(last)),
    }
}

/// The module of the series whose name is most similar to this one.
fn most_similar(name: &str, series: Series) -> Option<&'static str> {
    let modules = table().filter(|module| module.is_in(series));
    let probed = PROBES.iter().map(Probe::name);
    let names = probed.chain(modules.map(|module| module.name));
    // The first of equally similar names wins: users know the names of probes best.
    let (similarity, similar) = names
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    (similarity >= SIMILAR).then_some(similar)
}

#[cfg(test)]
mod tests {
    use super::{ensure_exists, table};
    use crate::error::Explain as _;

    /// The error and its hint; empty when the name is accepted.
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
    fn modules_that_no_release_has_are_refused_with_the_most_similar_name() {
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
    fn modules_of_other_releases_are_refused_and_these_are_named() {
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
