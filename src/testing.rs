//! What tests of this step stand on: a small web server on loopback with switches for what goes
//! wrong, and a reporter that remembers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use crate::environment::Environment;
use crate::net::address::Address;
use crate::net::http::{ClientSettings, Http};
use crate::progress::{Phase, Reporter, Unit};

/// One request, as far as tests ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// The first byte asked for with `Range`.
    pub from: Option<usize>,
    /// Its first line and headers, as they came.
    pub head: String,
}

/// What the server answers.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
    length: usize,
}

impl Reply {
    /// A success with this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    /// Any status with this body.
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: String::new(),
            length: body.len(),
            body,
        }
    }

    /// The part of `body` that was asked for.
    pub fn part(asked: &Asked, body: &[u8]) -> Self {
        match asked.from {
            None => Self::ok(body),
            Some(from) if from >= body.len() => {
                Self::status(416, "").with_header(&format!("Content-Range: bytes */{}", body.len()))
            }
            Some(from) => Self::status(206, &body[from..]).with_header(&format!(
                "Content-Range: bytes {from}-{}/{}",
                body.len() - 1,
                body.len()
            )),
        }
    }

    /// With one more header line.
    pub fn with_header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }

    /// Promises so many bytes.
    pub fn with_length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// Promises the whole body, but ends after `length` bytes of it.
    pub fn cut_after(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self
    }

    fn write(&self, mut stream: &TcpStream) {
        let head = format!(
            "HTTP/1.1 {} Status\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n",
            self.status, self.length, self.headers
        );
        // The client may have gone away: that is its right.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&self.body);
    }
}

/// A running server. Its thread ends with the test process.
pub struct Server {
    /// Where it is.
    pub address: Address,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers with what `answer` gives for the request and for how many came before it.
    pub fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read_request(&stream) else {
                    continue;
                };
                let count = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                answer(&request, count).write(&stream);
            }
        });
        Self {
            address: address.parse().unwrap(),
            asked,
        }
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths that were asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

/// An address where nobody listens.
pub fn nobody() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    address.parse().unwrap()
}

/// A client with no proxy, no password and no home; one for all tests, because reading the host's
/// certificates takes its time.
pub fn client() -> &'static Http<'static> {
    static CLIENT: LazyLock<Http<'static>> = LazyLock::new(|| {
        let environment =
            Environment::with_variables(std::path::Path::new("/"), [] as [(&str, &str); 0]);
        Http::new(&environment, &ClientSettings::default()).unwrap()
    });
    &CLIENT
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    let from = head.iter().find_map(|line| {
        let line = line.to_ascii_lowercase();
        let range = line.strip_prefix("range: bytes=")?;
        range.trim_end_matches('-').parse().ok()
    });
    Some(Asked {
        path,
        from,
        head: head.join("\r\n"),
    })
}

/// Remembers what was said.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<(Kind, String)>>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Note,
    Detail,
    Phase,
}

impl Said {
    /// Notes and warnings, a line each.
    pub fn notes(&self) -> String {
        self.lines(Kind::Note)
    }

    /// What only `-v` shows, a line each.
    pub fn details(&self) -> String {
        self.lines(Kind::Detail)
    }

    /// What finished phases said, a line each.
    pub fn phases(&self) -> String {
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
        Box::new(SaidPhase(self.clone()))
    }

    fn note(&self, text: &str) {
        self.add(Kind::Note, text);
    }

    fn warn(&self, text: &str) {
        self.add(Kind::Note, text);
    }

    fn detail(&self, text: &str) {
        self.add(Kind::Detail, text);
    }
}

struct SaidPhase(Said);

impl Phase for SaidPhase {
    fn set_total(&mut self, _total: u64) {}

    fn advance(&mut self, _amount: u64) {}

    fn set_position(&mut self, _position: u64) {}

    fn set_current(&mut self, _current: &str) {}

    fn finish(self: Box<Self>, outcome: &str) {
        self.0.add(Kind::Phase, outcome);
    }
}
