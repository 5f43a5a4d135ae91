//! The HTTP client: time-outs, certificates, proxies, passwords, and one error that says what happened.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder, RequestBuilder, Response};
use reqwest::{Proxy, StatusCode, header};

use crate::environment::Environment;
use crate::error::ExitStatus;
use crate::net::address::Address;

/// An origin that cannot be reached must cost seconds, not minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A read that brings nothing for this long has stalled.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A redirect chain longer than this is a loop.
const MOST_REDIRECTS: usize = 10;

/// Why an address did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No answer: name resolution, connection, TLS, time-out, redirects.
    #[error("{address} cannot be reached{}", proxy.as_deref().map(NamedProxy::shown).unwrap_or_default())]
    Unreachable {
        /// What was asked.
        address: Address,
        /// pip's proxy, where one is configured.
        proxy: Option<Box<NamedProxy>>,
        /// What the client says, without the address.
        source: Transport,
    },
    /// An answer that is not a success.
    #[error("{address} answered {status}")]
    Status {
        /// What was asked.
        address: Address,
        /// The HTTP status.
        status: StatusCode,
        /// When the server wants to be asked again (`Retry-After` in seconds).
        retry_after: Option<Duration>,
    },
    /// The answer broke off.
    #[error("the answer of {address} broke off")]
    Broken {
        /// What was asked.
        address: Address,
        /// What reading gave.
        source: std::io::Error,
    },
    /// `PIP_CERT` or `SSL_CERT_FILE` names something that is not a bundle of certificates.
    #[error("{} cannot be used as a bundle of certificates", path.display())]
    Certificates {
        /// The file named.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One of the proxy variables does not hold a proxy's address.
    #[error("{named_by} is not the address of a proxy")]
    Proxy {
        /// The variables or the option.
        named_by: String,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// There is no certificate to judge a server by.
    #[error(
        "no HTTPS request can be made: there is no root certificate {}",
        named_by.as_deref().unwrap_or("on this host")
    )]
    NoRoots {
        /// Where certificates were looked for, such as `in /bundle.pem (SSL_CERT_FILE)`; `None` for
        /// the system's own folders.
        named_by: Option<String>,
        /// What the user can do.
        hint: String,
    },
    /// The client itself cannot be set up.
    #[error("no HTTP client can be set up")]
    Setup(#[source] reqwest::Error),
}

/// What kept an answer away, told by its last cause alone: the client's own layers (sending,
/// connecting, resolving) say in four lines that they did not get through.
#[derive(Debug)]
pub struct Transport(reqwest::Error);

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut last: &dyn std::error::Error = &self.0;
        while let Some(cause) = last.source() {
            last = cause;
        }
        // The type that says this is not the client's own, and its words name no proxy.
        match last.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => {
                f.write_str("the proxy wants a user and a password")
            }
            Some("unsuccessful") => f.write_str("the proxy refuses to connect to it"),
            _ => write!(f, "{last}"),
        }
    }
}

impl std::error::Error for Transport {}

impl Transport {
    /// Whether whoever answered showed a certificate that is not to be trusted.
    fn is_distrust(&self) -> bool {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&self.0);
        while let Some(error) = next {
            if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
                return true;
            }
            // An I/O error that wraps another one has that one's cause as its own.
            let wrapped = error
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        false
    }
}

/// What helps where the named bundle has no certificate.
const NAMED_HINT: &str = "name a bundle of certificates in PEM form that can be read, or unset the variable to use the system's certificates";

/// What helps where the package did not bring certificates.
const NOT_PROVIDED: &str = "see that the package ca-certificates is installed and run `update-ca-certificates`, or name a bundle of certificates with SSL_CERT_FILE";

const RUN_AGAIN: &str = "root certificates were installed meanwhile: run the same command again";

/// What helps where a certificate is not trusted.
const TRUST_HINT: &str = "if the host has a certificate of an authority of your own, name that one's certificate with SSL_CERT_FILE or PIP_CERT; otherwise check the address and this host's clock";

impl HttpError {
    /// What helps, where it is not the network that is to be looked at.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NoRoots { hint, .. } => Some(hint),
            Self::Unreachable { source, .. } if source.is_distrust() => Some(TRUST_HINT),
            _ => None,
        }
    }

    /// The exit code that this leads to where nothing else gives what was asked for.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoRoots { named_by: None, .. } => ExitStatus::Prerequisite,
            _ => ExitStatus::Input,
        }
    }

    /// Whether asking again may help: no connection, a time-out, a broken body, 429 or 5xx.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            // A name that does not resolve or a port that refuses will not do so a second later;
            // a connection that was there and went away may come back. Whoever has said nothing for
            // the whole time-out is not worth another one.
            Self::Unreachable { source, .. } => {
                !source.0.is_connect() && !source.0.is_redirect() && !source.0.is_timeout()
            }
            Self::Status { status, .. } => {
                *status == StatusCode::TOO_MANY_REQUESTS
                    || *status == StatusCode::REQUEST_TIMEOUT
                    || status.is_server_error()
            }
            Self::Broken { .. } => true,
            Self::Certificates { .. }
            | Self::Proxy { .. }
            | Self::NoRoots { .. }
            | Self::Setup(_) => false,
        }
    }
}

