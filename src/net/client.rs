//! Builds the HTTP client from the environment: time-outs, redirects, proxies, certificates.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::redirect::Policy;
use reqwest::{Certificate, NoProxy, Proxy};

use crate::environment::Environment;
use crate::net::error::HttpError;
use crate::net::settings::{ClientSettings, NamedProxy};

/// An origin that cannot be reached must cost seconds, not minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A read that brings nothing for this long has stalled.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A redirect chain longer than this is a loop.
const MOST_REDIRECTS: usize = 10;

/// The root certificates of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Roots {
    /// The system's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and pip's.
    Trusted,
    /// None: enough for `http://`.
    Absent,
}

/// The settings of a client.
pub(super) struct ClientRecipe {
    proxies: Vec<Proxy>,
    certificates: Vec<Certificate>,
    timeout: Duration,
}

impl ClientRecipe {
    /// The variables go before pip's settings, except for the proxy, as with pip.
    pub(super) fn new(environment: &Environment, pip: &ClientSettings) -> Result<Self, HttpError> {
        let bundle = environment.variable_os("PIP_CERT").map(PathBuf::from);
        Ok(Self {
            proxies: match &pip.proxy {
                Some(proxy) => vec![proxy_for_all(proxy)?],
                None => proxies(environment)?,
            },
            certificates: match bundle.or_else(|| pip.certificates.clone()) {
                Some(path) => read_certificates(path)?,
                None => Vec::new(),
            },
            timeout: timeout(environment, pip.timeout.as_deref()),
        })
    }

    /// Building reads the system's certificates, and fails where there are none.
    pub(super) fn build(&self, roots: Roots) -> Result<Client, reqwest::Error> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("pybuild/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            // The blocking client applies this to the head of the answer, and then to each read.
            .timeout(self.timeout)
            // The client would read proxies from the process's own environment.
            .no_proxy()
            // The address that redirects may hold a secret, in its query for example.
            .referer(false)
            .redirect(Policy::custom(|attempt| {
                let downgraded = attempt.url().scheme() != "https"
                    && attempt.previous().iter().any(|url| url.scheme() == "https");
                if downgraded {
                    attempt.error("redirected from https to http")
                } else if attempt.previous().len() > MOST_REDIRECTS {
                    attempt.error("redirected too often")
                } else {
                    attempt.follow()
                }
            }));
        let proxies = self.proxies.iter().cloned();
        let builder = proxies.fold(builder, ClientBuilder::proxy);
        match roots {
            Roots::Trusted => builder.tls_certs_merge(self.certificates.iter().cloned()),
            Roots::Absent => builder.tls_certs_only([]),
        }
        .build()
    }
}

/// `PIP_DEFAULT_TIMEOUT` or pip's `timeout`, in seconds. pip takes 0 for no time-out; here it is a
/// long one, because a build that hangs is worse than one that fails.
fn timeout(environment: &Environment, configured: Option<&str>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(600);
    let seconds = environment.variable("PIP_DEFAULT_TIMEOUT").or(configured);
    match seconds.and_then(|text| text.trim().parse::<f64>().ok()) {
        Some(seconds) if seconds > 0.0 => {
            Duration::try_from_secs_f64(seconds).map_or(LONGEST, |wanted| wanted.min(LONGEST))
        }
        Some(_) => LONGEST,
        None => READ_TIMEOUT,
    }
}

/// The proxies that the environment names, in lower or upper case; the first that fits an address
/// is used.
fn proxies(environment: &Environment) -> Result<Vec<Proxy>, HttpError> {
    let variable = |name: &str| {
        let lower_case = environment.variable(&name.to_ascii_lowercase());
        lower_case.or_else(|| environment.variable(name))
    };
    // In a CGI script, HTTP_PROXY holds the client's `Proxy:` header (CVE-2016-5385).
    let for_http =
        variable("HTTP_PROXY").filter(|_| environment.variable("REQUEST_METHOD").is_none());
    let exceptions = variable("NO_PROXY").and_then(NoProxy::from_string);
    [
        for_http.map(Proxy::http),
        variable("HTTPS_PROXY").map(Proxy::https),
        variable("ALL_PROXY").map(Proxy::all),
    ]
    .into_iter()
    .flatten()
    .map(|proxy| {
        let proxy = proxy.map_err(|source| HttpError::Proxy {
            named_by: "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY".to_owned(),
            source: source.without_url(),
        })?;
        Ok(proxy.no_proxy(exceptions.clone()))
    })
    .collect()
}

/// pip uses its configured proxy for every host, whatever `NO_PROXY` holds.
fn proxy_for_all(proxy: &NamedProxy) -> Result<Proxy, HttpError> {
    Proxy::all(proxy.address.secret_url().as_str()).map_err(|source| HttpError::Proxy {
        named_by: proxy.named_by.clone(),
        source: source.without_url(),
    })
}

fn read_certificates(path: PathBuf) -> Result<Vec<Certificate>, HttpError> {
    let read = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let bundle = Certificate::from_pem_bundle(&fs_err::read(&path)?)?;
        if bundle.is_empty() {
            return Err("it holds no certificate".into());
        }
        Ok(bundle)
    };
    read().map_err(|source| HttpError::Certificates { path, source })
}
