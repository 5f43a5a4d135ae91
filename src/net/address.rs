//! Addresses that never show a secret.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::Sha256;

/// An `http://`, `https://` or `file://` address.
///
/// `Display`, `Debug` and serialisation show no secret that it may hold: they leave out user, password,
/// query and fragment. Tokens also stand in paths, anywhere in them. So of an address that a user or an
/// answer gives, only the parts of the path that pybuild knows are shown ([`KNOWN`] and file names), and
/// `...` for all others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// Boxed, because errors hold addresses and should be small.
    url: Box<Url>,
    path: Path,
}

/// What is shown of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Path {
    /// All of it: the address is built in, a page there links to it, or it was written without secrets.
    Whole,
    /// The parts that pybuild knows.
    Known,
}

/// Parts of paths that are no secret.
const KNOWN: [&str; 3] = ["simple", "pip", "setuptools"];

/// How the names of files end that pybuild asks for.
const FILES: [&str; 7] = [
    ".whl", ".tgz", ".tar.gz", ".tar.xz", ".zip", ".asc", ".json",
];

/// Stands for parts of a path that are not shown.
const HIDDEN: &str = "...";

/// A text that is not an address that pybuild can ask.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{shown}` is not an address: {reason}")]
pub struct InvalidAddress {
    shown: String,
    reason: String,
}

impl Address {
    /// An address that is built in, and that may be shown, as may those that its pages link to.
    ///
    /// # Errors
    /// When it is no address.
    pub fn published(text: &'static str) -> Result<Self, InvalidAddress> {
        let path = Path::Whole;
        Ok(Self {
            path,
            ..text.parse()?
        })
    }

    /// The address with what stands behind it, joined as a browser would (RFC 3986, section 5).
    ///
    /// # Errors
    /// When `reference` is not a valid reference, or leads to another kind of address such as
    /// `mailto:`.
    pub fn join(&self, reference: &str) -> Result<Self, InvalidAddress> {
        let path = self.path;
        Ok(Self {
            path,
            ..checked(self.url.join(reference), reference)?
        })
    }

    /// The address with the user and password of `other`, where both have the same scheme, host
    /// and port and this one has no user of its own; otherwise unchanged.
    #[must_use]
    pub fn with_login_of(mut self, other: &Self) -> Self {
        let own = !self.url.username().is_empty() || self.url.password().is_some();
        if !own && self.url.scheme() == other.url.scheme() && self.authority() == other.authority()
        {
            // Both fail only for addresses without a host, which have no user to take over.
            let _ = self.url.set_username(other.url.username());
            let _ = self.url.set_password(other.url.password());
        }
        self
    }

