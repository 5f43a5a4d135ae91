//! An HTTP/1.1 server on loopback that can fail in the ways a network does. Unit tests and
//! integration tests include this file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// An answer, with switches for what goes wrong.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<Vec<u8>>,
    failures: Option<(usize, u16)>,
    cut: Option<Cut>,
    ignores_ranges: bool,
    stalls_after: Option<usize>,
    claimed_length: Option<usize>,
    login: Option<(String, String)>,
}

#[derive(Clone, Copy)]
struct Cut {
    after: usize,
    times: usize,
}

impl Answer {
    /// 200 with these bytes, or the part of them that a `Range` header asks for.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Arc::new(body.into()),
            failures: None,
            cut: None,
            ignores_ranges: false,
            stalls_after: None,
            claimed_length: None,
            login: None,
        }
    }

    /// 200 with a text of this media type.
    pub fn text(media_type: &str, body: impl Into<String>) -> Self {
        Self::bytes(body.into()).with_header("Content-Type", media_type)
    }

    /// A status with a short body.
    pub fn status(status: u16) -> Self {
        Self::text("text/plain", format!("{status}\n")).with_status(status)
    }

    /// 302 to `target`, which may be relative.
    pub fn redirect(target: &str) -> Self {
        Self::status(302).with_header("Location", target)
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Of this media type instead.
    pub fn of_type(mut self, media_type: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Content-Type");
        self.with_header("Content-Type", media_type)
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

    /// Every answer holds the whole body, as with servers that do not know `Range`.
    pub fn ignoring_ranges(mut self) -> Self {
        self.ignores_ranges = true;
        self
    }

    /// After this many bytes of the body nothing more comes, and the connection stays open.
    pub fn stalling_after(mut self, bytes: usize) -> Self {
        self.stalls_after = Some(bytes);
        self
    }

    /// `Content-Length` is this, whatever the body is.
    pub fn claiming(mut self, bytes: usize) -> Self {
        self.claimed_length = Some(bytes);
        self
    }

    /// 401 without this user and password (RFC 7617).
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }
}

