//! A certificate authority for tests, and servers that show its certificates.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::Server;

/// The certificate that a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A valid one, for `127.0.0.1` and `localhost`.
    Good,
    Expired,
    OfAnotherHost,
}

/// Issues certificates.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority, which no client trusts yet.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([]).expect("no names");
        // Of two authorities with the same name, one would look like a forgery of the other.
        let name = format!("authority {}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let all = &mut parameters.distinguished_name;
        all.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(parameters, key),
        }
    }

    /// Its own certificate, for clients that are to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The configuration of a server that shows such a certificate.
    pub fn issue(&self, shown: Shown) -> Arc<ServerConfig> {
        let names = match shown {
            Shown::OfAnotherHost => vec!["elsewhere.invalid".to_owned()],
            Shown::Good | Shown::Expired => vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        };
        let mut parameters = CertificateParams::new(names).expect("names of hosts");
        if shown == Shown::Expired {
            parameters.not_before = date_time_ymd(2001, 1, 1);
            parameters.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        Arc::new(config)
    }
}

impl Server {
    /// [`Server::start`] behind TLS.
    pub fn start_tls(identity: Arc<ServerConfig>) -> Self {
        let wrapper = move |stream| {
            let connection = ServerConnection::new(Arc::clone(&identity));
            let connection = connection.map_err(io::Error::other)?;
            Ok(Box::new(TlsStream(StreamOwned::new(connection, stream))) as Box<_>)
        };
        Self::start_over("https", Box::new(wrapper))
    }
}

/// Sends `close_notify` when it is dropped.
struct TlsStream(StreamOwned<ServerConnection, TcpStream>);

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        drop(self.0.flush());
    }
}
