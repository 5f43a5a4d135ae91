//! Selects the wheel of an index page that a request means, with a reason against each newer version.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

use crate::digest::Digest;
use crate::plan::requires_python::RequiresPython;
use crate::plan::version::PythonVersion;
use crate::resolve::index::{IndexWheel, ProjectPage, Restrictions};

/// The reason against a version. Its text continues a sentence: `26.3 needs Python 3.10 or later`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A pre-release, which the request does not name.
    PreRelease,
    /// All files are sdists or wheels for certain platforms.
    NoUniversalWheel,
    /// The wheel is for another major version of Python, with this tag.
    OtherPython(String),
    RequiresPython(RequiresPython),
    /// Yanked (PEP 592), with the reason, which may be empty.
    Yanked(String),
    /// pip's configuration excludes it: an option and its file, or a variable.
    RuledOut(String),
    /// The index lists no secure digest, only these.
    NoDigest(Vec<String>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreRelease => f.write_str("is a pre-release"),
            Self::NoUniversalWheel => f.write_str("has no platform-independent wheel"),
            Self::OtherPython(tag) => write!(f, "has a wheel for {tag} only"),
            Self::RequiresPython(requires) => requires.fmt(f),
            Self::Yanked(why) if why.is_empty() => f.write_str("was yanked"),
            Self::Yanked(why) => write!(f, "was yanked ({why})"),
            Self::RuledOut(by) => write!(f, "is ruled out by {by}"),
            Self::NoDigest(weak) => {
                f.write_str("has no sha256, sha384 or sha512 in the index")?;
                if weak.is_empty() {
                    return Ok(());
                }
                write!(f, ", only {}", printable(&weak.join(", ")))
            }
        }
    }
}

impl Reason {
    /// The reason, with the CPython version if the reason depends on it.
    pub(super) fn against(&self, python: PythonVersion) -> String {
        match self {
            Self::RequiresPython(_) | Self::OtherPython(_) => {
                format!("{self}, and this is {python}")
            }
            _ => self.to_string(),
        }
    }
}

/// The versions that may be selected.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    python: PythonVersion,
    /// `None` for every version.
    within: Option<VersionSpecifiers>,
    pre_releases: bool,
    yanked: bool,
    restrictions: Restrictions,
}

impl Rules {
    /// The newest version that fits.
    pub fn latest(python: PythonVersion) -> Self {
        Self {
            python,
            within: None,
            pre_releases: false,
            yanked: false,
            restrictions: Restrictions::default(),
        }
    }

    /// Adds the restrictions of pip's configuration.
    pub fn with(self, restrictions: &Restrictions) -> Self {
        Self {
            restrictions: restrictions.clone(),
            ..self
        }
    }

    /// This version, even if it is a pre-release or yanked.
    pub fn exact(python: PythonVersion, version: &Version) -> Self {
        Self {
            pre_releases: true,
            yanked: true,
            within: Some(VersionSpecifier::equals_version(version.clone()).into()),
            ..Self::latest(python)
        }
    }