/// A proxy, and who named it.
#[derive(Debug, Clone)]
pub struct NamedProxy {
    /// Where it is, maybe with a user and a password.
    pub address: Address,
    /// The option and its file, or the variable.
    pub named_by: String,
}

impl NamedProxy {
    /// For the end of a sentence.
    fn shown(&self) -> String {
        format!(" through the proxy {} ({})", self.address, self.named_by)
    }
}

/// How pip is configured to ask other hosts.
#[derive(Debug, Clone, Default)]
pub struct ClientSettings {
    /// `cert`: a bundle of certificates, to be trusted beside the system's.
    pub certificates: Option<PathBuf>,
    /// `proxy`: for all hosts, in place of those that the environment names.
    pub proxy: Option<NamedProxy>,
    /// `timeout`, in seconds.
    pub timeout: Option<String>,
}

/// Installs root certificates, or gives the hint for a user who has to.
pub type RootProvider<'a> = Box<dyn Fn() -> Result<(), String> + Send + Sync + 'a>;

/// The client that all requests go through.
pub struct Http<'a> {
    /// For answers that may be compressed on their way.
    texts: OnceLock<Client>,
    /// For files. Servers call a `.tgz` a file with the encoding `gzip`; unpacked, it would have
    /// another digest.
    files: OnceLock<Client>,
    proxies: Vec<Proxy>,
    pip_proxy: Option<NamedProxy>,
    certificates: Vec<reqwest::Certificate>,
    netrc: Option<netrc::Netrc>,
    /// How long nothing may come.
    patience: Duration,
    /// Where variables say that root certificates are; the system's are not used then.
    roots_named_by: Option<String>,
    root_provider: Option<RootProvider<'a>>,
    /// What it gave: it is asked once.
    provided: OnceLock<Result<(), String>>,
}

impl<'a> Http<'a> {
    /// A client for this environment: the proxy of pip's configuration, or else proxies from
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (in capitals or not), certificates from
    /// `PIP_CERT` or pip's configuration, `SSL_CERT_FILE` and the system, passwords from `NETRC` or
    /// `~/.netrc`, seconds until a silent host is given up from `PIP_DEFAULT_TIMEOUT` or pip's
    /// configuration.
    ///
    /// # Errors
    /// [`HttpError::Certificates`] and [`HttpError::Proxy`].
    pub fn new(environment: &Environment, pip: &ClientSettings) -> Result<Self, HttpError> {
        let proxies = match &pip.proxy {
            Some(proxy) => vec![all_through(proxy)?],
            None => proxies(environment)?,
        };
        let pip_cert = environment.variable_os("PIP_CERT").map(PathBuf::from);
        let certificates = pip_cert
            .or(pip.certificates.clone())
            .map(read_certificates)
            .transpose()?
            .unwrap_or_default();
        Ok(Self {
            proxies,
            pip_proxy: pip.proxy.clone(),
            certificates,
            texts: OnceLock::new(),
            files: OnceLock::new(),
            netrc: read_netrc(environment),
            patience: patience(environment, pip.timeout.as_deref()),
            roots_named_by: roots_named_by(environment),
            root_provider: None,
            provided: OnceLock::new(),
        })
    }

    /// With a way to get root certificates, which is used when the first address needs them and the
    /// host has none.
    #[must_use]
    pub fn with_root_provider(mut self, provider: RootProvider<'a>) -> Self {
        self.root_provider = Some(provider);
        self
    }

    /// The client in `slot`, made when it is first needed: making one reads the system's
    /// certificates, and a host that asks nobody over HTTPS need not have any.
    fn client(
        &self,
        slot: &OnceLock<Client>,
        address: &Address,
        builder: impl Fn() -> ClientBuilder,
    ) -> Result<Client, HttpError> {
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let with_proxies = || {
            let proxies = self.proxies.iter().cloned();
            proxies.fold(builder(), ClientBuilder::proxy)
        };
        let build = || {
            let certificates = self.certificates.iter().cloned();
            with_proxies().tls_certs_merge(certificates).build()
        };
        let client = match build() {
            Ok(client) => client,
            Err(_) if !address.is_https() => {
                let none = std::iter::empty();
                let client = with_proxies().tls_certs_only(none).build();
                return client.map_err(HttpError::Setup);
            }
            Err(_) => {
                self.provide_roots()?;
                build().map_err(|_| self.no_roots(NOT_PROVIDED))?
            }
        };
        Ok(slot.get_or_init(|| client).clone())
    }

