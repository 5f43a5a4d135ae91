//! The store, the HTTP client and the package index, for every command that resolves and fetches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::commands::error::Error;
use crate::commands::event::Event;
use crate::commands::work_folder;
use crate::digest::{Digest, Sha256};
use crate::environment::Environment;
use crate::fetch;
use crate::fetch::{FetchContext, VerifiedChanges, VerifiedInputs, VerifiedSource, VerifiedWheel};
use crate::fs::scratch::ScratchFolder;
use crate::host::certificates::{self, WhenNoCertificates};
use crate::net::address::Address;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::{ProofPolicy, Verify};
use crate::plan::version::{PythonVersion, VersionRequest};
use crate::plan::{DigestProof, NamedFile, Origin, Pins, Plan, Request, Source, SourceLocation};
use crate::process::Runner;
use crate::progress::Reporter;
use crate::resolve;
use crate::resolve::index::{Index, IndexSettings, IndexWheel, SystemRoot};
use crate::resolve::pins::{Chooser, WheelFile, WheelFiles};
use crate::resolve::python_org::PythonOrg;
use crate::resolve::releases::{self, Release, ReleaseSources, UnknownDigest, resolve_version};
use crate::settings;
use crate::source;
use crate::store::{Store, StoreUse};

pub(crate) struct Context<'a> {
    pub(crate) store: Store,
    pub(crate) environment: &'a Environment,
    pub(crate) reporter: &'a dyn Reporter,
    http: Http<'a>,
    index_settings: IndexSettings,
    python_org: PythonOrg,
    network: Network,
    side_store: Option<SideStore>,
    /// From the first look-up on, no other process removes inputs. A dry run writes no lock file.
    in_use: OnceLock<StoreUse>,
}

/// The store of a dry run, for wheels that are read to choose a pin. It is removed with the context.
struct SideStore {
    store: Store,
    _folder: ScratchFolder,
}

/// The source options of a request.
#[derive(Clone, Copy)]
pub(crate) struct SourceRequest<'a> {
    /// `--source`.
    pub(crate) location: Option<&'a SourceLocation>,
    /// `--sha256`.
    pub(crate) sha256: Option<Sha256>,
    /// `--mirror`: folders and addresses, in order.
    pub(crate) mirrors: &'a [Origin],
    pub(crate) proofs: &'a ProofPolicy,
}

impl<'a> SourceRequest<'a> {
    /// The unpacked tree that `--source` names.
    fn tree(&self) -> Option<&'a Path> {
        match self.location {
            Some(SourceLocation::Path(path)) if path.is_dir() => Some(path),
            _ => None,
        }
    }

    /// Whether a release without a known digest is refused, or needs a signature.
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

    /// Refuses `--verify signature` for a release that nobody signs.
    fn ensure_signed(&self, version: PythonVersion) -> Result<(), fetch::Error> {
        if self.proofs.verify == Verify::Signature && !self.proofs.knows_signers_of(version) {
            return Err(fetch::signature::Error::NoneMade(version).into());
        }
        Ok(())
    }
}

impl<'a> Context<'a> {
    /// Reads the settings of pip and the environment. It sends no request.
    pub(crate) fn new(
        index_url: Option<Address>,
        network: Network,
        when_no_certificates: WhenNoCertificates,
        environment: &'a Environment,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Error> {
        let index_settings = IndexSettings::of(index_url, environment, &SystemRoot::default())?;
        let http = Http::new(environment, &index_settings.client)
            .map_err(resolve::Error::from)?
            .with_root_provider(Box::new(move || {
                let new_log = || work_folder::certificate_log(&Store::of(environment), environment);
                certificates::provide(when_no_certificates, environment, new_log, reporter)
            }));
        Ok(Self {
            store: Store::of(environment),
            environment,
            reporter,
            http,
            index_settings,
            python_org: PythonOrg::of(environment)?,
            network,
            side_store: None,
            in_use: OnceLock::new(),
        })
    }

    /// The same context, which adds no wheel to the store while it chooses pins.
    pub(crate) fn for_a_dry_run(self) -> Result<Self, Error> {
        let folder = self.store.scratch("wheels");
        let folder = folder.map_err(work_folder::unusable(self.store.root()))?;
        let side_store = SideStore {
            store: Store::at(folder.path().to_owned()),
            _folder: folder,
        };
        Ok(Self {
            side_store: Some(side_store),
            ..self
        })
    }

