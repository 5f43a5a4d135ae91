//! Fixtures of unit tests: an HTTP server on loopback, a client, and a reporter that records.

#[path = "../tests/support/server.rs"]
#[expect(dead_code, reason = "the integration tests use the rest of it")]
mod server;

use std::sync::{Arc, LazyLock, Mutex};

use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::http::Http;
use crate::net::settings::ClientSettings;
use crate::progress::{Event, Level, Phase, Reporter, Unit};

pub(crate) use server::{Answer, REFUSING, Request, Server};

/// The address of a server's root.
pub(crate) fn address_of(server: &Server) -> Address {
    server.url("/").parse().unwrap()
}

/// An address where nothing listens.
pub(crate) fn refusing_address() -> Address {
    REFUSING.parse().unwrap()
}

/// A client with no proxy, no password and no home; one for all tests, because it takes time to
/// read the host's certificates.
pub(crate) fn client() -> &'static Http<'static> {
    static CLIENT: LazyLock<Http<'static>> = LazyLock::new(|| {
        let environment =
            Environment::with_variables(std::path::Path::new("/"), [] as [(&str, &str); 0]);
        Http::new(&environment, &ClientSettings::default()).unwrap()
    });
    &CLIENT
}

/// Records everything that is reported.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<(Kind, String)>>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Note,
    Detail,
    Phase,
}

impl Said {
    /// Notes and warnings, a line each.
    pub(crate) fn notes(&self) -> String {
        self.lines(Kind::Note)
    }

    /// The lines that only `-v` shows.
    pub(crate) fn details(&self) -> String {
        self.lines(Kind::Detail)
    }

    /// The outcomes of finished phases, a line each.
    pub(crate) fn phases(&self) -> String {
        self.lines(Kind::Phase)
    }

    fn lines(&self, wanted: Kind) -> String {
        let said = self.0.lock().unwrap();
        said.iter()
            .filter(|(kind, _)| *kind == wanted)
            .fold(String::new(), |text, (_, line)| text + line + "\n")
    }

    fn add(&self, kind: Kind, text: &str) {
        self.0.lock().unwrap().push((kind, text.to_owned()));
    }
}

impl Reporter for Said {
    fn begin(&self, _title: &str, _unit: Unit, _total: Option<u64>) -> Box<dyn Phase> {
        Box::new(self.clone())
    }

    fn report(&self, event: &dyn Event) {
        let kind = match event.level() {
            Level::Warning | Level::Note => Kind::Note,
            Level::Detail => Kind::Detail,
        };
        self.add(kind, &event.to_string());
    }
}

impl Phase for Said {
    fn finish(self: Box<Self>, outcome: &str) {
        self.add(Kind::Phase, outcome);
    }
}
