//! Releases with and without a good signature.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::mini_cpython::{MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::python_org::{Published, ftp_path};
use crate::server::{Answer, Server};
use crate::signer::Key;
use crate::wheels::Wheel;

/// A release without a known digest, of a series that has signatures, and a key that signs it.
struct Signed {
    context: Context,
    server: Server,
    release: MiniCpython,
    signer: Key,
}

const SIGNED: &str = "3.13.99";
const SIGNER: &str = "Mirror <mirror@example.org>";

/// A signature of `content` that is made now, armored.
fn sign(key: &Key, content: &[u8]) -> Vec<u8> {
    key.sign(content).now().armored()
}

impl Signed {
    fn new() -> Self {
        Self::by(Key::recent(SIGNER))
    }

    fn by(signer: Key) -> Self {
        let mut context = Context::new();
        let keyring = context.write("keys.asc", signer.armored());
        context.set("PYBUILD_KEYRING", keyring);
        Self {
            context,
            server: Server::start(),
            release: MiniCpython::new(SIGNED),
            signer,
        }
    }

    /// The release as a file in `folder`.
    fn file(&self, folder: &str) -> PathBuf {
        self.release.write_tgz(&self.context.path(folder))
    }

    /// The release as a file with this signature file.
    fn file_with(&self, signature: &[u8]) -> PathBuf {
        let name = format!("releases/{}.asc", self.release.tgz_name());
        self.context.write(&name, signature);
        self.file("releases")
    }

    fn signature(&self) -> Vec<u8> {
        sign(&self.signer, &self.release.tgz())
    }

    fn build(&self, arguments: &[&str]) -> Outcome {
        let all = [SIGNED].iter().chain(arguments);
        self.context.run(all)
    }

    fn build_file(&self, file: &Path, more: &[&str]) -> Outcome {
        let file = file.display().to_string();
        self.build(&[&["--source", &file], more].concat())
    }

    fn digest(&self) -> String {
        self.release.sha256().to_string()
    }

    /// The proofs of the archive in the record.
    fn proofs(&self) -> Vec<serde_json::Value> {
        let record = self.context.default_prefix(SIGNED);
        let record = record.join(format!("share/pybuild/{SIGNED}/record.json"));
        let record: serde_json::Value =
            serde_json::from_slice(&fs_err::read(record).unwrap()).unwrap();
        record["inputs"][0]["proofs"].as_array().unwrap().clone()
    }

    #[track_caller]
    fn assert_proven_by_signature(&self) {
        let proofs = self.proofs();
        let proof = proofs.last().unwrap();
        assert_eq!(proof["kind"], "openpgp", "{proofs:?}");
        assert_eq!(proof["fingerprint"], self.signer.fingerprint());
        assert_eq!(proof["signer"], SIGNER);
        let made: jiff::Timestamp = proof["made"].as_str().unwrap().parse().unwrap();
        assert!(made.duration_until(jiff::Timestamp::now()).as_secs() < 600);
    }
}

#[test]
fn a_file_with_its_signature_needs_no_digest() {
    let signed = Signed::new();
    let file = signed.file_with(&signed.signature());
    signed
        .build_file(&file, &[])
        .success()
        .says(["signature has to prove it"]);
    assert_eq!(signed.proofs().len(), 1);
    signed.assert_proven_by_signature();
    // `--verify signature` makes another request, and `digest` needs a digest.
    signed
        .build_file(&file, &["--verify", "signature"])
        .success();
    signed.assert_proven_by_signature();
    let outcome = signed.build_file(&file, &["--verify", "digest"]).exits(3);
    outcome.has_one_error_with_a_hint().says(["--sha256"]);
}

#[test]
fn a_file_without_a_signature_needs_a_digest() {
    let signed = Signed::new();
    let outcome = signed.build_file(&signed.file("releases"), &[]).exits(3);
    outcome
        .has_one_error_with_a_hint()
        .says(["--sha256", ".asc"]);
    let digest = signed.digest();
    let file = signed.file("releases");
    signed.build_file(&file, &["--sha256", &digest]).success();
    assert_eq!(
        signed.proofs(),
        [serde_json::json!({"kind": "digest", "by": "command-line"})]
    );
}

