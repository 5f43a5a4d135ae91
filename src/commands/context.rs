//! What every command that asks for releases, wheels and files shares: the store, the client, the index.

use std::path::Path;

use crate::commands::error::Error;
use crate::commands::work_folder;
use crate::digest::{Digest, Sha256};
use crate::environment::Environment;
use crate::fetch;
use crate::fetch::{FetchContext, VerifiedInputs, VerifiedSource, VerifiedWheel};
use crate::fs::lock::ScratchFolder;
use crate::host::certificates::{self, WhenNoCertificates};
use crate::net::address::Address;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::{ProofPolicy, Verify};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{DigestProof, Origin, Pins, Plan, Source, SourceLocation};
use crate::process::Runner;
use crate::progress::Reporter;
use crate::resolve;
use crate::resolve::index::{Index, IndexSettings, IndexWheel, SystemRoot};
use crate::resolve::pins::{Chooser, WheelFile, WheelFiles};
use crate::resolve::python_org::PythonOrg;
use crate::resolve::releases::{self, Release, ReleaseSources, UnknownDigest, resolve_version};
use crate::settings;
use crate::source;
use crate::store::Store;

/// Whom a command asks, and where it keeps what it got.
pub struct Context<'a> {
    /// Where files go, and where they may be already.
    pub store: Store,
    /// What pybuild was started with.
    pub environment: &'a Environment,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    http: Http<'a>,
    index_settings: IndexSettings,
    python_org: PythonOrg,
    network: Network,
    side_store: Option<SideStore>,
}

/// A store that goes with the context, for wheels that are only looked into.
struct SideStore {
    store: Store,
    _folder: ScratchFolder,
}

/// Which source of a release is wanted.
#[derive(Clone, Copy)]
pub struct SourceRequest<'a> {
    /// `--source`.
    pub location: Option<&'a SourceLocation>,
    /// `--sha256`.
    pub sha256: Option<Sha256>,
    /// Folders and addresses of release files, in order.
    pub mirrors: &'a [Origin],
    /// What it has to prove itself with.
    pub proofs: &'a ProofPolicy,
}

impl SourceRequest<'_> {
    /// What becomes of a release of which nobody knows the digest.
    fn unknown_digest(&self, request: VersionRequest) -> UnknownDigest {
        match request {
            VersionRequest::Exact(version) if self.proofs.accepts_signatures_of(version) => {}
            _ => return UnknownDigest::Refused,
        }
        match self.location {
            Some(SourceLocation::Path(path)) if !fetch::signature_beside(path).is_file() => {
                UnknownDigest::Refused
            }
            None if self.mirrors.is_empty() => UnknownDigest::SignedByPublisher,
            _ => UnknownDigest::SignedAnywhere,
        }
    }
}

impl<'a> Context<'a> {
    /// A context in this environment. Nobody is asked yet.
    ///
    /// # Errors
    /// When pip's configuration, a certificate bundle or a variable cannot be used.
    pub fn new(
        index_url: Option<Address>,
        network: Network,
        when_no_certificates: WhenNoCertificates,
        environment: &'a Environment,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Error> {
        let index_settings = IndexSettings::of(index_url, environment, &SystemRoot::default())
            .map_err(resolve::Error::from)?;
        let http = Http::new(environment, &index_settings.client)
            .map_err(resolve::Error::from)?
            .with_root_provider(Box::new(move || {
                let new_log = || work_folder::certificate_log(&Store::of(environment), environment);
                certificates::provide(when_no_certificates, environment, new_log, reporter)
            }));
        let python_org = PythonOrg::of(environment).map_err(resolve::Error::from)?;
        Ok(Self {
            store: Store::of(environment),
            environment,
            reporter,
            http,
            index_settings,
            python_org,
            network,
            side_store: None,
        })
    }

    /// The same context, which adds no file to the store while it chooses pins.
    ///
    /// # Errors
    /// When there is no folder to work in.
    pub fn for_a_dry_run(self) -> Result<Self, Error> {
        let folder = self.store.scratch("wheels");
        let folder = folder.map_err(|source| Error::Scratch {
            path: self.store.root().to_owned(),
            source,
        })?;
        let store = Store::at(folder.path().to_owned());
        Ok(Self {
            side_store: Some(SideStore {
                store,
                _folder: folder,
            }),
            ..self
        })
    }

