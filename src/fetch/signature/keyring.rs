//! The keys that are believed: the release managers' and those of the person's own keyrings.

use std::io::BufReader;
use std::sync::LazyLock;

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::types::KeyDetails as _;

use super::error::Error;
use super::managers::RELEASE_MANAGERS;
use crate::digest::Sha256;
use crate::plan::verification::{Fingerprint, KeyringFile};
use crate::plan::version::PythonVersion;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// That every key is understood is what a test proves.
static BUILT_IN: LazyLock<Vec<TrustedKey>> = LazyLock::new(|| {
    let managers = RELEASE_MANAGERS.iter();
    managers
        .filter_map(|manager| {
            let key = read_keys(manager.key.as_bytes()).ok()?.pop()?;
            // What is embedded is believed for its fingerprint, not for its place.
            (format!("{:X}", key.fingerprint()) == manager.fingerprint).then(|| TrustedKey {
                name: manager.name.to_owned(),
                key,
                series: Some(manager.series),
            })
        })
        .collect()
});

/// A key that is believed.
#[derive(Debug, Clone)]
pub(super) struct TrustedKey {
    /// Whose it is.
    pub(super) name: String,
    /// The key with its self-signatures.
    pub(super) key: SignedPublicKey,
    /// What it may sign; `None` for anything.
    series: Option<&'static [(u32, u32)]>,
}

impl TrustedKey {
    /// Whether the key's word counts for this release.
    pub(super) fn may_sign(&self, release: PythonVersion) -> bool {
        self.series
            .is_none_or(|series| series.contains(&release.series()))
    }

    /// The series in words.
    pub(super) fn series(&self) -> String {
        let series = self.series.unwrap_or_default().iter();
        let names: Vec<String> = series
            .map(|(major, minor)| format!("{major}.{minor}"))
            .collect();
        names.join(" and ")
    }

    /// The primary key's fingerprint.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(self.key.fingerprint().as_bytes())
    }
}

/// All keys that are believed.
#[derive(Debug)]
pub(in crate::fetch) struct Keyring(Vec<TrustedKey>);

impl Keyring {
    /// The release managers' keys, and those of `files`, which may sign any release.
    pub(in crate::fetch) fn with(files: &[KeyringFile]) -> Result<Self, Error> {
        let mut keys = BUILT_IN.clone();
        for file in files {
            let path = || file.path.clone();
            let bytes = fs_err::read(&file.path).map_err(|source| Error::KeyringUnreadable {
                path: path(),
                source,
            })?;
            let found = Sha256::of(&bytes);
            if found != file.sha256 {
                return Err(Error::KeyringChanged {
                    path: path(),
                    found,
                    expected: file.sha256,
                });
            }
            let read = read_keys(&bytes).map_err(|source| Error::NotAKeyring {
                path: path(),
                source: Box::new(source),
            })?;
            if read.is_empty() {
                return Err(Error::EmptyKeyring { path: path() });
            }
            keys.extend(read.into_iter().map(TrustedKey::for_anything));
        }
        Ok(Self(keys))
    }

    /// The keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &TrustedKey> {
        self.0.iter()
    }
}

#[cfg(test)]
impl Keyring {
    /// A keyring whose only key signs these series and no others, as a release manager's does.
    pub(super) fn for_series(key: &[u8], series: &'static [(u32, u32)]) -> Self {
        let key = read_keys(key).unwrap().remove(0);
        Self(vec![TrustedKey {
            series: Some(series),
            ..TrustedKey::for_anything(key)
        }])
    }
}

impl TrustedKey {
    fn for_anything(key: SignedPublicKey) -> Self {
        let users = &key.details.users;
        let name = users.first().map_or_else(
            || format!("key {:X}", key.fingerprint()),
            |user| String::from_utf8_lossy(user.id.id()).into_owned(),
        );
        Self {
            name,
            key,
            series: None,
        }
    }
}

/// Reads public keys: binary, or armored, any number of blocks with any text around them.
pub(super) fn read_keys(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, pgp::errors::Error> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => text,
        // What is text without armor has no packets either.
        Ok(_) => return Ok(Vec::new()),
        Err(_) => return SignedPublicKey::from_bytes_many(BufReader::new(bytes))?.collect(),
    };
    let mut keys = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let block = format!("{BEGIN}{block}");
        let (read, _) = SignedPublicKey::from_armor_many(block.as_bytes())?;
        for key in read {
            keys.push(key?);
        }
    }
    Ok(keys)
}
