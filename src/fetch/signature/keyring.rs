//! Trusted keys: those of the release managers and of the user's keyrings.

use std::sync::LazyLock;

use super::error::Error;
use super::managers::{RELEASE_MANAGERS, ReleaseManager};
use super::openpgp::Certificate;
use crate::digest::Sha256;
use crate::plan::verification::{Fingerprint, KeyringFile};
use crate::plan::version::PythonVersion;

/// A test proves that each manager's key can be read and has its fingerprint.
static BUILT_IN: LazyLock<Vec<TrustedKey>> = LazyLock::new(|| {
    let trusted = |manager: &ReleaseManager| {
        let key = Certificate::read_all(manager.key.as_bytes()).ok()?.pop()?;
        let (name, series) = (manager.name.to_owned(), Some(manager.series));
        Some(TrustedKey { name, key, series })
            .filter(|it| it.fingerprint().to_string() == manager.fingerprint)
    };
    RELEASE_MANAGERS.iter().filter_map(trusted).collect()
});

#[derive(Debug, Clone)]
pub(super) struct TrustedKey {
    /// The owner.
    pub(super) name: String,
    pub(super) key: Certificate,
    /// The series that it may sign; `None` for all.
    series: Option<&'static [(u32, u32)]>,
}

impl TrustedKey {
    pub(super) fn may_sign(&self, release: PythonVersion) -> bool {
        self.series
            .is_none_or(|series| series.contains(&release.series()))
    }

    /// The series in words.
    pub(super) fn series(&self) -> String {
        let series = self.series.unwrap_or_default().iter();
        let names: Vec<_> = series
            .map(|(major, minor)| format!("{major}.{minor}"))
            .collect();
        names.join(" and ")
    }

    /// The primary key's fingerprint.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(&self.key.primary.subject.fingerprint)
    }

    /// A key from a keyring, which may sign any release.
    fn for_all_series(key: Certificate) -> Self {
        let mut users = key.users.iter();
        let user = users.find(|user| !user.signatures.is_empty());
        let name = user.map_or_else(
            || format!("key {}", hex::encode_upper(key.primary.subject.fingerprint)),
            |user| String::from_utf8_lossy(&user.subject).into_owned(),
        );
        Self {
            name,
            key,
            series: None,
        }
    }
}

#[derive(Debug)]
pub(in crate::fetch) struct Keyring(pub(super) Vec<TrustedKey>);

impl Keyring {
    /// The release managers' keys, and those of `files`, which may sign any release.
    pub(in crate::fetch) fn with(files: &[KeyringFile]) -> Result<Self, Error> {
        let mut keys = BUILT_IN.clone();
        for file in files {
            let path = file.path.clone();
            let bytes = match fs_err::read(&path) {
                Ok(bytes) => bytes,
                Err(source) => return Err(Error::KeyringUnreadable { path, source }),
            };
            let (found, expected) = (Sha256::of(&bytes), file.sha256);
            if found != expected {
                return Err(Error::KeyringChanged {
                    path,
                    found,
                    expected,
                });
            }
            match Certificate::read_all(&bytes) {
                Err(source) => return Err(Error::NotAKeyring { path, source }),
                Ok(read) if read.is_empty() => return Err(Error::EmptyKeyring { path }),
                Ok(read) => keys.extend(read.into_iter().map(TrustedKey::for_all_series)),
            }
        }
        Ok(Self(keys))
    }

    /// The keys in `bytes`, without the release managers'. They may sign any release.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let keys = Certificate::read_all(bytes).ok()?;
        Some(Self(
            keys.into_iter().map(TrustedKey::for_all_series).collect(),
        ))
    }
}

#[cfg(test)]
impl Keyring {
    /// A keyring whose only key may sign `series`, as a release manager's key does.
    pub(super) fn for_series(key: &[u8], series: &'static [(u32, u32)]) -> Self {
        let mut keyring = Self::of_bytes(key).unwrap();
        keyring.0[0].series = Some(series);
        keyring
    }
}
