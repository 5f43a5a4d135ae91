//! Fixtures of unit tests: an index on loopback, and a cache for its answers.

use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::net::settings::ClientSettings;
use crate::resolve::index::{Index, IndexSettings};
use crate::store::Store;
use crate::testing::{Answer, Server};

/// A success with this body, of this type.
pub(crate) fn page(content_type: &str, body: &str) -> Answer {
    Answer::text(content_type, body)
}

/// A page of the Simple API in its JSON form.
pub(crate) fn json(body: &str) -> Answer {
    page("application/vnd.pypi.simple.v1+json", body)
}

/// A server that gives its answers in order, and then the last one again and again.
pub(crate) struct Loopback(Server);

impl Loopback {
    pub(crate) fn with_replies(answers: Vec<Answer>) -> Self {
        Self(Server::with_answers(answers))
    }

    /// `http://LOGIN127.0.0.1:PORT/simple/`.
    pub(crate) fn index_url(&self, login: &str) -> String {
        let url = self.0.url("/simple/");
        url.replace("http://", &format!("http://{login}"))
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<crate::testing::Request> {
        self.0.requests()
    }
}

/// The client and the cache of an index.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    http: Http<'static>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment = crate::environment::Environment::with_variables(
            folder.path(),
            [("HOME", folder.path())],
        );
        Self {
            store: Store::at(folder.path().join("cache")),
            http: Http::new(&environment, &ClientSettings::default()).unwrap(),
            folder,
        }
    }

    /// The index at `address`, which is asked again without a pause.
    pub(crate) fn index(&self, address: &str, network: Network) -> Index<'_> {
        let settings = IndexSettings::new(address.parse().unwrap());
        self.index_with(Box::leak(Box::new(settings)), network)
    }

    /// The same with these settings.
    pub(crate) fn index_with<'a>(
        &'a self,
        settings: &'a IndexSettings,
        network: Network,
    ) -> Index<'a> {
        let mut index = Index::new(settings, &self.http, &self.store, network);
        index.retries = Retries {
            pause: std::time::Duration::ZERO,
            ..Retries::PAGES
        };
        index
    }
}
