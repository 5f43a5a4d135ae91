//! A search for a release: its names and addresses at each origin, and the file that was found.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::archive::compression::Compression;
use crate::digest::Sha256;
use crate::fetch::context::FetchContext;
use crate::fetch::signature::Keyring;
use crate::net::address::Address;
use crate::plan::verification::{GoodSignature, Verify};
use crate::plan::version::PythonVersion;
use crate::plan::{DigestProof, Origin, ReleaseFile};
use crate::resolve::python_org::{PythonOrg, archive_names};
use crate::store::StoredFile;

/// A search for a release.
pub(super) struct ReleaseSearch<'a> {
    pub(super) version: PythonVersion,
    /// Empty where no digest is known: then a signature decides.
    pub(super) accepted: &'a [ReleaseFile],
    pub(super) proof: DigestProof,
    pub(super) origins: &'a [Origin],
    pub(super) verify: Verify,
    pub(super) keyring: &'a Keyring,
    pub(super) context: &'a FetchContext<'a>,
}

/// A file that an origin gave.
pub(super) struct Candidate {
    pub(super) file: StoredFile,
    /// In words.
    pub(super) origin: String,
    pub(super) beside: Beside,
    /// The signature that it was accepted for.
    pub(super) signature: Option<GoodSignature>,
}

/// The place of a candidate's signature.
pub(super) enum Beside {
    /// The store holds archives alone.
    Store,
    File(PathBuf),
    Address(Address),
    /// The host's source package, with the signature that it holds.
    Packaged(Option<Vec<u8>>),
}

impl ReleaseSearch<'_> {
    /// The paths of a file in a mirror's folder.
    pub(super) fn paths_in(&self, folder: &Path, name: &str) -> [PathBuf; 2] {
        let of_release = folder.join(self.version.final_release().to_string());
        [folder.join(name), of_release.join(name)]
    }

    /// The folders of the release at an origin that is an address.
    pub(super) fn folders_of(&self, origin: &Origin) -> Vec<Address> {
        let release = self.version.final_release().to_string();
        match origin {
            Origin::MirrorUrl(base) => vec![base.clone(), base.with_segment(&release)],
            Origin::PythonOrg(base) => vec![PythonOrg::folder_at(base, self.version)],
            _ => Vec::new(),
        }
    }

    /// The names of the release's archives.
    pub(super) fn names(&self) -> Vec<String> {
        if self.accepted.is_empty() {
            return archive_names(self.version).to_vec();
        }
        self.accepted.iter().map(|file| file.name.clone()).collect()
    }

    pub(super) fn digests(&self) -> Vec<Sha256> {
        self.accepted.iter().map(|file| file.sha256).collect()
    }

    /// The name of a file that was found. A digest that the user gave is accepted for both archives:
    /// then the compression decides.
    pub(super) fn name_of(&self, file: &StoredFile, compression: Option<Compression>) -> String {
        let named: Vec<String> = if self.accepted.is_empty() {
            self.names()
        } else {
            let accepted = self.accepted.iter();
            let same = accepted.filter(|accepted| accepted.sha256 == file.sha256());
            same.map(|accepted| accepted.name.clone()).collect()
        };
        let compression = compression.or_else(|| compression_of(file.path()).ok().flatten());
        let fits = |name: &&String| compression.is_some_and(|it| it.fits(name));
        let name = named.iter().find(fits).or(named.first());
        name.cloned().unwrap_or_default()
    }
}

/// The compression of a file, by its first bytes.
pub(super) fn compression_of(path: &Path) -> io::Result<Option<Compression>> {
    let mut beginning = Vec::new();
    fs_err::File::open(path)?
        .take(8)
        .read_to_end(&mut beginning)?;
    Ok(Compression::of(&beginning))
}