    /// The newest version of a set that fits. Pre-releases are allowed if the set names one (PEP 440,
    /// "Handling of pre-releases"), yanked versions if it pins one (PEP 592).
    pub fn within(python: PythonVersion, set: &VersionSpecifiers) -> Self {
        let names_pre_release = |specifier: &VersionSpecifier| {
            specifier.any_prerelease()
                && !matches!(
                    specifier.operator(),
                    Operator::NotEqual | Operator::NotEqualStar
                )
        };
        let pins = |specifier: &VersionSpecifier| {
            matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual)
        };
        Self {
            pre_releases: set.iter().any(names_pre_release),
            yanked: set.iter().any(pins),
            within: Some(set.clone()),
            ..Self::latest(python)
        }
    }

    fn check<'p, T, E>(
        &self,
        version: &Version,
        wheels: &[&'p IndexWheel],
        inspect: &mut impl FnMut(&'p IndexWheel, Place<'p>) -> Result<Result<T, Reason>, E>,
    ) -> Result<Result<(&'p IndexWheel, T), Reason>, E> {
        if version.any_prerelease() && !self.pre_releases {
            return Ok(Err(Reason::PreRelease));
        }
        if let Some(by) = self.ruled_out_by(version, wheels) {
            return Ok(Err(Reason::RuledOut(by.to_owned())));
        }
        let mut reason = Reason::NoUniversalWheel;
        // The last by name is the one with the highest build tag, or py3 beside py2.py3.
        for wheel in wheels.iter().rev().filter(|wheel| wheel.name.is_none_any()) {
            let checked = match self.check_listed(wheel) {
                Ok(place) => inspect(wheel, place)?,
                Err(because) => Err(because),
            };
            match checked {
                Ok(inspected) => return Ok(Ok((wheel, inspected))),
                Err(because) => reason = because,
            }
        }
        Ok(Err(reason))
    }

    /// The setting of pip's configuration that excludes the version.
    fn ruled_out_by(&self, version: &Version, wheels: &[&IndexWheel]) -> Option<&str> {
        let project = wheels.first()?.name.project();
        let mut limits = self.restrictions.limits(project);
        if let Some(limit) = limits.find(|limit| !limit.specifiers.contains(version)) {
            return Some(&limit.named_by);
        }
        let only_final = self.restrictions.only_final(project)?;
        version.any_prerelease().then_some(only_final)
    }

    /// Checks a wheel without fetching it.
    fn check_listed<'p>(&self, wheel: &'p IndexWheel) -> Result<Place<'p>, Reason> {
        let requires = wheel.requires_python.as_deref();
        if let Some(requires) = requires.and_then(RequiresPython::read)
            && !requires.admits(self.python)
        {
            return Err(Reason::RequiresPython(requires));
        }
        if !wheel.name.fits(self.python) {
            return Err(Reason::OtherPython(wheel.name.python_tag().to_owned()));
        }
        if let Some(why) = &wheel.yanked
            && !self.yanked
        {
            return Err(Reason::Yanked(printable(why)));
        }
        match (wheel.address.to_file_path(), &wheel.digest) {
            (Some(path), digest) => Ok(Place::Local(path, digest.as_ref())),
            (None, Some(digest)) => Ok(Place::Remote(digest)),
            (None, None) => Err(Reason::NoDigest(wheel.weak_digests.clone())),
        }
    }
}

/// The place of a wheel, and its listed digest.
#[derive(Debug)]
pub(super) enum Place<'p> {
    /// On this machine, where a digest is optional.
    Local(PathBuf, Option<&'p Digest>),
    /// On another host.
    Remote(&'p Digest),
}

#[derive(Debug)]
pub(super) struct Selection<'p, T> {
    /// The selected wheel, and the result of its inspection.
    pub found: Option<(&'p IndexWheel, T)>,
    /// The newer versions that match the request, newest first.
    pub skipped: Vec<(Version, Reason)>,
}

/// Selects the newest wheel that `rules` and `inspect` admit. `inspect` is called newest first, and not
/// for wheels that the page already excludes.
pub(super) fn select<'p, T, E>(
    page: &'p ProjectPage,
    rules: &Rules,
    mut inspect: impl FnMut(&'p IndexWheel, Place<'p>) -> Result<Result<T, Reason>, E>,
) -> Result<Selection<'p, T>, E> {
    let mut versions: BTreeMap<&Version, Vec<&IndexWheel>> = BTreeMap::new();
    for wheel in &page.wheels {
        let wheels = versions.entry(wheel.name.version()).or_default();
        wheels.push(wheel);
    }
    for version in &page.other_versions {
        versions.entry(version).or_default();
    }
    let mut selection = Selection {
        found: None,
        skipped: Vec::new(),
    };
    for (version, wheels) in versions.into_iter().rev() {
        if !rules
            .within
            .as_ref()
            .is_none_or(|set| set.contains(version))
        {
            continue;
        }
        match rules.check(version, &wheels, &mut inspect)? {
            Ok(found) => {
                selection.found = Some(found);
                break;
            }
            Err(reason) => selection.skipped.push((version.clone(), reason)),
        }
    }
    Ok(selection)
}

