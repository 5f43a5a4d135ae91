//! Tests of fetching wheels and patches, and the fixture of all tests of this step.

mod origins;

use std::path::PathBuf;
use std::time::Duration;

use super::{Error, FetchContext, VerifiedInputs, fetch};
use crate::digest::Sha256;
use crate::environment::Environment;
use crate::net::http::Http;
use crate::net::network::Network;
use crate::net::retry::Retries;
use crate::plan::compat::CompatPolicy;
use crate::plan::pin_request::PinRequest;
use crate::plan::verification::ProofPolicy;
use crate::plan::{
    BuildOptions, Bytecode, DebugInfo, DigestProof, Draft, FileLocation, InstallPrefix, Library,
    ModulePolicy, NamedFile, Optimization, Origin, Pin, Pins, Plan, ProgramNames, ReleaseFile,
    Request, Source, WheelInput, WheelLocation,
};
use crate::process::Runner;
use crate::store::Store;
use crate::testing::{Answer, Said, Server, address_of, client};

/// A cache folder of its own, and everything else that fetching needs.
struct World {
    dir: tempfile::TempDir,
    store: Store,
    http: &'static Http<'static>,
    said: Said,
    environment: Environment,
    runner: Runner,
    network: Network,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::with_variables(dir.path(), [("PATH", "/nowhere")]);
        Self {
            store: Store::at(dir.path().join("cache")),
            http: client(),
            said: Said::default(),
            environment,
            runner: Runner::with_log([dir.path().join("log")]),
            network: Network::Online,
            dir,
        }
    }

    fn offline() -> Self {
        Self {
            network: Network::Offline,
            ..Self::new()
        }
    }

    fn fetch(&self, plan: &Plan) -> Result<VerifiedInputs, Error> {
        fetch(
            plan,
            None,
            &FetchContext {
                store: &self.store,
                http: self.http,
                network: self.network,
                retries: Retries {
                    pause: Duration::from_millis(1),
                    ..Retries::FILES
                },
                reporter: &self.said,
                environment: &self.environment,
                runner: Some(&self.runner),
            },
        )
    }

    fn fetch_from(&self, origins: &[Origin]) -> Result<VerifiedInputs, Error> {
        self.fetch(&plan(origins))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    fn partial_files(&self) -> Vec<PathBuf> {
        fs_err::read_dir(self.store.partial_dir().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }
}

/// In place of a `.tgz`; large enough to arrive in several pieces.
fn archive() -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b];
    bytes.extend((0..300_000_u32).flat_map(u32::to_le_bytes));
    bytes
}

fn xz_archive() -> Vec<u8> {
    let mut bytes = b"\xfd7zXZ\0".to_vec();
    bytes.extend([7; 1000]);
    bytes
}

fn plan(origins: &[Origin]) -> Plan {
    let accepted = [
        ("Python-3.11.2.tgz", archive()),
        ("Python-3.11.2.tar.xz", xz_archive()),
    ]
    .map(|(name, content)| ReleaseFile {
        name: name.to_owned(),
        sha256: Sha256::of(&content),
    });
    let source = Source::Archive {
        accepted: accepted.to_vec(),
        proof: DigestProof::BuiltInTable,
        origins: origins.to_vec(),
        proofs: ProofPolicy::default(),
    };
    plan_of(source, Pin::Bundled, Vec::new())
}

fn plan_of(source: Source, pip: Pin, patches: Vec<NamedFile>) -> Plan {
    let request = Request {
        python: "3.11.2".parse().unwrap(),
        pip: PinRequest::Bundled,
        setuptools: PinRequest::Bundled,
        source: None,
        sha256: None,
        proofs: ProofPolicy::default(),
        build: BuildOptions {
            optimization: Optimization::Plain,
            library: Library::Static,
            debug_info: DebugInfo::None,
            configure_args: Vec::new(),
            bytecode: Bytecode::All,
        },
        patches,
        wheels: Vec::new(),
        compat: CompatPolicy::All,
        modules: ModulePolicy::default(),
        names: ProgramNames::default(),
    };
    let setuptools = Pin::Bundled;
    Draft::new(
        request,
        "3.11.2".parse().unwrap(),
        source,
        Pins { pip, setuptools },
        InstallPrefix::new(PathBuf::from("/opt/python")),
        ProgramNames::default(),
        std::collections::BTreeMap::new(),
    )
    .with_patches(Vec::new())
}

fn plan_with_wheel(location: WheelLocation) -> Plan {
    let source = Source::Tree {
        path: PathBuf::from("/"),
    };
    let wheel = WheelInput {
        project: "pip".to_owned(),
        version: "24.0".parse().unwrap(),
        file_name: "pip-24.0-py3-none-any.whl".to_owned(),
        sha256: Sha256::of(b"wheel"),
        location,
    };
    plan_of(source, Pin::Wheel(wheel), Vec::new())
}

#[test]
fn wheels_come_from_the_index_then_from_the_store() {
    let server = Server::with(|_, count| match count {
        0 => Answer::bytes("wh").cut_always(1),
        _ => Answer::bytes("wheel").ignoring_ranges(),
    });
    let world = World::new();
    let address = address_of(&server).with_segment("pip-24.0-py3-none-any.whl");
    let plan = plan_with_wheel(WheelLocation::Url(address));
    for _ in 0..2 {
        let inputs = world.fetch(&plan).unwrap();
        let wheel = &inputs.changes().wheels()[0];
        assert_eq!(fs_err::read(wheel.path()).unwrap(), b"wheel");
        assert_eq!(wheel.input().project, "pip");
    }
    assert_eq!(server.requests().len(), 2);
    let offline = World::offline().fetch(&plan).unwrap_err();
    assert!(matches!(offline, Error::WheelNotAsked { .. }), "{offline}");
}

#[test]
fn a_wheel_with_another_digest_than_listed_is_refused() {
    let server = Server::with(|_, _| Answer::bytes("another"));
    let world = World::new();
    let plan = plan_with_wheel(WheelLocation::Url(address_of(&server)));
    let error = world.fetch(&plan).unwrap_err();
    assert!(crate::error::chain(&error).contains(&Sha256::of(b"another").to_string()));
    let path = world.file("pip-24.0-py3-none-any.whl", b"another");
    let plan = plan_with_wheel(WheelLocation::Path(path));
    assert!(matches!(world.fetch(&plan), Err(Error::Changed { .. })));
}

#[test]
fn a_patch_that_has_changed_is_refused() {
    let world = World::new();
    let path = world.file("my.patch", b"--- a\n+++ b\n");
    let source = Source::Tree {
        path: world.dir.path().to_owned(),
    };
    let file = NamedFile {
        location: FileLocation::Path(path.clone()),
        sha256: Sha256::of(b"--- a\n+++ b\n"),
    };
    let plan = plan_of(source, Pin::Bundled, vec![file]);
    let inputs = world.fetch(&plan).unwrap();
    assert_eq!(inputs.changes().patches()[0].content(), b"--- a\n+++ b\n");
    fs_err::write(&path, "--- a\n").unwrap();
    assert!(matches!(world.fetch(&plan), Err(Error::Changed { .. })));
}
