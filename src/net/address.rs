//! Addresses that never show a secret.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::Sha256;

/// An `http://`, `https://` or `file://` address.
///
/// `Display`, `Debug` and serialisation show no secret that it may hold: they leave out user,
/// password, query and fragment. Tokens also stand in paths. So the path of an address that a user
/// or an answer gives is shown as far as pybuild knows its segments ([`KNOWN`] and file names), and
/// `...` stands for all other segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// Boxed, because errors hold addresses and should be small.
    url: Box<Url>,
    shown: ShownPath,
}

/// The part of the path that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ShownPath {
    /// The address is built in, a page there links to it, or it was written without secrets.
    Whole,
    KnownSegments,
}

/// Path segments that are no secret.
const KNOWN: [&str; 3] = ["simple", "pip", "setuptools"];

/// The endings of file names that pybuild asks for.
const FILES: [&str; 7] = [
    ".whl", ".tgz", ".tar.gz", ".tar.xz", ".zip", ".asc", ".json",
];

/// Stands for path segments that are not shown.
const HIDDEN: &str = "...";

/// A text that is not an address that pybuild can ask.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{shown}` is not an address: {reason}")]
pub struct InvalidAddress {
    shown: String,
    reason: String,
}

impl Address {
    /// An address that is built in, so that it and the links of its pages may be shown.
    pub(crate) fn published(text: &'static str) -> Result<Self, InvalidAddress> {
        Ok(Self {
            shown: ShownPath::Whole,
            ..text.parse()?
        })
    }

    /// The `file://` address of an absolute path.
    pub(crate) fn of_path(path: &std::path::Path) -> Option<Self> {
        Some(Self {
            url: Box::new(Url::from_file_path(path).ok()?),
            shown: ShownPath::Whole,
        })
    }

    /// Resolves a reference against this address (RFC 3986, section 5).
    pub(crate) fn join(&self, reference: &str) -> Result<Self, InvalidAddress> {
        Ok(Self {
            shown: self.shown,
            ..checked(self.url.join(reference), reference)?
        })
    }

    fn with_url(&self, change: impl FnOnce(&mut Url)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.url);
        changed
    }

    /// The address with the user and password of `other`, where both have the same scheme, host
    /// and port and this one has no user of its own; otherwise unchanged.
    pub(crate) fn with_login_of(&self, other: &Self) -> Self {
        let is_same_server =
            self.url.scheme() == other.url.scheme() && self.authority() == other.authority();
        self.with_url(|url| {
            if is_same_server && self.login().is_none() {
                // Both fail only for addresses without a host, which have no login.
                let _ = url.set_username(other.url.username());
                let _ = url.set_password(other.url.password());
            }
        })
    }

    /// The address with one more path segment, whether or not it ends in a slash.
    pub(crate) fn with_segment(&self, segment: &str) -> Self {
        self.with_url(|url| {
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().push(segment);
            }
        })
    }

    /// The address with `suffix` after its last path segment; a query stays.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        self.with_url(|url| url.set_path(&format!("{}{suffix}", url.path())))
    }

    /// The address with a trailing slash, so that [`Address::join`] goes below it.
    pub(crate) fn as_folder(&self) -> Self {
        if self.url.path().ends_with('/') {
            return self.clone();
        }
        self.with_suffix("/")
    }

    /// The address that an answer came from. After a redirect it may hold a secret.
    pub(crate) fn answered_from(&self, url: &Url) -> Self {
        Self {
            url: Box::new(url.clone()),
            shown: if *url == self.without_login() {
                self.shown
            } else {
                ShownPath::KnownSegments
            },
        }
    }

    /// User and password, decoded.
    pub(crate) fn login(&self) -> Option<(String, Option<String>)> {
        let (user, password) = (self.url.username(), self.url.password());
        (!user.is_empty() || password.is_some())
            .then(|| (percent_decoded(user), password.map(percent_decoded)))
    }

    /// The address for a request, without user and password.
    pub(crate) fn without_login(&self) -> Url {
        let mut url = (*self.url).clone();
        // Both fail only for addresses without a host, which have no login.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// A name for the content of this address. It shows nothing of the address, and does not depend
    /// on user and password.
    pub(crate) fn digest(&self) -> Sha256 {
        Sha256::of(self.without_login().as_str().as_bytes())
    }

    /// The address for a published document; `None` where segments of it are not shown.
    pub(crate) fn for_publication(&self) -> Option<String> {
        let shown = self.to_string();
        (!shown.split('/').any(|segment| segment == HIDDEN)).then_some(shown)
    }

    /// The whole address with its secrets, which must not be printed or written.
    pub(crate) fn secret_url(&self) -> &Url {
        &self.url
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> (Option<&str>, Option<u16>) {
        (self.url.host_str(), self.url.port_or_known_default())
    }

    /// The last path segment, decoded.
    pub(crate) fn file_name(&self) -> Option<String> {
        let last = self.url.path_segments()?.next_back()?;
        (!last.is_empty()).then(|| percent_decoded(last))
    }

    /// The local path of a `file://` address.
    #[must_use]
    pub fn to_file_path(&self) -> Option<std::path::PathBuf> {
        (self.url.scheme() == "file").then(|| self.url.to_file_path().ok())?
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn percent_decoded(text: &str) -> String {
    // The url crate decodes form data, where a plus sign is a space.
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
    // The parser would drop line ends, and make one address of two.
    if text.trim().contains(char::is_whitespace) {
        return Err(invalid("it holds white space".to_owned()));
    }
    match url.scheme() {
        "http" | "https" | "file" => Ok(Address {
            url: Box::new(url),
            shown: ShownPath::KnownSegments,
        }),
        scheme => Err(invalid(format!("`{scheme}:` is not http, https or file"))),
    }
}

/// The part of an invalid address that may be shown: everything before the path, without a password.
fn host_in(text: &str) -> String {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("", text.trim()));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let end = rest.find(['/', '?', '#', '\n', '\r']);
    let hidden = end.map_or("", |_| "/...");
    let host = &rest[..end.unwrap_or(rest.len())];
    let colon = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{colon}{host}{hidden}")
}

/// The path with [`HIDDEN`] in place of unknown segments.
fn known_segments(path: &str) -> String {
    let mut shown: Vec<&str> = Vec::new();
    let last = path.split('/').count() - 1;
    for (number, segment) in path.split('/').enumerate().skip(1) {
        let is_file = || FILES.iter().any(|ending| segment.ends_with(ending));
        let is_known =
            KNOWN.contains(&segment) || (number == last && (segment.is_empty() || is_file()));
        if is_known {
            shown.push(segment);
        } else if shown.last() != Some(&HIDDEN) {
            shown.push(HIDDEN);
        }
    }
    format!("/{}", shown.join("/"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.without_login();
        url.set_query(None);
        url.set_fragment(None);
        if self.shown == ShownPath::KnownSegments && self.url.scheme() != "file" {
            let path = known_segments(url.path());
            url.set_path(&path);
        }
        write!(f, "{url}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    /// Reads a serialised address, which holds no secret.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self {
            shown: ShownPath::Whole,
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