#[test]
fn a_bad_signature_stops_the_build_even_if_the_digest_is_right() {
    let signed = Signed::new();
    let digest = signed.digest();
    let mut flipped = signed.release.tgz();
    flipped[1000] ^= 1;
    let other = Key::recent("Other");
    let cases = [
        (
            sign(&signed.signer, &flipped),
            "for another file".to_owned(),
        ),
        (sign(&other, &signed.release.tgz()), other.fingerprint()),
        (
            b"<html>Please log in</html>".to_vec(),
            "not an OpenPGP signature".to_owned(),
        ),
    ];
    for (signature, why) in &cases {
        let file = signed.file_with(signature);
        for more in [
            &[][..],
            &["--sha256", &digest],
            &["--sha256", &digest, "--verify", "signature"],
        ] {
            let outcome = signed.build_file(&file, more).exits(4);
            outcome
                .has_one_error_with_a_hint()
                .says([why.as_str(), ".tgz.asc"]);
            assert!(!signed.context.default_prefix(SIGNED).exists());
        }
    }
    assert!(signed.context.snapshot("cache/partial").len() <= 1);
    assert!(signed.context.snapshot("cache/signatures").len() <= 1);
    let file = signed.file_with(&cases[0].0);
    let arguments = ["--sha256", &digest, "--verify", "digest"];
    signed.build_file(&file, &arguments).success();
    assert_eq!(signed.proofs().len(), 1);
}

#[test]
fn a_flipped_byte_in_an_archive_without_a_known_digest_is_noticed() {
    let signed = Signed::new();
    let file = signed.file_with(&signed.signature());
    let mut content = signed.release.tgz();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs_err::write(&file, content).unwrap();
    let outcome = signed.build_file(&file, &[]).exits(4);
    let fingerprint = signed.signer.fingerprint();
    outcome
        .has_one_error_with_a_hint()
        .says(["for another file", &fingerprint, "from another origin"])
        .never_says("--verify digest");
    // The store does not keep it.
    assert!(signed.context.snapshot("cache/sha256").len() <= 1);
}

#[test]
fn the_digest_decides_if_the_signature_is_doubtful() {
    let signed = Signed::by(Key::recent(SIGNER).expired());
    let file = signed.file_with(&signed.signature());
    let digest = signed.digest();
    let outcome = signed.build_file(&file, &["--sha256", &digest]).success();
    outcome.says(["warning:", "after the key expired", "the digest verifies"]);
    assert_eq!(signed.proofs().len(), 1);
    for more in [&[][..], &["--sha256", &digest, "--verify", "signature"]] {
        let outcome = signed.build_file(&file, more).exits(4);
        outcome
            .has_one_error_with_a_hint()
            .says(["after the key expired", "--keyring"]);
    }
}

#[test]
fn a_mirror_is_asked_for_the_signature_first_and_the_store_keeps_it() {
    let signed = Signed::new();
    let path = format!("/{SIGNED}/{}", signed.release.txz_name());
    let content = signed.release.txz();
    let signature = Answer::bytes(sign(&signed.signer, &content));
    signed.server.put(&format!("{path}.asc"), signature);
    // The connection breaks once, and the download resumes.
    signed
        .server
        .put(&path, Answer::bytes(content).cut_once(1000));
    let mirror = signed.server.url("/");
    signed.build(&["--mirror", &mirror]).success();
    signed.assert_proven_by_signature();
    let asked: Vec<_> = signed
        .server
        .requests()
        .into_iter()
        .map(|it| it.target)
        .collect();
    let tgz = signed.release.tgz_name();
    assert_eq!(
        asked,
        [
            format!("/{tgz}.asc"),
            format!("/{SIGNED}/{tgz}.asc"),
            format!("/{}.asc", signed.release.txz_name()),
            format!("{path}.asc"),
            path.clone(),
            path,
        ]
    );
    let offline = ["--mirror", &mirror, "--force", "--offline"];
    signed.build(&offline).success();
    signed.assert_proven_by_signature();
    assert_eq!(signed.server.requests().len(), asked.len());

    // A signature from the store is verified again.
    let folder = signed.context.path("cache/signatures");
    let kept = fs_err::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let whole = fs_err::read(kept.path()).unwrap();
    let others = sign(&Key::recent("Other"), &signed.release.txz());
    for corrupt in [others.as_slice(), &whole[..whole.len() / 2], b""] {
        fs_err::write(kept.path(), corrupt).unwrap();
        signed.build(&offline).exits(4).has_one_error_with_a_hint();
        assert!(!kept.path().exists());
        signed.build(&["--mirror", &mirror, "--force"]).success();
        assert_eq!(fs_err::read(kept.path()).unwrap(), whole);
    }
}