    /// The address with `segment` as one more path segment, whether or not it ends in a slash.
    #[must_use]
    pub fn with_segment(&self, segment: &str) -> Self {
        let (mut url, shown) = (self.url.clone(), self.path);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(segment);
        }
        Self { url, path: shown }
    }

    /// The address with `suffix` behind its last path segment; a query stays.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let (mut url, path) = (self.url.clone(), self.path);
        url.set_path(&format!("{}{suffix}", url.path()));
        Self { url, path }
    }

    /// The address with a trailing slash, so that [`Address::join`] goes below it.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        let (mut url, path) = (self.url.clone(), self.path);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self { url, path }
    }

    /// Where an answer of this address came from: another one after a redirect, whose target may hold
    /// a secret.
    #[must_use]
    pub fn answered_from(&self, url: &Url) -> Self {
        let path = if *url == self.without_login() {
            self.path
        } else {
            Path::Known
        };
        Self {
            url: Box::new(url.clone()),
            path,
        }
    }

    fn without_login(&self) -> Url {
        let mut url = (*self.url).clone();
        // Neither call can fail for the three schemes that `from_str` lets in with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// A name for what this address has, which shows none of it. User and password make no difference.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.without_login().as_str().as_bytes())
    }

    /// The address as it may be published with what came from it; `None` where parts of it are not shown.
    #[must_use]
    pub fn for_publication(&self) -> Option<String> {
        let shown = self.to_string();
        (!shown.split('/').any(|part| part == HIDDEN)).then_some(shown)
    }

    /// The whole address with its secrets, for a request and for nothing else.
    #[must_use]
    pub fn secret_url(&self) -> &Url {
        &self.url
    }

    /// Host and port, as far as they are known; what decides whether a password may be sent along.
    #[must_use]
    pub fn authority(&self) -> (Option<&str>, Option<u16>) {
        (self.url.host_str(), self.url.port_or_known_default())
    }

    /// The last path segment, decoded from `%20` and the like.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let last = self.url.path_segments()?.next_back()?;
        (!last.is_empty()).then(|| percent_decode(last))
    }

    /// The `file://` address of an absolute path.
    #[must_use]
    pub fn of_path(path: &std::path::Path) -> Option<Self> {
        let url = Box::new(Url::from_file_path(path).ok()?);
        let path = Path::Whole;
        Some(Self { url, path })
    }

    /// The local path, when this is a `file://` address.
    #[must_use]
    pub fn to_file_path(&self) -> Option<std::path::PathBuf> {
        (self.url.scheme() == "file").then(|| self.url.to_file_path().ok())?
    }

    /// Whether what comes from there is protected on its way.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn percent_decode(text: &str) -> String {
    // The url crate decodes form data: a plus sign would become a space, so it is kept out of its way.
    let escaped = text.replace('+', "%2B");
    url::form_urlencoded::parse(escaped.as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        checked(Url::parse(text.trim()), text)
    }
}

fn checked(url: Result<Url, url::ParseError>, text: &str) -> Result<Address, InvalidAddress> {
    let invalid = |reason: String| InvalidAddress {
        shown: host_in(text),
        reason,
    };
    let url = url.map_err(|error| invalid(error.to_string()))?;
    // The parser would leave out line ends, and make one address of two.
    if text.trim().contains(char::is_whitespace) {
        return Err(invalid("it holds white space".to_owned()));
    }
    match url.scheme() {
        "http" | "https" | "file" => Ok(Address {
            url: Box::new(url),
            path: Path::Known,
        }),
        scheme => Err(invalid(format!("`{scheme}:` is not http, https or file"))),
    }
}

/// What may be shown of a text that is no address: what comes before the path, without a password.
fn host_in(text: &str) -> String {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("", text.trim()));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let end = rest.find(['/', '?', '#', '\n', '\r']);
    let hidden = end.map_or("", |_| "/...");
    let host = &rest[..end.unwrap_or(rest.len())];
    let colon = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{colon}{host}{hidden}")
}

