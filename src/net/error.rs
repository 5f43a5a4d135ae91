//! Why an address did not give what was asked of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

use crate::error::{ExitStatus, Explain};
use crate::net::address::Address;
use crate::net::settings::NamedProxy;

/// Why an address did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Name resolution, connection, TLS, time-out or redirects failed.
    #[error("{address} cannot be reached{}", proxy.as_ref().map_or_else(String::new, |proxy| format!(" through {proxy}")))]
    Unreachable {
        address: Address,
        /// pip's proxy, where one is configured.
        proxy: Option<Box<NamedProxy>>,
        source: TransportError,
    },
    #[error("{address} answered {status}")]
    Status {
        address: Address,
        status: StatusCode,
        /// `Retry-After` in seconds.
        retry_after: Option<Duration>,
    },
    #[error("the answer of {address} broke off")]
    Broken { address: Address, source: io::Error },
    /// `PIP_CERT` or pip's `cert`.
    #[error("{} cannot be used as a certificate bundle", path.display())]
    Certificates {
        path: PathBuf,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{named_by} is not the address of a proxy")]
    Proxy {
        named_by: String,
        source: reqwest::Error,
    },
    #[error(
        "no HTTPS request can be made: there is no root certificate {}",
        named_by.as_deref().unwrap_or("on this host")
    )]
    NoRoots {
        /// Such as `in /bundle.pem (SSL_CERT_FILE)`; `None` for the system's own folders.
        named_by: Option<String>,
        hint: String,
    },
    #[error("no HTTP client can be set up")]
    Setup(#[source] reqwest::Error),
}

impl HttpError {
    /// Whether the server was reached and answered that it does not have this.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Status { status, .. } if status.is_client_error())
    }
}

impl Explain for HttpError {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoRoots { named_by: None, .. } => ExitStatus::Prerequisite,
            _ => ExitStatus::Input,
        }
    }

    /// The next step, where the cause is another one than the network.
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRoots { hint, .. } => Some(hint.clone()),
            Self::Unreachable { source, .. } if source.is_distrust() => Some(
                "if the host's certificate comes from your own authority, name the authority's \
                 certificate with SSL_CERT_FILE or PIP_CERT; otherwise check the address and this \
                 host's clock"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// An error that may come from an HTTP request. That request's error decides the exit status, the
/// hint, and whether the request is repeated.
pub(crate) trait MaybeHttp: Error {
    fn http(&self) -> Option<&HttpError>;
}

impl MaybeHttp for HttpError {
    fn http(&self) -> Option<&HttpError> {
        Some(self)
    }
}

/// A failure below HTTP. It is shown by its innermost cause: the client's layers between (sending,
/// connecting, resolving) only repeat that the request failed.
#[derive(Debug)]
pub struct TransportError(reqwest::Error);

impl TransportError {
    /// The client's own text would show the address, and with it a password or token in it.
    pub(super) fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }

    /// Whether the same request may succeed a second later. A name that does not resolve, a port
    /// that refuses and a host that was silent for the whole time-out would fail again.
    pub(super) fn is_transient(&self) -> bool {
        !self.0.is_connect() && !self.0.is_redirect() && !self.0.is_timeout()
    }

    /// Whether the server's certificate is not trusted.
    pub(super) fn is_distrust(&self) -> bool {
        let mut next: Option<&(dyn Error + 'static)> = Some(&self.0);
        while let Some(error) = next {
            if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
                return true;
            }
            // An I/O error skips the error that it wraps, and gives that error's source.
            let wrapped = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        false
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut innermost: &dyn Error = &self.0;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        // The type of these errors is private to hyper-util, and their text names no proxy.
        match innermost.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => {
                f.write_str("the proxy wants a user and a password")
            }
            Some("unsuccessful") => f.write_str("the proxy refuses to connect to it"),
            _ => write!(f, "{innermost}"),
        }
    }
}

impl Error for TransportError {}