    fn provide_roots(&self) -> Result<(), HttpError> {
        if self.roots_named_by.is_some() {
            return Err(self.no_roots(NAMED_HINT));
        }
        let outcome = self.provided.get_or_init(|| match &self.root_provider {
            Some(provide) => provide(),
            None => Err(NOT_PROVIDED.to_owned()),
        });
        outcome.clone().map_err(|hint| self.no_roots(&hint))
    }

    fn no_roots(&self, hint: &str) -> HttpError {
        HttpError::NoRoots {
            named_by: self.roots_named_by.clone(),
            hint: hint.to_owned(),
        }
    }

    /// Asks for `address`; a success and nothing else is returned.
    ///
    /// # Errors
    /// [`HttpError::NoRoots`], [`HttpError::Unreachable`] and [`HttpError::Status`].
    pub fn get(&self, address: &Address, accept: &str) -> Result<Response, HttpError> {
        let client = self.client(&self.texts, address, || client_builder(self.patience))?;
        self.send(&client, address, |request| {
            request.header(header::ACCEPT, accept)
        })
    }

    /// Asks for `address` from byte `offset` on, unpacked by nobody on the way. The answer may be
    /// the whole file all the same: its status says.
    ///
    /// # Errors
    /// [`HttpError::NoRoots`], [`HttpError::Unreachable`] and [`HttpError::Status`].
    pub fn get_from(&self, address: &Address, offset: u64) -> Result<Response, HttpError> {
        let builder = || client_builder(self.patience).gzip(false);
        let client = self.client(&self.files, address, builder)?;
        self.send(&client, address, |request| {
            let request = request.header(header::ACCEPT_ENCODING, "identity");
            if offset == 0 {
                request
            } else {
                request.header(header::RANGE, format!("bytes={offset}-"))
            }
        })
    }

