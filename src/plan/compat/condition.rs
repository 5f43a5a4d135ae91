//! Facts about a host that compatibility patches depend on, and the conditions on these facts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use serde::Deserialize;

/// A program or library of the host, such as `gcc 12.2.0` or `musl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    name: String,
    /// `None` if it does not state its version, like musl.
    version: Option<Version>,
}

impl Component {
    /// Reads `OpenSSL 3.0.19 27 Jan 2026`, `glibc 2.36` or `musl`: a name, and a version if the second
    /// word begins with one (`1.1.1w` counts as 1.1.1). Names become lower case.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let name = words.next()?.to_lowercase();
        let number = words.next().unwrap_or_default();
        let end = number
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(number.len());
        let version = number[..end].trim_end_matches('.').parse().ok();
        Some(Self { name, version })
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The host that pybuild builds on and for. An unknown fact meets no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// `gcc` or `clang`, by its own macros.
    pub compiler: Option<Component>,
    /// `openssl`, or a replacement such as `libressl`.
    pub openssl: Option<Component>,
    /// `glibc` or `musl`.
    pub libc: Option<Component>,
    /// The compiler's target, as the compiler prints it: `x86_64-linux-gnu`.
    pub machine: String,
}

impl HostFacts {
    /// `x86_64` for `x86_64-linux-gnu`. Apple calls `aarch64` `arm64`.
    fn architecture(&self) -> &str {
        match self.machine.split('-').next().unwrap_or_default() {
            "arm64" => "aarch64",
            other => other,
        }
    }

    fn system(&self) -> Option<System> {
        [
            ("-linux", System::Linux),
            ("-darwin", System::Macos),
            ("-freebsd", System::Freebsd),
        ]
        .into_iter()
        .find(|(part, _)| self.machine.contains(part))
        .map(|(_, system)| system)
    }
}

/// An operating system that a condition can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum System {
    Linux,
    Macos,
    Freebsd,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "Linux",
            Self::Macos => "macOS",
            Self::Freebsd => "FreeBSD",
        })
    }
}

/// The `[when]` table of a patch. Every key has to hold; a list holds if one of its items does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    #[serde(default)]
    compiler: Vec<Wanted>,
    #[serde(default)]
    libc: Vec<Wanted>,
    openssl: Option<Specifiers>,
    #[serde(default)]
    os: BTreeSet<System>,
    #[serde(default)]
    architecture: BTreeSet<String>,
}

impl Condition {
    /// The facts that meet the condition, as texts; `None` if the condition does not hold.
    pub(super) fn holds_on(&self, host: &HostFacts) -> Option<Vec<String>> {
        let mut because = Vec::new();
        for (wanted, found) in [(&self.compiler, &host.compiler), (&self.libc, &host.libc)] {
            if !wanted.is_empty() {
                let found = found.as_ref()?;
                let met = wanted.iter().find(|wanted| wanted.is_met_by(found))?;
                because.push(met.said_of(found));
            }
        }
        if let Some(specifiers) = &self.openssl {
            let found = host.openssl.as_ref()?;
            let wanted = Wanted {
                name: "openssl".to_owned(),
                specifiers: Some(specifiers.0.clone()),
            };
            if !wanted.is_met_by(found) {
                return None;
            }
            because.push(wanted.said_of(found));
        }
        if !self.os.is_empty() {
            let met = host.system().filter(|system| self.os.contains(system))?;
            because.push(format!("the system is {met}"));
        }
        if !self.architecture.is_empty() {
            let met = self.architecture.get(host.architecture())?;
            because.push(format!("the architecture is {met}"));
        }
        Some(because)
    }
}

/// A component with or without specifiers: `gcc >=14`, `musl`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Wanted {
    name: String,
    specifiers: Option<VersionSpecifiers>,
}

impl Wanted {
    fn is_met_by(&self, found: &Component) -> bool {
        self.name == found.name
            && match (&self.specifiers, &found.version) {
                (None, _) => true,
                (Some(specifiers), Some(version)) => specifiers.contains(version),
                (Some(_), None) => false,
            }
    }