/// A request that the server has received.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path and the query.
    pub target: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Request {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte asked for: `bytes=N-` and nothing else, which is what a client that resumes
    /// sends (RFC 9110, section 14.2).
    pub fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// Answers a request, given the number of earlier requests.
type Handler = Box<dyn Fn(&Request, usize) -> Answer + Send + Sync>;

/// A stream that a request is read from and its answer written to.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Makes the stream that requests come over, for example by adding TLS.
pub type Wrapper = Box<dyn Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync>;

struct Shared {
    wrapper: Wrapper,
    /// Answers requests that no entry of `answers` fits.
    handler: Handler,
    answers: Mutex<BTreeMap<String, Answer>>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    stopping: AtomicBool,
    /// Ends stalled answers, so that they do not keep a test waiting.
    stop: (Mutex<bool>, Condvar),
}

/// The server; it stops when it is dropped.
pub struct Server {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that answers 404 until [`Server::put`] is called.
    pub fn start() -> Self {
        Self::with(|_, _| Answer::status(404))
    }

    /// A server that answers with what `handler` returns for the request and the number of earlier
    /// requests.
    pub fn with(handler: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let plain: Wrapper = Box::new(|stream| Ok(Box::new(stream)));
        Self::start_as("http", plain, Box::new(handler))
    }

    /// A server that gives these answers in order, and then the last one again and again.
    pub fn with_answers(answers: Vec<Answer>) -> Self {
        Self::with(move |_, count| answers[count.min(answers.len() - 1)].clone())
    }

    /// [`Server::start`], with the requests coming over other streams than TCP's.
    pub fn start_over(scheme: &'static str, wrapper: Wrapper) -> Self {
        Self::start_as(scheme, wrapper, Box::new(|_, _| Answer::status(404)))
    }

    fn start_as(scheme: &'static str, wrapper: Wrapper, handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            wrapper,
            handler,
            answers: Mutex::default(),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            stop: Default::default(),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if shared.stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let shared = Arc::clone(&shared);
                    // A client may hang up at any time.
                    std::thread::spawn(move || drop(shared.serve(stream)));
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

    /// The same address under another name of this host, which is another host to a client.
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
        lock(&self.shared.answers).insert(target.into(), answer);
    }

    /// The number of connections so far, whether or not a request came over them.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The targets of every request so far, in order.
    pub fn targets(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests.map(|request| request.target).collect()
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
        *lock(&self.shared.stop.0) = true;
        self.shared.stop.1.notify_all();
        // `accept` has no time-out: one more connection ends it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A failed assertion in a handler must not fail the assertions after it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn parameters(target: &str) -> BTreeSet<&str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|one| !one.is_empty()).collect()
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut stream = (self.wrapper)(stream)?;
        let Some(request) = read_request(&mut stream)? else {
            return Ok(());
        };
        let path = without_query(&request.target);
        let (earlier, earlier_of_path) = {
            let mut requests = lock(&self.requests);
            let of_path = requests
                .iter()
                .filter(|earlier| without_query(&earlier.target) == path);
            let counts = (requests.len(), of_path.count());
            requests.push(request.clone());
            counts
        };
        // The last one is the one with the most parameters.
        let answers = lock(&self.answers).clone();
        let answer = answers.iter().rfind(|(target, _)| {
            without_query(target) == path
                && parameters(target).is_subset(&parameters(&request.target))
        });
        let answer = answer.map_or_else(
            || (self.handler)(&request, earlier),
            |(_, answer)| answer.clone(),
        );
        let refusal = answer.login.as_ref().filter(|(user, password)| {
            let expected = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
            request.header("authorization") != Some(&expected)
        });
        let answer = match (refusal, answer.failures) {
            (Some(_), _) => {
                Answer::status(401).with_header("WWW-Authenticate", "Basic realm=\"t\"")
            }
            (None, Some((times, status))) if earlier_of_path < times => Answer::status(status),
            _ => answer,
        };
        self.write(&mut stream, &request, &answer, earlier_of_path)
    }

    fn write(
        &self,
        stream: &mut dyn Stream,
        request: &Request,
        answer: &Answer,
        earlier: usize,
    ) -> io::Result<()> {
        let whole = answer.body.len();
        let is_ranged = answer.status == 200 && !answer.ignores_ranges;
        let from = request.range_start().filter(|_| is_ranged);
        let (status, body, range) = match from {
            Some(from) if from < whole => {
                let range = format!("bytes {from}-{}/{whole}", whole - 1);
                (206, &answer.body[from..], Some(range))
            }
            Some(_) => (416, &[][..], Some(format!("bytes */{whole}"))),
            None => (answer.status, &answer.body[..], None),
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
        for (name, value) in &answer.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(range) = range {
            let _ = write!(head, "Content-Range: {range}\r\n");
        }
        let length = answer.claimed_length.unwrap_or(body.len());
        let _ = write!(head, "Content-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        if let Some(bytes) = answer.stalls_after.filter(|bytes| *bytes < body.len()) {
            stream.write_all(&body[..bytes])?;
            stream.flush()?;
            let stopped = lock(&self.stop.0);
            drop(self.stop.1.wait_while(stopped, |stopped| !*stopped));
            return Ok(());
        }
        let sent = match answer.cut {
            Some(cut) if earlier < cut.times => cut.after.min(body.len()),
            _ => body.len(),
        };
        stream.write_all(&body[..sent])?;
        stream.flush()
    }
}

fn read_request(stream: &mut dyn Stream) -> io::Result<Option<Request>> {
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

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// An address where nothing listens, so that a connection is refused at once.
pub const REFUSING: &str = "http://127.0.0.1:1";

mod tests {
    use super::{Answer, Server};

    #[test]
    fn the_server_resumes_breaks_off_and_recovers_as_configured() {
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
    }
}
