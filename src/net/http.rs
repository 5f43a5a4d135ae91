//! The HTTP client that all requests go through.

use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header;

use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::client::{ClientRecipe, Roots};
use crate::net::error::{HttpError, TransportError};
use crate::net::event::Event;
use crate::net::netrc::Netrc;
use crate::net::retry::Retries;
use crate::net::settings::{ClientSettings, NamedProxy};
use crate::progress::Reporter;

const NAMED_ROOTS_HINT: &str = "name a certificate bundle in PEM form that can be read, or unset \
                                the variable to use the system's certificates";

const NO_ROOTS_HINT: &str = "install the package ca-certificates and run \
                             `update-ca-certificates`, or name a certificate bundle with \
                             SSL_CERT_FILE";

const RUN_AGAIN_HINT: &str =
    "root certificates have been installed meanwhile: run the same command again";

/// Installs root certificates, or returns the hint for a user who has to do it.
pub(crate) type RootProvider<'a> = Box<dyn Fn() -> Result<(), String> + Send + Sync + 'a>;

/// The HTTP client that all requests go through.
pub(crate) struct Http<'a> {
    recipe: ClientRecipe,
    /// Built for the first request: a run that makes no HTTPS request needs no root certificates.
    client: OnceLock<Client>,
    pip_proxy: Option<NamedProxy>,
    netrc: Netrc,
    /// The variables that name root certificates, which replace the system's.
    roots_named_by: Option<String>,
    root_provider: Option<RootProvider<'a>>,
    /// The provider's result: it is called once.
    provided: OnceLock<Result<(), String>>,
}

/// A small answer, such as a page of the package index.
pub(crate) struct Page {
    /// Another address than the one asked, after a redirect.
    pub(crate) from: Address,
    pub(crate) content_type: String,
    pub(crate) body: Box<dyn Read>,
}

impl<'a> Http<'a> {
    /// A client for this environment. It uses
    /// - pip's proxy, or else `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`,
    /// - certificates from `PIP_CERT` or pip's configuration, and from `SSL_CERT_FILE` or the
    ///   system,
    /// - passwords from `NETRC` or `~/.netrc`,
    /// - the time-out of `PIP_DEFAULT_TIMEOUT` or pip's configuration.
    pub(crate) fn new(environment: &Environment, pip: &ClientSettings) -> Result<Self, HttpError> {
        Ok(Self {
            recipe: ClientRecipe::new(environment, pip)?,
            client: OnceLock::new(),
            pip_proxy: pip.proxy.clone(),
            netrc: Netrc::of(environment),
            roots_named_by: roots_named_by(environment),
            root_provider: None,
            provided: OnceLock::new(),
        })
    }

    /// With a provider for hosts that have no root certificates.
    #[must_use]
    pub(crate) fn with_root_provider(mut self, provider: RootProvider<'a>) -> Self {
        self.root_provider = Some(provider);
        self
    }

    /// Asks for a page, which may be compressed on its way.
    pub(crate) fn get(&self, address: &Address, accept: &str) -> Result<Page, HttpError> {
        let response = self.send(address, |request| {
            request
                .header(header::ACCEPT, accept)
                .header(header::ACCEPT_ENCODING, "gzip")
        })?;
        let text = |name| {
            let value = response.headers().get(name);
            let text = value.and_then(|value| value.to_str().ok());
            text.unwrap_or_default().to_owned()
        };
        Ok(Page {
            from: address.answered_from(response.url()),
            content_type: text(header::CONTENT_TYPE),
            body: if text(header::CONTENT_ENCODING).eq_ignore_ascii_case("gzip") {
                Box::new(flate2::read::MultiGzDecoder::new(response))
            } else {
                Box::new(response)
            },
        })
    }

    /// Asks for a page and reads at most `limit` bytes of it.
    pub(crate) fn read(
        &self,
        address: &Address,
        accept: &str,
        limit: u64,
        retries: Retries,
        reporter: &dyn Reporter,
    ) -> Result<(Address, Vec<u8>), HttpError> {
        reporter.report(&Event::Asking(address));
        retries.run(reporter, || {
            let page = self.get(address, accept)?;
            let mut bytes = Vec::new();
            let read = page.body.take(limit).read_to_end(&mut bytes);
            read.map_err(|source| HttpError::Broken {
                address: address.clone(),
                source,
            })?;
            Ok((page.from, bytes))
        })
    }

