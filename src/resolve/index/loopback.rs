//! For tests: an index on this machine, which answers what it is told to and keeps what it was asked.

use super::{Index, IndexSettings};
use crate::net::http::{ClientSettings, Http};
use crate::net::network::Network;
use crate::store::Store;
use crate::testing::{Reply, Server};

/// A success with this body, of this type.
pub(crate) fn page(content_type: &str, body: &str) -> Reply {
    Reply::ok(body).with_header(&format!("Content-Type: {content_type}"))
}

/// A page of the Simple API in its JSON form.
pub(crate) fn json(body: &str) -> Reply {
    page("application/vnd.pypi.simple.v1+json", body)
}

/// A server that gives its replies in order, the last one again and again.
pub(crate) struct Loopback(Server);

impl Loopback {
    pub fn with_replies(replies: Vec<Reply>) -> Self {
        let last = replies.len() - 1;
        Self(Server::start(move |_, count| {
            replies[count.min(last)].clone()
        }))
    }

    /// `http://LOGIN127.0.0.1:PORT/simple/`.
    pub fn index_url(&self, login: &str) -> String {
        let server = self.0.address.to_string();
        server.replace("http://", &format!("http://{login}")) + "simple/"
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.0.asked().into_iter().map(|asked| asked.head).collect()
    }
}

/// All that an index needs, with a cache of its own.
pub(crate) struct Bench {
    pub folder: tempfile::TempDir,
    pub store: Store,
    http: Http<'static>,
}

impl Bench {
    pub fn new() -> Self {
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
    pub fn index(&self, address: &str, network: Network) -> Index<'_> {
        let settings = IndexSettings::new(address.parse().unwrap(), "test".to_owned());
        self.index_with(Box::leak(Box::new(settings)), network)
    }

    /// The same with these settings.
    pub fn index_with<'a>(&'a self, settings: &'a IndexSettings, network: Network) -> Index<'a> {
        let mut index = Index::new(settings, &self.http, &self.store, network);
        index.pauses = &[std::time::Duration::ZERO; 3];
        index
    }
}