    fn send(
        &self,
        client: &Client,
        address: &Address,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, HttpError> {
        let mut url = address.secret_url().clone();
        let in_address = (
            url.username().to_owned(),
            url.password().map(ToOwned::to_owned),
        );
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut request = client.get(url);
        if !in_address.0.is_empty() || in_address.1.is_some() {
            request =
                request.basic_auth(decoded(&in_address.0), in_address.1.as_deref().map(decoded));
        } else if let Some(login) = self.login(address) {
            request = request.basic_auth(&login.login, Some(&login.password));
        }
        let response = with(request)
            .send()
            // The error's own text would show the address, and with it what it may hold.
            .map_err(|source| self.unreachable(address, Transport(source.without_url())))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Err(HttpError::Status {
            address: address.clone(),
            status: response.status(),
            retry_after,
        })
    }

    fn unreachable(&self, address: &Address, source: Transport) -> HttpError {
        // A client in neither slot was made without certificates, and then led to an HTTPS address.
        let has_roots = self.texts.get().is_some() || self.files.get().is_some();
        if source.is_distrust() && !has_roots {
            let provided = self.provide_roots();
            return provided.map_or_else(|error| error, |()| self.no_roots(RUN_AGAIN));
        }
        HttpError::Unreachable {
            address: address.clone(),
            proxy: self.pip_proxy.clone().map(Box::new),
            source,
        }
    }

    fn login(&self, address: &Address) -> Option<&netrc::Authenticator> {
        let hosts = &self.netrc.as_ref()?.hosts;
        hosts
            .get(address.authority().0?)
            .or_else(|| hosts.get("default"))
    }
}

fn client_builder(patience: Duration) -> ClientBuilder {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("pybuild/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(patience))
        // The blocking client applies this to the answer's head and then to each read by itself.
        .timeout(patience)
        // The client would look for proxies in the process's own environment; what holds is what
        // the `Environment` says.
        .no_proxy()
        // The address that led elsewhere may hold a secret, in its query for example.
        .referer(false)
        .redirect(reqwest::redirect::Policy::custom(|attempt| {
            let downgraded = attempt.url().scheme() != "https"
                && attempt.previous().iter().any(|url| url.scheme() == "https");
            if downgraded {
                attempt.error("redirected from https to http")
            } else if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error("redirected too often")
            } else {
                attempt.follow()
            }
        }))
}

/// `PIP_DEFAULT_TIMEOUT`, as pip reads it: seconds, 0 for what pip calls no timeout, which here is a
/// long one: a build host that hangs is worse than one that fails.
fn patience(environment: &Environment, configured: Option<&str>) -> Duration {
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

/// The proxies that this environment names; the first that fits an address is taken.
fn proxies(environment: &Environment) -> Result<Vec<Proxy>, HttpError> {
    let variable = |name: &str| {
        environment
            .variable(&name.to_ascii_lowercase())
            .or_else(|| environment.variable(name))
    };
    // In a CGI script, HTTP_PROXY is the `Proxy:` header of whoever asks (CVE-2016-5385).
    let for_http =
        variable("HTTP_PROXY").filter(|_| environment.variable("REQUEST_METHOD").is_none());
    let named = [
        for_http.map(Proxy::http),
        variable("HTTPS_PROXY").map(Proxy::https),
        variable("ALL_PROXY").map(Proxy::all),
    ];
    let exceptions = variable("NO_PROXY").and_then(reqwest::NoProxy::from_string);
    named
        .into_iter()
        .flatten()
        .map(|proxy| {
            let named_by = || "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY".to_owned();
            let proxy = proxy.map_err(|error| proxy_error(named_by(), error))?;
            Ok(proxy.no_proxy(exceptions.clone()))
        })
        .collect()
}

/// pip sends everything through the proxy that it is configured with, whatever `NO_PROXY` says.
fn all_through(proxy: &NamedProxy) -> Result<Proxy, HttpError> {
    Proxy::all(proxy.address.secret_url().as_str())
        .map_err(|error| proxy_error(proxy.named_by.clone(), error))
}

/// The address of a proxy may hold a password.
fn proxy_error(named_by: String, error: reqwest::Error) -> HttpError {
    HttpError::Proxy {
        named_by,
        source: error.without_url(),
    }
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

fn read_certificates(path: PathBuf) -> Result<Vec<reqwest::Certificate>, HttpError> {
    let read = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let bundle = reqwest::Certificate::from_pem_bundle(&fs_err::read(&path)?)?;
        if bundle.is_empty() {
            return Err("it holds no certificate".into());
        }
        Ok(bundle)
    };
    read().map_err(|source| HttpError::Certificates { path, source })
}

/// Where variables say that root certificates are.
fn roots_named_by(environment: &Environment) -> Option<String> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| {
            let value = environment.variable_os(name)?;
            Some(format!("{} ({name})", value.display()))
        });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("in {}", named.join(" or ")))
}

/// An unreadable `.netrc` is like none: pip does the same, and it may belong to other tools.
fn read_netrc(environment: &Environment) -> Option<netrc::Netrc> {
    let path = environment
        .variable_os("NETRC")
        .map(PathBuf::from)
        .or_else(|| Some(environment.home()?.join(".netrc")))?;
    netrc::Netrc::from_file(&path).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ClientSettings, Http, HttpError};
    use crate::environment::Environment;
    use crate::testing::{Reply, Server};

    fn with(variables: &[(&str, &str)]) -> Result<Http<'static>, HttpError> {
        let environment = Environment::with_variables(Path::new("/"), variables.iter().copied());
        Http::new(&environment, &ClientSettings::default())
    }

    #[test]
    fn the_proxy_that_the_environment_names_is_asked() {
        let server = Server::start(|_, _| Reply::ok("from the proxy"));
        let proxy = server.address.to_string();
        let elsewhere = "http://host.invalid/file".parse().unwrap();
        let http = with(&[("http_proxy", &proxy)]).unwrap();
        assert_eq!(
            http.get_from(&elsewhere, 0).unwrap().text().unwrap(),
            "from the proxy"
        );
        assert_eq!(server.paths(), ["http://host.invalid/file"]);

        // An exception holds, and so does the one for scripts that answer web requests.
        let direct: crate::net::address::Address = format!("{proxy}direct").parse().unwrap();
        for variables in [
            &[
                ("ALL_PROXY", "http://127.0.0.1:1"),
                ("NO_PROXY", "127.0.0.1"),
            ][..],
            &[
                ("HTTP_PROXY", "http://127.0.0.1:1"),
                ("REQUEST_METHOD", "GET"),
            ][..],
        ] {
            with(variables).unwrap().get(&direct, "*/*").unwrap();
        }
        assert!(with(&[("HTTPS_PROXY", "http://[")]).is_err());
    }

    #[test]
    fn a_bundle_without_certificates_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.pem");
        fs_err::write(&path, "nothing").unwrap();
        let error = with(&[("PIP_CERT", path.to_str().unwrap())]).err().unwrap();
        assert!(error.to_string().contains("bundle.pem"), "{error}");
    }
}