    /// Asks for a file from byte `offset` on. The answer may be the whole file all the same: its
    /// status decides. Servers call a `.tgz` a file with the encoding `gzip`, so nothing is
    /// decompressed here: it would change the digest.
    pub(crate) fn get_from(&self, address: &Address, offset: u64) -> Result<Response, HttpError> {
        self.send(address, |request| {
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
        address: &Address,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, HttpError> {
        let mut request = self.client(address)?.get(address.without_login());
        let netrc = address
            .authority()
            .0
            .and_then(|host| self.netrc.login(host));
        if let Some((user, password)) = address.login() {
            request = request.basic_auth(user, password);
        } else if let Some(login) = netrc {
            request = request.basic_auth(&login.user, Some(&login.password));
        }
        let response = with(request)
            .send()
            .map_err(|source| self.unreachable(address, TransportError::new(source)))?;
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

    fn client(&self, address: &Address) -> Result<Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = match self.recipe.build(Roots::Trusted) {
            Ok(client) => client,
            Err(_) if !address.is_https() => {
                let client = self.recipe.build(Roots::Absent);
                return client.map_err(HttpError::Setup);
            }
            Err(_) => {
                self.provide_roots()?;
                let client = self.recipe.build(Roots::Trusted);
                client.map_err(|_| self.no_roots(NO_ROOTS_HINT))?
            }
        };
        Ok(self.client.get_or_init(|| client).clone())
    }

    fn provide_roots(&self) -> Result<(), HttpError> {
        if self.roots_named_by.is_some() {
            return Err(self.no_roots(NAMED_ROOTS_HINT));
        }
        let provided = self.provided.get_or_init(|| match &self.root_provider {
            Some(provide) => provide(),
            None => Err(NO_ROOTS_HINT.to_owned()),
        });
        provided.clone().map_err(|hint| self.no_roots(&hint))
    }

    fn no_roots(&self, hint: &str) -> HttpError {
        HttpError::NoRoots {
            named_by: self.roots_named_by.clone(),
            hint: hint.to_owned(),
        }
    }

    fn unreachable(&self, address: &Address, source: TransportError) -> HttpError {
        // The client was built without certificates, and a redirect led to an HTTPS address.
        if source.is_distrust() && self.client.get().is_none() {
            let provided = self.provide_roots();
            return provided.map_or_else(|error| error, |()| self.no_roots(RUN_AGAIN_HINT));
        }
        HttpError::Unreachable {
            address: address.clone(),
            proxy: self.pip_proxy.clone().map(Box::new),
            source,
        }
    }
}

/// The files that variables name, such as `in /bundle.pem (SSL_CERT_FILE)`.
fn roots_named_by(environment: &Environment) -> Option<String> {
    let named: Vec<String> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| {
            let value = environment.variable_os(name)?;
            Some(format!("{} ({name})", value.display()))
        })
        .collect();
    (!named.is_empty()).then(|| format!("in {}", named.join(" or ")))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::Http;
    use crate::environment::Environment;
    use crate::net::error::HttpError;
    use crate::net::retry::Retries;
    use crate::net::settings::ClientSettings;
    use crate::progress::SilentReporter;
    use crate::testing::{Answer, Server, address_of, client};

    fn with(variables: &[(&str, &str)]) -> Result<Http<'static>, HttpError> {
        let environment = Environment::with_variables(Path::new("/"), variables.iter().copied());
        Http::new(&environment, &ClientSettings::default())
    }

    #[test]
    fn requests_go_through_the_proxy_that_the_environment_names() {
        let server = Server::with(|_, _| Answer::bytes("from the proxy"));
        let proxy = server.url("/");
        let elsewhere = "http://host.invalid/file".parse().unwrap();
        let http = with(&[("http_proxy", &proxy)]).unwrap();
        assert_eq!(
            http.get_from(&elsewhere, 0).unwrap().text().unwrap(),
            "from the proxy"
        );
        assert_eq!(server.targets(), ["http://host.invalid/file"]);

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
            let http = with(variables).unwrap();
            http.get(&address_of(&server), "*/*").unwrap();
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

    #[test]
    fn a_page_may_be_compressed_and_a_compressed_page_that_breaks_off_is_asked_for_again() {
        let text = "a page of an index ".repeat(1000);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let server = Server::with(move |request, count| {
            assert_eq!(request.header("accept-encoding"), Some("gzip"));
            let end = if count == 0 {
                packed.len() / 2
            } else {
                packed.len()
            };
            Answer::bytes(&packed[..end]).with_header("Content-Encoding", "gzip")
        });
        let address = address_of(&server);
        let retries = Retries {
            pause: std::time::Duration::ZERO,
            ..Retries::PAGES
        };
        let (from, bytes) = client()
            .read(&address, "*/*", 1 << 20, retries, &SilentReporter)
            .unwrap();
        assert_eq!(bytes, text.as_bytes());
        assert_eq!(from, address);
        assert_eq!(server.targets().len(), 2);
    }
}
