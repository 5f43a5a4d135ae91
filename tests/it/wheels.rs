//! Small valid wheels of pip and setuptools, and package indexes that list them.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use pybuild::digest::Sha256;
use zip::write::SimpleFileOptions;

use crate::server::{Answer, Server, base64};

/// A wheel (PEP 427) with little more than its project and version.
#[derive(Debug, Clone)]
pub struct Wheel {
    project: String,
    version: String,
    tag: String,
    requires_python: Option<String>,
    listed_requires_python: Option<String>,
    metadata_name: String,
    /// The reason for a yanked file (PEP 592).
    yanked: Option<String>,
    listed_hash: ListedHash,
}

/// The digest that an index lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListedHash {
    Right,
    Wrong,
    Missing,
    /// SHA-512: right or wrong.
    Sha512(bool),
    Md5,
}

impl Wheel {
    /// pip for any Python 3, as since 21.0.
    pub fn pip(version: &str) -> Self {
        Self::of("pip", version)
    }

    /// setuptools, for any Python 3.
    pub fn setuptools(version: &str) -> Self {
        Self::of("setuptools", version)
    }

    /// A wheel of any project.
    pub fn of(project: &str, version: &str) -> Self {
        Self {
            project: project.into(),
            version: version.into(),
            tag: "py3-none-any".into(),
            requires_python: None,
            listed_requires_python: None,
            metadata_name: project.into(),
            yanked: None,
            listed_hash: ListedHash::Right,
        }
    }

    /// With other tags, such as `py2.py3-none-any`.
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    /// With a `Requires-Python`, in the wheel and in the index.
    pub fn with_requires_python(mut self, specifiers: &str) -> Self {
        self.listed_requires_python = Some(specifiers.into());
        self.with_unlisted_requires_python(specifiers)
    }

    /// With a `Requires-Python` in the wheel only.
    pub fn with_unlisted_requires_python(mut self, specifiers: &str) -> Self {
        self.requires_python = Some(specifiers.into());
        self
    }

    /// With metadata that names another project than the file's name does.
    pub fn with_metadata_of(mut self, project: &str) -> Self {
        self.metadata_name = project.into();
        self
    }

    /// Yanked from its index, for this reason.
    pub fn yanked(mut self, reason: &str) -> Self {
        self.yanked = Some(reason.into());
        self
    }

    /// Listed without a digest.
    pub fn without_listed_hash(mut self) -> Self {
        self.listed_hash = ListedHash::Missing;
        self
    }

    /// Listed with the digest of another file.
    pub fn with_wrong_listed_hash(mut self) -> Self {
        self.listed_hash = ListedHash::Wrong;
        self
    }

    /// The wheel's file name.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", self.project, self.version, self.tag)
    }

    /// The digest of its content.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.bytes())
    }

    /// Listed with only a SHA-512, right or wrong.
    pub fn with_listed_sha512(mut self, right: bool) -> Self {
        self.listed_hash = ListedHash::Sha512(right);
        self
    }

    /// Listed with only an MD5 digest.
    pub fn with_listed_md5(mut self) -> Self {
        self.listed_hash = ListedHash::Md5;
        self
    }

    /// The algorithm and the digest that the index lists.
    fn listed_hash(&self) -> Option<(&'static str, String)> {
        use sha2::Digest as _;
        match self.listed_hash {
            ListedHash::Right => Some(("sha256", self.sha256().to_string())),
            ListedHash::Wrong => Some(("sha256", Sha256::of(b"something else").to_string())),
            ListedHash::Missing => None,
            ListedHash::Sha512(right) => {
                let bytes = if right {
                    self.bytes()
                } else {
                    b"else".to_vec()
                };
                Some(("sha512", hex::encode(sha2::Sha512::digest(bytes))))
            }
            ListedHash::Md5 => Some(("md5", "0".repeat(32))),
        }
    }

    /// The content, which is reproducible.
    pub fn bytes(&self) -> Vec<u8> {
        let info = format!("{}-{}.dist-info", self.project, self.version);
        let mut requires = String::new();
        if let Some(specifiers) = &self.requires_python {
            requires = format!("Requires-Python: {specifiers}\n");
        }
        let mut tags = String::new();
        let (pythons, rest) = self.tag.split_once('-').expect("a tag has three parts");
        for python in pythons.split('.') {
            let _ = writeln!(tags, "Tag: {python}-{rest}");
        }
        let package = &self.project;
        let files = [
            (
                format!("{package}/__init__.py"),
                format!("__version__ = \"{}\"\n", self.version),
            ),
            (
                format!("{package}/__main__.py"),
                format!("from {package}._internal import main\n\nmain()\n"),
            ),
            (
                format!("{package}/_internal/__init__.py"),
                "def main(args=None):\n    return 0\n".into(),
            ),
            (
                format!("{info}/METADATA"),
                format!(
                    "Metadata-Version: 2.1\nName: {}\nVersion: {}\n{requires}\n",
                    self.metadata_name, self.version
                ),
            ),
            (
                format!("{info}/WHEEL"),
                format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{tags}"),
            ),
        ];
        let mut record = String::new();
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        // Not deflated: the miniature interpreter reads its wheels with grep.
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut add = |name: &str, text: &str| {
            archive.start_file(name, options).expect("a zip in memory");
            archive.write_all(text.as_bytes()).expect("memory");
        };
        for (name, text) in &files {
            let digest = base64_url(Sha256::of(text.as_bytes()).as_bytes());
            let _ = writeln!(record, "{name},sha256={digest},{}", text.len());
            add(name, text);
        }
        let _ = writeln!(record, "{info}/RECORD,,");
        add(&format!("{info}/RECORD"), &record);
        archive.finish().expect("a zip in memory").into_inner()
    }
}