/// The parts of a path that pybuild knows, and `...` in place of the others.
fn known_parts(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    for part in folders.split('/').skip(1) {
        if KNOWN.contains(&part) {
            parts.push(part);
        } else if parts.last() != Some(&HIDDEN) {
            parts.push(HIDDEN);
        }
    }
    let is_known = |last: &str| {
        last.is_empty() || KNOWN.contains(&last) || FILES.iter().any(|end| last.ends_with(end))
    };
    if is_known(last) {
        parts.push(last);
    } else if parts.last() != Some(&HIDDEN) {
        parts.push(HIDDEN);
    }
    format!("/{}", parts.join("/"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.without_login();
        shown.set_query(None);
        shown.set_fragment(None);
        if self.path == Path::Known && self.url.scheme() != "file" {
            let path = known_parts(shown.path());
            shown.set_path(&path);
        }
        write!(f, "{shown}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    /// Reads what was written, and so has no secret in it.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let path = Path::Whole;
        Ok(Self {
            path,
            ..text.parse()?
        })
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn a_password_is_shown_nowhere() {
        let address: Address = "https://me:secret@host.example/simple/".parse().unwrap();
        for shown in [
            format!("{address}"),
            format!("{address:?}"),
            String::from(address.clone()),
        ] {
            assert!(shown.contains("https://host.example/simple/"), "{shown}");
            assert!(
                !shown.contains("secret") && !shown.contains("me"),
                "{shown}"
            );
        }
        assert_eq!(address.secret_url().password(), Some("secret"));
        let broken = "https://me:secret@host.example:notaport/".parse::<Address>();
        assert!(!broken.unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_token_is_shown_nowhere() {
        for (text, shown) in [
            (
                "https://h.example/TOKEN/simple/",
                "https://h.example/.../simple/",
            ),
            (
                "https://h.example/basic/TOKEN/pypi/simple/pip",
                "https://h.example/.../simple/pip",
            ),
            (
                "https://h.example/simple/TOKEN",
                "https://h.example/simple/...",
            ),
            ("https://h.example/TOKEN/TOKEN/", "https://h.example/.../"),
            ("https://h.example/TOKEN", "https://h.example/..."),
            ("https://h.example:8443/", "https://h.example:8443/"),
            ("https://h.example", "https://h.example/"),
            (
                "https://h.example/TOKEN/a/pip-24.0-py3-none-any.whl?X-Amz-Signature=TOKEN#TOKEN",
                "https://h.example/.../pip-24.0-py3-none-any.whl",
            ),
            (
                "https://h.example//TOKEN//Python-3.11.2.tgz",
                "https://h.example/.../Python-3.11.2.tgz",
            ),
            ("file:///srv/wheels/", "file:///srv/wheels/"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            let written = serde_json::to_string(&address).unwrap();
            let read: Address = serde_json::from_str(&written).unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(read.for_publication(), address.for_publication());
            assert!(!format!("{address:?}").contains("TOKEN"));
        }
        for text in [
            "htps://h.example/TOKEN/simple/",
            "h.example/TOKEN/simple/",
            "https://h.example:port/TOKEN?TOKEN",
            "https://me:TOKEN@h.example/ TOKEN",
            "https://me:TO/TOKEN@h.example:port/",
            "ftp://h.example?TOKEN",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(
                error.contains("h.example") && !error.contains("TO"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_published_address_and_its_links_are_shown_and_a_redirect_of_it_is_not() {
        let address = Address::published("https://h.example/simple/").unwrap();
        let file = address
            .join("https://files.example/packages/ab/cd/f.whl?q=1#f")
            .unwrap();
        assert_eq!(
            file.to_string(),
            "https://files.example/packages/ab/cd/f.whl"
        );
        assert_eq!(
            file.for_publication().as_deref(),
            Some("https://files.example/packages/ab/cd/f.whl")
        );
        let same = address.answered_from(address.secret_url());
        assert_eq!(same, address);
        let elsewhere = address.answered_from(&"https://h.example/TOKEN/f.whl".parse().unwrap());
        assert_eq!(elsewhere.to_string(), "https://h.example/.../f.whl");
        assert_eq!(elsewhere.for_publication(), None);
    }

    #[test]
    fn a_login_goes_to_the_same_server_only() {
        let index: Address = "https://me:s%40cret@h.example/simple/".parse().unwrap();
        let with_login = |text: &str| {
            let address: Address = text.parse().unwrap();
            address.with_login_of(&index).secret_url().to_string()
        };
        assert_eq!(
            with_login("https://h.example:443/f"),
            "https://me:s%40cret@h.example/f"
        );
        for other in [
            "https://files.example/f",
            "https://h.example:8443/f",
            "http://h.example:443/f",
            "https://you@h.example/f",
        ] {
            assert_eq!(with_login(other), other);
        }
    }

    #[test]
    fn links_to_other_kinds_of_addresses_are_refused() {
        let index: Address = "https://h.example/simple/".parse().unwrap();
        assert!(index.join("mailto:me@h.example").is_err());
        assert!(index.join("../f").is_ok());
    }

    #[test]
    fn file_names_are_decoded() {
        let address: Address = "https://h.example/a/pip-1.0%2Blocal-py3-none-any.whl"
            .parse()
            .unwrap();
        assert_eq!(
            address.file_name().as_deref(),
            Some("pip-1.0+local-py3-none-any.whl")
        );
    }
}