    /// The release that `request` means. An unpacked tree needs no digest, but its version must be one
    /// that `request` means.
    pub(crate) fn release(
        &self,
        request: VersionRequest,
        wanted: SourceRequest<'_>,
    ) -> Result<Release, Error> {
        if let Some(tree) = wanted.tree() {
            if wanted.proofs.verify == Verify::Signature {
                return Err(settings::Error::Usage {
                    what: format!(
                        "--verify signature: {} is an unpacked tree, and trees have no signatures",
                        tree.display()
                    ),
                    hint: "name the release's archive with --source, or leave out --verify"
                        .to_owned(),
                }
                .into());
            }
            let version = source::version_of_tree(tree, request)?;
            if !version.has_ensurepip() {
                return Err(releases::Error::NoEnsurepip { request }.into());
            }
            return Ok(Release {
                version,
                files: Vec::new(),
                proof: DigestProof::CommandLine,
            });
        }
        if let VersionRequest::Exact(version) = request {
            wanted.ensure_signed(version)?;
        }
        let sources = ReleaseSources {
            python_org: &self.python_org,
            http: &self.http,
            network: self.network,
            reporter: self.reporter,
            unknown: wanted.unknown_digest(request),
        };
        let release = resolve_version(request, wanted.sha256, &sources)?;
        wanted.ensure_signed(release.version)?;
        Ok(release)
    }

    /// The release's source with its origins, in the order of DESIGN.md.
    pub(crate) fn source(&self, release: Release, wanted: SourceRequest<'_>) -> Source {
        if let Some(tree) = wanted.tree() {
            return Source::Tree {
                path: tree.to_owned(),
            };
        }
        let origins = match wanted.location {
            Some(SourceLocation::Path(path)) => vec![Origin::File(path.clone())],
            Some(SourceLocation::Url(address)) => vec![Origin::Url(address.clone())],
            None => std::iter::once(Origin::Store)
                .chain(wanted.mirrors.iter().cloned())
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
            proofs: wanted.proofs.clone(),
        }
    }

    /// The address of a release file at python.org.
    pub(crate) fn release_address(&self, python: PythonVersion, name: &str) -> Option<String> {
        let folder = PythonOrg::folder_at(self.python_org.base(), python);
        folder.with_segment(name).for_publication()
    }

    /// Whether the store has this file, undamaged.
    pub(crate) fn has(&self, sha256: Sha256) -> bool {
        matches!(self.store.get(sha256), Ok(Some(_)))
    }

    /// The address of a project in the package index.
    pub(crate) fn page_address(&self, project: &str) -> Address {
        self.index_settings.address.with_segment(project)
    }

    /// The wheels that the requests mean for this CPython.
    pub(crate) fn pins(
        &self,
        python: PythonVersion,
        pip: &PinRequest,
        setuptools: &PinRequest,
    ) -> Result<Pins, Error> {
        self.reporter.report(&Event::PackageIndex {
            address: &self.index_settings.address,
            named_by: &self.index_settings.named_by,
        });
        if [pip, setuptools].into_iter().any(PinRequest::needs_index) {
            for warning in &self.index_settings.warnings {
                self.reporter.report(&Event::IndexSetting(warning));
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

    /// Every input of the plan but a `source` that is fetched. `runner` runs the host's package manager if
    /// its sources are needed.
    pub(crate) fn fetch(
        &self,
        plan: &Plan,
        source: Option<VerifiedSource>,
        runner: &Runner,
    ) -> Result<VerifiedInputs, Error> {
        Ok(fetch::fetch(plan, source, &self.fetching(Some(runner)))?)
    }

    /// The wheels and patches of the plan.
    pub(crate) fn fetch_changes(
        &self,
        plan: &Plan,
        runner: &Runner,
    ) -> Result<VerifiedChanges, Error> {
        Ok(fetch::fetch_changes(plan, &self.fetching(Some(runner)))?)
    }

    /// Fetches the patches that a request names by their addresses: their headers decide whether they apply.
    /// Returns a function from a patch to its path.
    pub(crate) fn fetch_patches(
        &self,
        request: &Request,
    ) -> Result<impl Fn(&NamedFile) -> PathBuf + use<>, Error> {
        let side_store = self.side_store.as_ref().map(|side| &side.store);
        let into = side_store.unwrap_or(&self.store);
        let fetching = FetchContext {
            store: into,
            ..self.fetching(None)
        };
        let mut paths = BTreeMap::new();
        for patch in &request.patches {
            let path = match patch.path() {
                Some(path) => path.to_owned(),
                None => fetch::fetch_named(patch, &fetching)?.path().to_owned(),
            };
            paths.insert(patch.name(), path);
        }
        Ok(move |patch: &NamedFile| paths.get(&patch.name()).cloned().unwrap_or_default())
    }

    pub(crate) fn fetch_wheels(
        &self,
        pins: &Pins,
        runner: &Runner,
    ) -> Result<Vec<VerifiedWheel>, Error> {
        self.store.sweep();
        Ok(fetch::fetch_wheels(pins, &self.fetching(Some(runner)))?)
    }

    pub(crate) fn fetch_source(
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
        if self.side_store.is_none() {
            self.in_use.get_or_init(|| self.store.enter());
        }
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