/// Reduces text from an index to one short line without control characters.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 120;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default().chars();
    let mut line: String = line.filter(|c| !c.is_control()).collect();
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{Rules, select};
    use crate::digest::{Digest, Sha256};
    use crate::resolve::index::{IndexWheel, ProjectPage};

    /// `NAME-VERSION-PY [>=3.7] [yanked] [undigested]`.
    fn page(lines: &[&str]) -> ProjectPage {
        let mut page = ProjectPage {
            wheels: lines.iter().map(|line| wheel(line)).collect(),
            other_versions: ["0.2".parse().unwrap()].into(),
        };
        page.wheels.sort();
        page
    }

    fn wheel(line: &str) -> IndexWheel {
        let mut words = line.split(' ');
        let name = format!("pip-{}.whl", words.next().unwrap());
        let mut wheel = IndexWheel {
            address: format!("https://h.example/{name}").parse().unwrap(),
            name: name.parse().unwrap(),
            digest: Some(Digest::Sha256(Sha256::of(name.as_bytes()))),
            weak_digests: Vec::new(),
            requires_python: None,
            yanked: None,
        };
        for word in words {
            match word {
                "yanked" => wheel.yanked = Some("broken\u{1b}[2J\nmore".to_owned()),
                "undigested" => wheel.digest = None,
                "md5" => wheel.weak_digests.push(word.to_owned()),
                requires => wheel.requires_python = Some(requires.to_owned()),
            }
        }
        wheel
    }

    const PIPS: [&str; 8] = [
        "26.4b1-py3-none-any >=3.6",
        "26.3-py3-none-any >=3.10",
        "24.2-py3-none-linux_x86_64 >=3.6",
        "24.1-py3-none-any yanked",
        "24.0.1-py3-none-any undigested md5",
        "24.0-py3-none-any >=3.7",
        "20.3.4-py2.py3-none-any >=2.7,!=3.0.*",
        "20.3b1-py2.py3-none-any",
    ];

    /// The selected version, and the reasons against newer ones.
    fn chosen(rules: &Rules) -> (Option<String>, Vec<String>) {
        let page = page(&PIPS);
        let Ok(selection) = select(&page, rules, |_, _| Ok::<_, Infallible>(Ok(())));
        (
            selection
                .found
                .map(|(wheel, ())| wheel.name.version().to_string()),
            selection
                .skipped
                .iter()
                .map(|(version, reason)| format!("{version} {reason}"))
                .collect(),
        )
    }

    fn within(python: &str, set: &str) -> Option<String> {
        chosen(&Rules::within(
            python.parse().unwrap(),
            &set.parse().unwrap(),
        ))
        .0
    }

    #[test]
    fn latest_is_the_newest_that_fits_and_every_newer_one_has_a_reason() {
        let (found, skipped) = chosen(&Rules::latest("3.7.1".parse().unwrap()));
        assert_eq!(found.as_deref(), Some("24.0"));
        assert_eq!(
            skipped,
            [
                "26.4b1 is a pre-release",
                "26.3 needs Python 3.10 or later",
                "24.2 has no platform-independent wheel",
                "24.1 was yanked (broken[2J)",
                "24.0.1 has no sha256, sha384 or sha512 in the index, only md5",
            ]
        );
        let (found, skipped) = chosen(&Rules::latest("2.7.18".parse().unwrap()));
        assert_eq!(found.as_deref(), Some("20.3.4"));
        assert_eq!(skipped[1], "26.3 needs Python 3.10 or later");
        assert_eq!(skipped[3], "24.1 has a wheel for py3 only");
        assert_eq!(
            chosen(&Rules::latest("3.11.2".parse().unwrap())).0.unwrap(),
            "26.3"
        );
    }

    #[test]
    fn a_range_gives_its_newest_version_and_pre_releases_only_if_it_names_one() {
        assert_eq!(within("3.11.2", "<24").unwrap(), "20.3.4");
        assert_eq!(within("3.11.2", ">=26.4a1").unwrap(), "26.4b1");
        assert_eq!(within("3.11.2", ">=20,!=26.4b1").unwrap(), "26.3");
        assert_eq!(within("3.11.2", "<20.3"), None);
        assert_eq!(within("3.11.2", "==24.*").unwrap(), "24.0");
    }

    #[test]
    fn a_yanked_version_has_to_be_named() {
        assert_eq!(within("3.11.2", ">24.0.1,<25"), None);
        assert_eq!(within("3.11.2", "==24.1").unwrap(), "24.1");
        let exact = |text: &str| {
            chosen(&Rules::exact(
                "3.7.1".parse().unwrap(),
                &text.parse().unwrap(),
            ))
        };
        assert_eq!(exact("24.1").0.unwrap(), "24.1");
        assert_eq!(exact("20.3b1").0.unwrap(), "20.3b1");
        assert_eq!(exact("24").0.unwrap(), "24.0");
        assert_eq!(
            exact("26.3"),
            (None, vec!["26.3 needs Python 3.10 or later".to_owned()])
        );
        assert_eq!(
            exact("0.2"),
            (
                None,
                vec!["0.2 has no platform-independent wheel".to_owned()]
            )
        );
        assert_eq!(exact("99"), (None, vec![]));
    }
}
