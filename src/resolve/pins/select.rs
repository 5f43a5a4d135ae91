//! Which of an index's wheels a request means, and why newer ones are passed over.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

use crate::digest::Digest;
use crate::plan::requires_python::RequiresPython;
use crate::plan::version::PythonVersion;
use crate::resolve::index::{IndexWheel, ProjectPage, Restrictions};

/// Why a version is not the one. Reads on from a version: `26.3 needs Python 3.10 or later`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is a pre-release, which has to be asked for by name.
    PreRelease,
    /// Every file is an sdist, or a wheel for some platforms only.
    NoUniversalWheel,
    /// Its wheel is for another major version of Python; the tag says which.
    OtherPython(String),
    /// Its `Requires-Python` does not admit that CPython.
    RequiresPython(RequiresPython),
    /// It was yanked (PEP 592); the text says why, or is empty.
    Yanked(String),
    /// pip's configuration rules it out; the text is the option and its file, or the variable.
    RuledOut(String),
    /// The index lists no digest that proves anything; these are the names of those that it lists.
    NoDigest(Vec<String>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreRelease => f.write_str("is a pre-release"),
            Self::NoUniversalWheel => f.write_str("has no wheel for every platform"),
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
    /// The reason, and the CPython where that is the other half of it.
    pub(super) fn against(&self, python: PythonVersion) -> String {
        match self {
            Self::RequiresPython(_) | Self::OtherPython(_) => {
                format!("{self}, and this is {python}")
            }
            _ => self.to_string(),
        }
    }
}

/// Which versions may be chosen.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    python: PythonVersion,
    /// Every version, where there is none.
    within: Option<VersionSpecifiers>,
    pre_releases: bool,
    withdrawn: bool,
    restrictions: Restrictions,
}

impl Rules {
    /// The newest version that fits.
    pub fn latest(python: PythonVersion) -> Self {
        Self {
            python,
            within: None,
            pre_releases: false,
            withdrawn: false,
            restrictions: Restrictions::default(),
        }
    }

    /// These rules, and what pip's configuration rules out.
    pub fn with(self, restrictions: &Restrictions) -> Self {
        Self {
            restrictions: restrictions.clone(),
            ..self
        }
    }

    /// One version: naming it is consent to a pre-release and to a withdrawn one.
    pub fn exact(python: PythonVersion, version: &Version) -> Self {
        let set = VersionSpecifier::equals_version(version.clone()).into();
        Self {
            pre_releases: true,
            withdrawn: true,
            within: Some(set),
            ..Self::latest(python)
        }
    }

    /// The newest version of a set that fits. A set that names a pre-release admits them (PEP 440,
    /// "Handling of pre-releases"); one that pins a version admits a withdrawn one (PEP 592).
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
            withdrawn: set.iter().any(pins),
            within: Some(set.clone()),
            ..Self::latest(python)
        }
    }

    fn admit(&self, version: &Version) -> bool {
        self.within.as_ref().is_none_or(|set| set.contains(version))
    }

    fn judge<'p, T, E>(
        &self,
        version: &Version,
        wheels: &[&'p IndexWheel],
        look_into: &mut impl FnMut(&'p IndexWheel, Place<'p>) -> Result<Result<T, Reason>, E>,
    ) -> Result<Result<Selected<'p, T>, Reason>, E> {
        if version.any_prerelease() && !self.pre_releases {
            return Ok(Err(Reason::PreRelease));
        }
        if let Some(by) = self.ruled_out_by(version, wheels) {
            return Ok(Err(Reason::RuledOut(by.to_owned())));
        }
        let mut reason = Reason::NoUniversalWheel;
        // The last by name is the one with the highest build tag, or py3 beside py2.py3.
        for wheel in wheels.iter().rev().filter(|wheel| wheel.name.is_none_any()) {
            let judged = match self.judge_listed(wheel) {
                Ok(place) => look_into(wheel, place)?,
                Err(because) => Err(because),
            };
            match judged {
                Ok(file) => return Ok(Ok(Selected { wheel, file })),
                Err(because) => reason = because,
            }
        }
        Ok(Err(reason))
    }

    /// Who rules the version out in pip's configuration.
    fn ruled_out_by(&self, version: &Version, wheels: &[&IndexWheel]) -> Option<&str> {
        let project = wheels.first()?.name.project();
        let mut limits = self.restrictions.limits(project);
        if let Some(limit) = limits.find(|limit| !limit.specifiers.contains(version)) {
            return Some(&limit.named_by);
        }
        let only_final = self.restrictions.only_final(project)?;
        version.any_prerelease().then_some(only_final)
    }

    /// What the index itself says against a wheel; nothing is fetched for that.
    fn judge_listed<'p>(&self, wheel: &'p IndexWheel) -> Result<Place<'p>, Reason> {
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
            && !self.withdrawn
        {
            return Err(Reason::Yanked(printable(why)));
        }
        match (wheel.address.to_file_path(), &wheel.digest) {
            (Some(path), digest) => Ok(Place::Local(path, digest.as_ref())),
            (None, Some(digest)) => Ok(Place::Elsewhere(digest)),
            (None, None) => Err(Reason::NoDigest(wheel.weak_digests.clone())),
        }
    }
}

