//! A real HTTP/1.1 server on loopback, with switches for what goes wrong on a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What one path answers.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<Vec<u8>>,
    failures: Option<(usize, u16)>,
    cut: Option<Cut>,
    ignores_ranges: bool,
    stalls_after: Option<usize>,
    claims: Option<usize>,
    login: Option<(String, String)>,
}

#[derive(Clone, Copy)]
struct Cut {
    after: usize,
    times: usize,
}

impl Answer {
    /// 200 with these bytes.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type".into(), "application/octet-stream".into())],
            body: Arc::new(body.into()),
            failures: None,
            cut: None,
            ignores_ranges: false,
            stalls_after: None,
            claims: None,
            login: None,
        }
    }

    /// 200 with a text of this media type.
    pub fn text(media_type: &str, body: impl Into<String>) -> Self {
        let mut answer = Self::bytes(body.into());
        answer.headers = vec![("Content-Type".into(), media_type.into())];
        answer
    }

    /// Nothing but a status.
    pub fn status(status: u16) -> Self {
        let mut answer = Self::text("text/plain", format!("{status}\n"));
        answer.status = status;
        answer
    }

    /// 302 to `target`, which may be relative.
    pub fn redirect(target: &str) -> Self {
        Self::status(302).with_header("Location", target)
    }

    /// With one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The first `times` requests get `status` instead.
    pub fn failing_first(mut self, times: usize, status: u16) -> Self {
        self.failures = Some((times, status));
        self
    }

    /// The connection breaks off after `after` bytes of the first answer's body.
    pub fn cut_once(self, after: usize) -> Self {
        self.cut(after, 1)
    }

    /// The connection breaks off after `after` bytes of every answer's body.
    pub fn cut_always(self, after: usize) -> Self {
        self.cut(after, usize::MAX)
    }

    fn cut(mut self, after: usize, times: usize) -> Self {
        self.cut = Some(Cut { after, times });
        self
    }

    /// A `Range` header changes nothing, as with servers that only know whole files.
    pub fn ignoring_ranges(mut self) -> Self {
        self.ignores_ranges = true;
        self
    }

    /// After this many bytes of the body nothing more comes, and the connection stays open.
    pub fn stalling_after(mut self, bytes: usize) -> Self {
        self.stalls_after = Some(bytes);
        self
    }

    /// Of this media type instead.
    pub fn of_type(mut self, media_type: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Content-Type");
        self.with_header("Content-Type", media_type)
    }

    /// The body is said to be so long, whatever it is.
    pub fn claiming(mut self, bytes: usize) -> Self {
        self.claims = Some(bytes);
        self
    }

    /// 401 without this user and password (RFC 7617).
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }
}

/// One request that the server saw.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path, with what stands behind a `?`.
    pub target: String,
    /// The headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Request {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Default)]
struct Site {
    answers: BTreeMap<String, Answer>,
    requests: Vec<Request>,
}

#[derive(Default)]
struct Shared {
    site: Mutex<Site>,
    connections: AtomicUsize,
    stopping: AtomicBool,
    // Woken when the server goes away, so that a stalled answer does not keep a test waiting.
    stop: (Mutex<bool>, Condvar),
}

/// The server; it goes away with the value.
pub struct Server {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that answers 404 to everything so far.
    pub fn start() -> Self {
        Self::start_as("http", None)
    }

    /// The same behind TLS; see [`crate::certificates`].
    pub fn start_tls(identity: Arc<ServerConfig>) -> Self {
        Self::start_as("https", Some(identity))
    }

    fn start_as(scheme: &'static str, identity: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if shared.stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let (shared, identity) = (Arc::clone(&shared), identity.clone());
                    // A client that hangs up is part of the game.
                    std::thread::spawn(move || drop(meet(&shared, stream, identity)));
                }
            }
        });
        Self {
            scheme,
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// The address of `path` (which begins with a slash) on this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same under another name of this host, which makes it another host to a client.
    pub fn url_of_localhost(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// The address of `path` with user and password in it.
    pub fn url_with_login(&self, login: &str, path: &str) -> String {
        format!("{}://{login}@{}{path}", self.scheme, self.address)
    }

    /// From now on `target` gets this answer. A target with a query answers requests that have all
    /// of its parameters, one without answers any.
    pub fn put(&self, target: &str, answer: Answer) {
        let mut site = self.shared.site.lock().expect("no panic while locked");
        site.answers.insert(target.into(), answer);
    }

    /// How often a client has connected so far, whether or not it then asked for anything.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        let site = self.shared.site.lock().expect("no panic while locked");
        site.requests.clone()
    }

    /// The requests so far for one path, whatever their query.
    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| without_query(&request.target) == path);
        requests
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        *self.shared.stop.0.lock().expect("no panic while locked") = true;
        self.shared.stop.1.notify_all();
        // `accept` has no time-out: one more connection ends it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn parameters(target: &str) -> BTreeSet<&str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|one| !one.is_empty()).collect()
}

