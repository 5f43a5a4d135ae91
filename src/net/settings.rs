//! pip's settings for HTTP, which pybuild follows.

use std::path::PathBuf;

use crate::net::address::Address;

/// A proxy, and the option or variable that names it.
#[derive(Debug, Clone)]
pub struct NamedProxy {
    pub(crate) address: Address,
    /// `PIP_PROXY`, or `proxy in /etc/pip.conf`.
    pub(crate) named_by: String,
}

impl std::fmt::Display for NamedProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the proxy {} ({})", self.address, self.named_by)
    }
}

/// pip's settings for HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientSettings {
    /// `cert`: a certificate bundle, trusted in addition to the system's certificates.
    pub(crate) certificates: Option<PathBuf>,
    /// `proxy`: used for all hosts, instead of the proxies that the environment names.
    pub(crate) proxy: Option<NamedProxy>,
    /// `timeout`, in seconds.
    pub(crate) timeout: Option<String>,
}