#[test]
fn an_address_with_its_signature_beside_it_needs_no_digest() {
    let signed = Signed::new();
    signed
        .server
        .put("/any/name.tgz", Answer::bytes(signed.release.tgz()));
    let source = signed.server.url("/any/name.tgz?token=1");
    let arguments = ["--source", source.as_str()];
    signed
        .build(&arguments)
        .exits(4)
        .says(["no signature beside it"]);
    signed
        .server
        .put("/any/name.tgz.asc", Answer::bytes(signed.signature()));
    signed.build(&arguments).success();
    signed.assert_proven_by_signature();
    signed
        .server
        .put("/any/name.tgz", Answer::bytes("something else"));
    drop(fs_err::remove_dir_all(signed.context.path("cache")));
    let outcome = signed.build(&["--source", &source, "--force"]).exits(4);
    outcome
        .has_one_error_with_a_hint()
        .says(["for another file"]);
}

#[test]
fn a_release_that_python_org_lists_without_a_digest_may_be_signed() {
    let mut signed = Signed::new();
    signed
        .context
        .set("PYBUILD_PYTHON_ORG", signed.server.url("/"));
    signed.server.put_release_files(&signed.release);
    let mut published = Published::of(&signed.release);
    published.sha256 = String::new();
    signed.server.put_release_data(&[published]);
    let outcome = signed.build(&[]).exits(4).has_one_error_with_a_hint();
    outcome.says(["no signature beside it"]);
    let path = ftp_path(&signed.release, &signed.release.tgz_name());
    signed
        .server
        .put(&format!("{path}.asc"), Answer::bytes(signed.signature()));
    signed.build(&[]).success();
    signed.assert_proven_by_signature();
}

#[test]
fn a_required_signature_is_looked_for_at_every_origin() {
    let signed = Signed::new();
    let digest = signed.digest();
    signed.file("one");
    let folder = signed.context.path("one").display().to_string();
    let mirror = signed.server.url("/");
    let arguments = [
        "--sha256",
        &digest,
        "--verify",
        "signature",
        "--mirror",
        &folder,
        "--mirror",
        &mirror,
    ];
    let outcome = signed
        .build(&arguments)
        .exits(4)
        .has_one_error_with_a_hint();
    outcome.says([
        "Python-3.13.99.tgz.asc",
        &folder,
        &mirror,
        "no origin has the required signature",
        "--verify any",
    ]);
    let path = format!("/{}.asc", signed.release.tgz_name());
    signed.server.put(&path, Answer::bytes(signed.signature()));
    signed.build(&arguments).success();
    assert_eq!(signed.proofs().len(), 2);
    signed.assert_proven_by_signature();
    // The store has both the archive and its signature now.
    let asked = signed.server.requests().len();
    let again = [&arguments[..4], &["--force", "--offline"]].concat();
    signed.build(&again).success();
    signed.assert_proven_by_signature();
    assert_eq!(signed.server.requests().len(), asked);
}