fn meet(
    shared: &Shared,
    mut stream: TcpStream,
    identity: Option<Arc<ServerConfig>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let Some(identity) = identity else {
        return serve(shared, &mut stream);
    };
    let connection = ServerConnection::new(identity).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    serve(shared, &mut stream)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn serve(shared: &Shared, stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let Some(request) = read_request(stream)? else {
        return Ok(());
    };
    let (answer, count) = {
        let mut site = shared.site.lock().expect("no panic while locked");
        let path = without_query(&request.target).to_owned();
        // The last one is the one with the most parameters.
        let answer = site.answers.iter().rfind(|(target, _)| {
            without_query(target) == path
                && parameters(target).is_subset(&parameters(&request.target))
        });
        let answer = answer.map(|(_, answer)| answer.clone());
        let before = site.requests.iter();
        let count = before
            .filter(|earlier| without_query(&earlier.target) == path)
            .count();
        site.requests.push(request.clone());
        (answer.unwrap_or_else(|| Answer::status(404)), count)
    };
    if let Some((user, password)) = &answer.login {
        let expected = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        if request.header("authorization") != Some(&expected) {
            let refused = Answer::status(401).with_header("WWW-Authenticate", "Basic realm=\"t\"");
            return write_answer(shared, stream, &request, &refused, 0);
        }
    }
    if let Some((_, status)) = answer.failures.filter(|(times, _)| count < *times) {
        return write_answer(shared, stream, &request, &Answer::status(status), 0);
    }
    write_answer(shared, stream, &request, &answer, count)
}

fn read_request(stream: &mut impl Read) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream.take(1 << 16)).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    Ok(Some(Request { target, headers }))
}

fn write_answer(
    shared: &Shared,
    stream: &mut impl Write,
    request: &Request,
    answer: &Answer,
    count: usize,
) -> std::io::Result<()> {
    let whole = answer.body.len();
    let from = range_start(request).filter(|_| answer.status == 200 && !answer.ignores_ranges);
    let (status, body) = match from {
        Some(from) if from < whole => (206, &answer.body[from..]),
        Some(_) => (416, &[][..]),
        None => (answer.status, &answer.body[..]),
    };
    let mut head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !answer.ignores_ranges {
        head.push_str("Accept-Ranges: bytes\r\n");
    }
    match (status, from) {
        (206, Some(from)) => {
            let last = whole - 1;
            let _ = write!(head, "Content-Range: bytes {from}-{last}/{whole}\r\n");
        }
        (416, _) => {
            let _ = write!(head, "Content-Range: bytes */{whole}\r\n");
        }
        _ => {}
    }
    let length = answer.claims.unwrap_or(body.len());
    let _ = write!(head, "Content-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if let Some(bytes) = answer.stalls_after.filter(|bytes| *bytes < body.len()) {
        stream.write_all(&body[..bytes])?;
        stream.flush()?;
        let stopped = shared.stop.0.lock().expect("no panic while locked");
        let waited = shared.stop.1.wait_while(stopped, |stopped| !*stopped);
        drop(waited);
        return Ok(());
    }
    let sent = match answer.cut {
        Some(cut) if count < cut.times => cut.after.min(body.len()),
        _ => body.len(),
    };
    stream.write_all(&body[..sent])?;
    stream.flush()
}

/// `bytes=N-` and nothing else: what a client that resumes sends (RFC 9110, section 14.2).
fn range_start(request: &Request) -> Option<usize> {
    let range = request.header("range")?.strip_prefix("bytes=")?;
    range.strip_suffix('-')?.parse().ok()
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().chain(&[0, 0]).take(3);
        let bits = bits.fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            encoded.push(if place <= three.len() {
                char::from(DIGITS[bits >> (18 - 6 * place) & 63])
            } else {
                '='
            });
        }
    }
    encoded
}

/// A port that nothing listens on, so that a connection is refused at once.
pub const REFUSING: &str = "http://127.0.0.1:1";

mod tests {
    use super::{Answer, Server, base64};

    #[test]
    fn the_server_resumes_breaks_off_and_recovers_as_told() {
        let server = Server::start();
        let get = |path: &str, range: Option<&str>| {
            let mut stream = std::net::TcpStream::connect(server.address).unwrap();
            let range = range.map_or(String::new(), |range| format!("Range: {range}\r\n"));
            let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\n{range}\r\n");
            std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
            text
        };
        assert!(get("/none", None).starts_with("HTTP/1.1 404"));
        server.put("/f", Answer::bytes("abcdef").cut_once(2));
        assert!(get("/f", None).ends_with("Content-Length: 6\r\n\r\nab"));
        let rest = get("/f", Some("bytes=2-"));
        assert!(rest.starts_with("HTTP/1.1 206") && rest.ends_with("\r\n\r\ncdef"));
        server.put("/g", Answer::bytes("abc").failing_first(1, 503));
        assert!(get("/g", None).starts_with("HTTP/1.1 503"));
        assert!(get("/g?x", None).ends_with("abc"));
        server.put("/g?id=2", Answer::bytes("second"));
        assert!(get("/g?a=b&id=2", None).ends_with("second"));
        assert_eq!(server.requests_for("/g").len(), 3);
        assert_eq!(base64(b"me:pass"), "bWU6cGFzcw==");
    }
}
