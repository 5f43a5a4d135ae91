//! A certificate authority of the test's own, and what its servers show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Which certificate a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A good one, for `127.0.0.1` and `localhost`.
    Good,
    /// One that was good until long ago.
    Expired,
    /// One of another host.
    OfAnotherHost,
}

/// Who issues certificates.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, that nobody trusts yet.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([]).expect("no names");
        // Two of the same name would be taken for one with a forged signature.
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

    /// Its own certificate, for whoever is to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What a server needs to show such a certificate.
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