/// Where a wheel is, and what proves it.
#[derive(Debug)]
pub(super) enum Place<'p> {
    /// On this machine, where nobody else has to be believed; with its digest where that is listed.
    Local(PathBuf, Option<&'p Digest>),
    /// On another host.
    Elsewhere(&'p Digest),
}

/// A wheel that can be a pin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'p, T> {
    pub wheel: &'p IndexWheel,
    /// What looking into it gave.
    pub file: T,
}

/// What came of looking through a page.
#[derive(Debug)]
pub(super) struct Selection<'p, T> {
    pub found: Option<Selected<'p, T>>,
    /// The newer versions that were asked for as well, newest first.
    pub passed_over: Vec<(Version, Reason)>,
}

/// The newest wheel of `page` that `rules` and the wheel itself admit. `look_into` says whether the wheel
/// itself does; it is asked newest first, and not about wheels that the index already rules out.
///
/// # Errors
/// That of `look_into`.
pub(super) fn select<'p, T, E>(
    page: &'p ProjectPage,
    rules: &Rules,
    mut look_into: impl FnMut(&'p IndexWheel, Place<'p>) -> Result<Result<T, Reason>, E>,
) -> Result<Selection<'p, T>, E> {
    let mut versions: BTreeMap<&Version, Vec<&IndexWheel>> = BTreeMap::new();
    for wheel in &page.wheels {
        versions
            .entry(wheel.name.version())
            .or_default()
            .push(wheel);
    }
    for version in &page.other_versions {
        versions.entry(version).or_default();
    }
    let mut passed_over = Vec::new();
    for (version, wheels) in versions.iter().rev() {
        if !rules.admit(version) {
            continue;
        }
        match rules.judge(version, wheels, &mut look_into)? {
            Ok(selected) => {
                return Ok(Selection {
                    found: Some(selected),
                    passed_over,
                });
            }
            Err(reason) => passed_over.push(((*version).clone(), reason)),
        }
    }
    Ok(Selection {
        found: None,
        passed_over,
    })
}

/// What an uploader wrote, made fit for one line of a terminal.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 120;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let mut line: String = line
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
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

    /// What is chosen, and why newer ones are not.
    fn chosen(rules: &Rules) -> (Option<String>, Vec<String>) {
        let page = page(&PIPS);
        let Ok(selection) = select(&page, rules, |_, _| Ok::<_, Infallible>(Ok(())));
        (
            selection
                .found
                .map(|found| found.wheel.name.version().to_string()),
            selection
                .passed_over
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
        let (found, passed_over) = chosen(&Rules::latest("3.7.1".parse().unwrap()));
        assert_eq!(found.as_deref(), Some("24.0"));
        assert_eq!(
            passed_over,
            [
                "26.4b1 is a pre-release",
                "26.3 needs Python 3.10 or later",
                "24.2 has no wheel for every platform",
                "24.1 was yanked (broken[2J)",
                "24.0.1 has no sha256, sha384 or sha512 in the index, only md5",
            ]
        );
        let (found, passed_over) = chosen(&Rules::latest("2.7.18".parse().unwrap()));
        assert_eq!(found.as_deref(), Some("20.3.4"));
        assert_eq!(passed_over[1], "26.3 needs Python 3.10 or later");
        assert_eq!(passed_over[3], "24.1 has a wheel for py3 only");
        assert_eq!(
            chosen(&Rules::latest("3.11.2".parse().unwrap())).0.unwrap(),
            "26.3"
        );
    }

    #[test]
    fn a_set_gives_its_newest_and_pre_releases_only_when_it_names_one() {
        assert_eq!(within("3.11.2", "<24").unwrap(), "20.3.4");
        assert_eq!(within("3.11.2", ">=26.4a1").unwrap(), "26.4b1");
        assert_eq!(within("3.11.2", ">=20,!=26.4b1").unwrap(), "26.3");
        assert_eq!(within("3.11.2", "<20.3"), None);
        assert_eq!(within("3.11.2", "==24.*").unwrap(), "24.0");
    }

    #[test]
    fn a_withdrawn_version_has_to_be_named() {
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
            (None, vec!["0.2 has no wheel for every platform".to_owned()])
        );
        assert_eq!(exact("99"), (None, vec![]));
    }
}
