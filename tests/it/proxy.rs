//! A proxy on loopback that connects its clients to any address, or refuses to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The proxy. Its thread ends with the test process.
pub struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy that connects.
    pub fn start() -> Self {
        Self::answering(200)
    }

    /// A proxy that answers every request with this status.
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("a bound address");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        std::thread::spawn({
            let heads = Arc::clone(&heads);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let heads = Arc::clone(&heads);
                    // A client may hang up at any time.
                    std::thread::spawn(move || drop(serve(&stream, &heads, status)));
                }
            }
        });
        Self { address, heads }
    }

    /// Its address, with a login before the host.
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.address)
    }

    /// The request lines and headers of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic while locked").clone()
    }
}

/// RFC 9110, section 9.3.6.
fn serve(stream: &TcpStream, heads: &Mutex<Vec<String>>, status: u16) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = String::new();
    let mut reader = BufReader::new(stream.take(1 << 16));
    while reader.read_line(&mut head)? > 2 {}
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let connects = head.starts_with("CONNECT ");
    heads.lock().expect("no panic while locked").push(head);
    let (mut from, mut to) = (stream, stream);
    let mut answer = |status: u16| {
        let text = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n\r\n");
        to.write_all(text.as_bytes())
    };
    if status != 200 || !connects {
        return answer(if connects { status } else { 501 });
    }
    let other = TcpStream::connect(target)?;
    answer(200)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            drop(std::io::copy(&mut from, &mut &other));
            other.shutdown(Shutdown::Write)
        });
        drop(std::io::copy(&mut &other, &mut to));
        stream.shutdown(Shutdown::Both)
    })
}