/// Encodes a digest for RECORD: URL-safe base64 without padding (PEP 427).
fn base64_url(bytes: &[u8]) -> String {
    let encoded = base64(bytes).replace('+', "-").replace('/', "_");
    encoded.trim_end_matches('=').to_owned()
}

/// The format of an index page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexForm {
    /// PEP 691.
    Json,
    /// PEP 503, for older indexes and directory listings.
    Html,
}

impl Server {
    /// Lists `wheels` under `/simple/PROJECT/` in this form and serves them under `/files/`.
    /// The addresses in the pages are relative.
    pub fn put_index(&self, form: IndexForm, wheels: &[Wheel]) {
        let mut projects: Vec<&str> = wheels.iter().map(|wheel| wheel.project.as_str()).collect();
        projects.sort_unstable();
        projects.dedup();
        for project in projects {
            let wheels: Vec<&Wheel> = wheels.iter().filter(|w| w.project == project).collect();
            let page = match form {
                IndexForm::Json => json_page(project, &wheels),
                IndexForm::Html => html_page(project, &wheels),
            };
            self.put(&format!("/simple/{project}/"), page);
        }
        for wheel in wheels {
            let path = format!("/files/{}", wheel.file_name());
            self.put(&path, Answer::bytes(wheel.bytes()));
        }
    }
}

fn json_page(project: &str, wheels: &[&Wheel]) -> Answer {
    let files: Vec<_> = wheels
        .iter()
        .map(|wheel| {
            let hashes = wheel.listed_hash().map_or_else(
                || serde_json::json!({}),
                |(algorithm, hash)| serde_json::json!({ algorithm: hash }),
            );
            let mut file = serde_json::json!({
                "filename": wheel.file_name(),
                "url": format!("../../files/{}", wheel.file_name()),
                "hashes": hashes,
                "yanked": wheel.yanked.as_ref().map_or_else(|| false.into(), |why| serde_json::json!(why)),
            });
            if let Some(specifiers) = &wheel.listed_requires_python {
                file["requires-python"] = serde_json::json!(specifiers);
            }
            file
        })
        .collect();
    let page = serde_json::json!({
        "meta": { "api-version": "1.1" },
        "name": project,
        "files": files,
    });
    Answer::text("application/vnd.pypi.simple.v1+json", page.to_string())
}

fn html_page(project: &str, wheels: &[&Wheel]) -> Answer {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let escape = |text: &str| escape(text).replace('>', "&gt;").replace('"', "&quot;");
    let mut page = format!("<!DOCTYPE html>\n<html><head><title>{project}</title></head><body>\n");
    for wheel in wheels {
        let name = wheel.file_name();
        let hash = wheel.listed_hash();
        let hash = hash.map_or(String::new(), |(algorithm, hash)| {
            format!("#{algorithm}={hash}")
        });
        let _ = write!(page, "<a href=\"../../files/{name}{hash}\"");
        if let Some(specifiers) = &wheel.listed_requires_python {
            let _ = write!(page, " data-requires-python=\"{}\"", escape(specifiers));
        }
        if let Some(reason) = &wheel.yanked {
            let _ = write!(page, " data-yanked=\"{}\"", escape(reason));
        }
        let _ = writeln!(page, ">{name}</a><br/>");
    }
    page.push_str("</body></html>\n");
    Answer::text("text/html", page)
}
