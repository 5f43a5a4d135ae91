//! For tests: an index on this machine, which answers what it is told to and keeps what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Index, IndexSettings};
use crate::fetch::Network;
use crate::fetch::http::Http;
use crate::store::Store;

/// One answer.
#[derive(Clone)]
pub(crate) struct Reply {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Sent is this much less than was promised.
    pub withheld: usize,
}

impl Reply {
    pub fn page(content_type: &str, body: &str) -> Self {
        Self {
            status: "200 OK",
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.to_owned(),
            withheld: 0,
        }
    }

    pub fn json(body: &str) -> Self {
        Self::page("application/vnd.pypi.simple.v1+json", body)
    }

    pub fn status(status: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            withheld: 0,
        }
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A server that gives its replies in order, the last one again and again.
pub(crate) struct Loopback {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    pub fn with_replies(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut replies = replies.into_iter();
            let mut reply = replies.next().unwrap();
            for stream in listener.incoming() {
                let head = answer(stream.unwrap(), &reply);
                log.lock().unwrap().push(head);
                reply = replies.next().unwrap_or(reply);
            }
        });
        Self { address, asked }
    }

    /// `http://LOGIN127.0.0.1:PORT/simple/`.
    pub fn index_url(&self, login: &str) -> String {
        format!("http://{login}{}/simple/", self.address)
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, reply: &Reply) -> String {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let mut stream = stream;
    let headers: Vec<String> = reply
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let text = format!(
        "HTTP/1.1 {}\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
        reply.status,
        headers.concat(),
        reply.body.len(),
        &reply.body[..reply.body.len() - reply.withheld]
    );
    // The client may have gone already.
    let _ = stream.write_all(text.as_bytes());
    head
}

/// All that an index needs, with a cache of its own.
pub(crate) struct Bench {
    pub folder: tempfile::TempDir,
    pub store: Store,
    http: Http,
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
            http: Http::new(&environment, None).unwrap(),
            folder,
        }
    }

    /// The index at `address`, which is asked again without a pause.
    pub fn index(&self, address: &str, network: Network) -> Index<'_> {
        let settings = IndexSettings {
            address: address.parse().unwrap(),
            named_by: "test".to_owned(),
            certificates: None,
            not_used: Vec::new(),
        };
        let mut index = Index::new(&settings, &self.http, &self.store, network);
        index.pauses = &[std::time::Duration::ZERO; 3];
        index
    }
}