#[test]
fn a_source_without_signatures_cannot_be_verified_by_one() {
    let mut signed = Signed::new();
    let file = signed.file_with(&signed.signature());
    let tree = signed.release.write_tree(&signed.context.path("tree"));
    let outcome = signed
        .build_file(&tree, &["--verify", "signature"])
        .exits(2);
    outcome.has_one_error_with_a_hint().says(["unpacked tree"]);
    signed.context.unset("PYBUILD_KEYRING");
    let outcome = signed
        .context
        .run(["3.14.0", "--verify", "signature"])
        .exits(4);
    outcome.has_one_error_with_a_hint().says([
        "PEP 761",
        "3.14.0 has no OpenPGP signature",
        "leave out",
    ]);
    // Without the keyring, the key is unknown.
    let outcome = signed.build_file(&file, &[]).exits(4);
    let fingerprint = signed.signer.fingerprint();
    outcome
        .has_one_error_with_a_hint()
        .says(["--keyring", &fingerprint]);
    let keyring = signed.context.path("keys.asc").display().to_string();
    signed.build_file(&file, &["--keyring", &keyring]).success();
    for (content, why) in [
        (None, "does not exist"),
        (Some("nothing"), "no OpenPGP public key"),
    ] {
        if let Some(content) = content {
            signed.context.write("work/other.asc", content);
        }
        let outcome = signed
            .build_file(&file, &["--keyring", "other.asc"])
            .exits(4);
        outcome.has_one_error_with_a_hint().says([why, "other.asc"]);
    }
}

#[test]
fn a_key_of_the_user_may_sign_a_release_without_a_published_signature() {
    let signed = Signed {
        release: MiniCpython::new(VERSION),
        ..Signed::new()
    };
    let file = signed.file_with(&signed.signature()).display().to_string();
    let arguments = [VERSION, "--source", &file, "--verify", "signature"];
    signed.context.run(arguments).success();
}

/// The folder of real releases, if it exists beside the checkout.
fn sources() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sources");
    folder.is_dir().then_some(folder)
}

#[test]
fn a_real_release_is_verified_by_its_release_managers_signature() {
    let Some(sources) = sources() else { return };
    let context = Context::new();
    let name = "Python-3.13.5.tar.xz";
    let archive = fs_err::read(sources.join(name)).unwrap();
    let signature = fs_err::read(sources.join(format!("{name}.asc"))).unwrap();
    let wheel = Wheel::pip("24.0");
    let wheel = context.write(&wheel.file_name(), wheel.bytes());
    let patch = |version: &str, file: &Path, more: &[&str]| {
        let mut arguments: Vec<OsString> = ["patch", version, "-v", "--pip"].map(Into::into).into();
        arguments.extend([wheel.clone().into(), "--source".into(), file.into()]);
        arguments.extend(more.iter().map(OsString::from));
        context.run(arguments)
    };
    let file = context.write(&format!("releases/{name}"), &archive);
    let beside = format!("releases/{name}.asc");
    context.write(&beside, &signature);
    for policy in ["any", "signature"] {
        let outcome = patch("3.13.5", &file, &["--verify", policy]).success();
        outcome.says(["signed by Thomas Wouters on 2025-06-11"]);
    }
    // A release without a known digest depends on its signature.
    let outcome = patch("3.11.99", &file, &[]).exits(4);
    outcome.says([
        "Thomas Wouters",
        "with a key for 3.12 and 3.13, not for 3.11.99",
    ]);
    let mut flipped = archive.clone();
    flipped[10_000_000] ^= 1;
    let bad = context.write("flipped/Python-3.13.99.tar.xz", &flipped);
    context.write("flipped/Python-3.13.99.tar.xz.asc", &signature);
    let outcome = patch("3.13.99", &bad, &[]).exits(4);
    outcome.says(["made by Thomas Wouters", "for another file"]);
    let other = Key::recent("Other");
    context.write(&beside, sign(&other, &archive));
    let outcome = patch("3.13.5", &file, &[]).exits(4);
    outcome.says(["neither a release manager's", &other.fingerprint()]);
}