    /// The release that is asked for. An unpacked tree that the person vouches for needs no digest;
    /// its version has to be what was asked for.
    ///
    /// # Errors
    /// When nothing that is known is what was asked for.
    pub fn release(
        &self,
        request: VersionRequest,
        wish: SourceRequest<'_>,
    ) -> Result<Release, Error> {
        let demanded = wish.proofs.verify == Verify::Signature;
        if let Some(tree) = tree(wish.location) {
            if demanded {
                return Err(settings::Error::Usage {
                    what: format!(
                        "--verify signature: {} is an unpacked tree, and nobody signs those",
                        tree.display()
                    ),
                    hint: "name the release's archive with --source, or leave --verify out"
                        .to_owned(),
                }
                .into());
            }
            let version = source::version_of_tree(tree, request).map_err(source::Error::from)?;
            if !version.has_ensurepip() {
                return Err(resolve::Error::from(releases::Error::NoEnsurepip { request }).into());
            }
            return Ok(Release {
                version,
                files: Vec::new(),
                proof: DigestProof::CommandLine,
            });
        }
        if let VersionRequest::Exact(version) = request {
            signable(version, wish.proofs)?;
        }
        let sources = ReleaseSources {
            python_org: &self.python_org,
            http: &self.http,
            network: self.network,
            reporter: self.reporter,
            unknown: wish.unknown_digest(request),
        };
        let release =
            resolve_version(request, wish.sha256, &sources).map_err(resolve::Error::from)?;
        signable(release.version, wish.proofs)?;
        Ok(release)
    }

    /// Where the release's source is to be looked for, in DESIGN's order.
    #[must_use]
    pub fn source(&self, release: Release, wish: SourceRequest<'_>) -> Source {
        if let Some(tree) = tree(wish.location) {
            return Source::Tree {
                path: tree.to_owned(),
            };
        }
        let origins = match wish.location {
            Some(SourceLocation::Path(path)) => vec![Origin::File(path.clone())],
            Some(SourceLocation::Url(address)) => vec![Origin::Url(address.clone())],
            None => std::iter::once(Origin::Store)
                .chain(wish.mirrors.iter().cloned())
                .chain([
                    Origin::PythonOrg(self.python_org.base().clone()),
                    Origin::HostPackages,
                ])
                .collect(),
        };
        Source::Archive {
            accepted: release.files,
            proof: release.proof,
            origins,
            proofs: wish.proofs.clone(),
        }
    }

    /// The wheels that the requests mean for this CPython.
    ///
    /// # Errors
    /// When nothing fits, or the index cannot be asked.
    pub fn pins(
        &self,
        python: PythonVersion,
        pip: &PinRequest,
        setuptools: &PinRequest,
    ) -> Result<Pins, Error> {
        self.reporter.detail(&format!(
            "package index: {} ({})",
            self.index_settings.address, self.index_settings.named_by
        ));
        if [pip, setuptools].into_iter().any(PinRequest::needs_index) {
            for warning in &self.index_settings.warnings {
                self.reporter.warn(warning);
            }
        }
        let index = Index::new(&self.index_settings, &self.http, &self.store, self.network);
        let chooser = Chooser {
            python,
            index: &index,
            files: self,
            environment: self.environment,
            reporter: self.reporter,
        };
        chooser.choose_pins(pip, setuptools)
    }

    /// Every input of the plan, verified; `runner` runs the host's package manager where that is asked.
    ///
    /// # Errors
    /// When an input cannot be had or is not what it should be.
    pub fn fetch(&self, plan: &Plan, runner: &Runner) -> Result<VerifiedInputs, Error> {
        Ok(fetch::fetch(plan, &self.fetching(Some(runner)))?)
    }

    /// The wheels of `pins`, verified.
    ///
    /// # Errors
    /// When a wheel cannot be had or is not what it should be.
    pub fn fetch_wheels(&self, pins: &Pins, runner: &Runner) -> Result<Vec<VerifiedWheel>, Error> {
        self.store.sweep();
        Ok(fetch::fetch_wheels(pins, &self.fetching(Some(runner)))?)
    }

    /// CPython's source, verified.
    ///
    /// # Errors
    /// When it cannot be had or is not what it should be.
    pub fn fetch_source(
        &self,
        python: PythonVersion,
        source: &Source,
        runner: &Runner,
    ) -> Result<VerifiedSource, Error> {
        Ok(fetch::fetch_source(
            python,
            source,
            &self.fetching(Some(runner)),
        )?)
    }

    fn fetching<'b>(&'b self, runner: Option<&'b Runner>) -> FetchContext<'b> {
        FetchContext {
            store: &self.store,
            http: &self.http,
            network: self.network,
            retries: Retries::FILES,
            reporter: self.reporter,
            environment: self.environment,
            runner,
        }
    }
}

impl WheelFiles for Context<'_> {
    type Error = Error;

    fn get(&self, wheel: &IndexWheel, digest: &Digest) -> Result<WheelFile, Error> {
        let side_store = self.side_store.as_ref().map(|side| &side.store);
        let into = side_store.unwrap_or(&self.store);
        Ok(fetch::fetch_listed(
            wheel,
            digest,
            &self.fetching(None),
            into,
        )?)
    }
}

/// A demand that nothing can meet is refused before anything is fetched.
fn signable(version: PythonVersion, proofs: &ProofPolicy) -> Result<(), fetch::Error> {
    if proofs.verify == Verify::Signature && !proofs.knows_signers_of(version) {
        return Err(fetch::signature::Error::NoneMade(version).into());
    }
    Ok(())
}

fn tree(source: Option<&SourceLocation>) -> Option<&Path> {
    match source {
        Some(SourceLocation::Path(path)) if path.is_dir() => Some(path),
        _ => None,
    }
}