    fn said_of(&self, found: &Component) -> String {
        match &self.specifiers {
            Some(specifiers) => format!("{found} is {specifiers}"),
            None => format!("{} is here", self.name),
        }
    }
}

impl TryFrom<String> for Wanted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, rest) = text.split_once(' ').unwrap_or((&text, ""));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase()) {
            return Err(format!(
                "`{text}` is not a name with specifiers, such as `gcc >=14`"
            ));
        }
        let specifiers = match rest.trim() {
            "" => None,
            rest => Some(specifiers(rest)?),
        };
        Ok(Self {
            name: name.to_owned(),
            specifiers,
        })
    }
}

/// Version specifiers (PEP 440), such as `>=3`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Specifiers(pub(super) VersionSpecifiers);

impl TryFrom<String> for Specifiers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        specifiers(&text).map(Self)
    }
}

fn specifiers(text: &str) -> Result<VersionSpecifiers, String> {
    let specifiers = VersionSpecifiers::from_str(text)
        .map_err(|error| format!("`{text}` is no set of specifiers: {error}"))?;
    if specifiers.is_empty() {
        return Err("a set of specifiers is empty".to_owned());
    }
    Ok(specifiers)
}

#[cfg(test)]
mod tests {
    use super::{Component, Condition, HostFacts};

    fn host() -> HostFacts {
        HostFacts {
            compiler: Component::read("gcc 14.2.0"),
            openssl: Component::read("OpenSSL 1.1.1w  11 Sep 2023"),
            libc: Component::read("glibc 2.41"),
            machine: "x86_64-linux-gnu".to_owned(),
        }
    }

    fn because(text: &str, host: &HostFacts) -> Option<String> {
        let condition: Condition = toml::from_str(text).unwrap();
        condition.holds_on(host).map(|because| because.join(", "))
    }

    #[test]
    fn every_key_has_to_hold_by_any_of_its_items() {
        let compiler = "compiler = ['clang >=16', 'gcc >=14']";
        assert_eq!(
            because(compiler, &host()).as_deref(),
            Some("gcc 14.2.0 is >=14")
        );
        let both = format!("{compiler}\nopenssl = '>=3'");
        assert_eq!(because(&both, &host()), None);
        let both = format!("{compiler}\nopenssl = '<3'\nos = ['macos', 'linux']");
        assert_eq!(
            because(&both, &host()).as_deref(),
            Some("gcc 14.2.0 is >=14, openssl 1.1.1 is <3, the system is Linux")
        );
        assert_eq!(because("", &host()).as_deref(), Some(""));
        assert_eq!(because("compiler = ['gcc >=15']", &host()), None);
        assert_eq!(because("architecture = ['aarch64']", &host()), None);
    }

    #[test]
    fn a_library_without_a_version_meets_its_name_alone_and_another_library_meets_nothing() {
        let musl = HostFacts {
            libc: Component::read("musl"),
            openssl: Component::read("LibreSSL 3.9.2"),
            machine: "arm64-apple-darwin23".to_owned(),
            ..HostFacts::default()
        };
        let any = "libc = ['glibc >=2.41', 'musl']";
        assert_eq!(because(any, &musl).as_deref(), Some("musl is here"));
        assert_eq!(because("libc = ['musl >=1.2']", &musl), None);
        assert_eq!(because("openssl = '>=3'", &musl), None);
        assert_eq!(because("compiler = ['gcc >=1']", &musl), None);
        assert_eq!(
            because("os = ['macos']\narchitecture = ['aarch64']", &musl).as_deref(),
            Some("the system is macOS, the architecture is aarch64")
        );
    }

    #[test]
    fn wrong_names_and_specifiers_are_refused() {
        for text in [
            "compiler = ['GCC >=14']",
            "compiler = ['gcc 14']",
            "openssl = ''",
            "os = ['Linux']",
            "kernel = ['6']",
        ] {
            assert!(toml::from_str::<Condition>(text).is_err(), "{text}");
        }
    }
}
