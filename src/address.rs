//! Addresses that never show their password.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// An `http://`, `https://` or `file://` address.
///
/// User and password, where it has them, are used for requests and shown nowhere: `Display`,
/// `Debug` and serialisation leave them out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Url);

/// A text that is not an address that pybuild can ask.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{shown}` is not an address: {reason}")]
pub struct InvalidAddress {
    shown: String,
    reason: String,
}

impl Address {
    /// The address with what stands behind it, joined as a browser would (RFC 3986, section 5).
    ///
    /// # Errors
    /// When `reference` is not a valid reference, or leads to another kind of address such as
    /// `mailto:`.
    pub fn join(&self, reference: &str) -> Result<Self, InvalidAddress> {
        checked(self.0.join(reference), reference)
    }

    /// The address with the user and password of `other`, where both have the same scheme, host
    /// and port and this one has no user of its own; otherwise unchanged.
    #[must_use]
    pub fn with_login_of(mut self, other: &Self) -> Self {
        let own = !self.0.username().is_empty() || self.0.password().is_some();
        if !own && self.0.scheme() == other.0.scheme() && self.authority() == other.authority() {
            // Both fail only for addresses without a host, which have no user to take over.
            let _ = self.0.set_username(other.0.username());
            let _ = self.0.set_password(other.0.password());
        }
        self
    }

    /// The address with `segment` as one more path segment, whether or not it ends in a slash.
    #[must_use]
    pub fn with_segment(&self, segment: &str) -> Self {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(segment);
        }
        Self(url)
    }

    /// The address with `suffix` behind its last path segment; a query stays.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{suffix}", url.path()));
        Self(url)
    }

    /// The address with a trailing slash, so that [`Address::join`] goes below it.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        let mut url = self.0.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self(url)
    }

    /// The whole address with its secrets, for a request and for nothing else.
    #[must_use]
    pub fn secret_url(&self) -> &Url {
        &self.0
    }

    /// Host and port, as far as they are known; what decides whether a password may be sent along.
    #[must_use]
    pub fn authority(&self) -> (Option<&str>, Option<u16>) {
        (self.0.host_str(), self.0.port_or_known_default())
    }

    /// The last path segment, decoded from `%20` and the like.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let last = self.0.path_segments()?.next_back()?;
        (!last.is_empty()).then(|| percent_decode(last))
    }

    /// The `file://` address of an absolute path.
    #[must_use]
    pub fn of_path(path: &std::path::Path) -> Option<Self> {
        Url::from_file_path(path).ok().map(Self)
    }

    /// The local path, when this is a `file://` address.
    #[must_use]
    pub fn to_file_path(&self) -> Option<std::path::PathBuf> {
        (self.0.scheme() == "file").then(|| self.0.to_file_path().ok())?
    }

    /// Whether what comes from there is protected on its way.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
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
        // What cannot be parsed may still hold a password before an `@`.
        shown: text.rsplit('@').next().unwrap_or_default().to_owned(),
        reason,
    };
    let url = url.map_err(|error| invalid(error.to_string()))?;
    // The parser would leave out line ends, and make one address of two.
    if text.trim().contains(char::is_whitespace) {
        return Err(invalid("it holds white space".to_owned()));
    }
    match url.scheme() {
        "http" | "https" | "file" => Ok(Address(url)),
        scheme => Err(invalid(format!("`{scheme}:` is not http, https or file"))),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // Neither call can fail for the three schemes that `from_str` lets in with a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
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

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
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
