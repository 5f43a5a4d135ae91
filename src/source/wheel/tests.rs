//! Wheels made for the tests, valid and invalid.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use zip::write::SimpleFileOptions;

use super::{CheckedWheel, URL_SAFE_NO_PAD};
use crate::digest::Sha256;

/// A wheel in the making, which a test can make invalid.
pub(in crate::source) struct Draft {
    pub(in crate::source) file_name: String,
    pub(in crate::source) files: Vec<(String, String)>,
    pub(in crate::source) record: Option<String>,
}

impl Draft {
    pub(in crate::source) fn new(project: &str, version: &str, tag: &str) -> Self {
        let folder = format!("{project}-{version}.dist-info");
        let tags = tag.replace('.', "-none-any\nTag: ");
        Self {
            file_name: format!("{project}-{version}-{tag}-none-any.whl"),
            files: vec![
                (
                    format!("{folder}/METADATA"),
                    format!("Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n\nText\n"),
                ),
                (
                    format!("{folder}/WHEEL"),
                    format!("Wheel-Version: 1.0\nTag: {tags}-none-any\n"),
                ),
            ],
            record: None,
        }
    }

    pub(in crate::source) fn with(mut self, file: &str, text: &str) -> Self {
        self.files.retain(|(name, _)| name != file);
        self.files.push((file.to_owned(), text.to_owned()));
        self
    }

    fn right_record(&self, folder: &str) -> String {
        let mut record = String::new();
        for (name, text) in &self.files {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::of(text.as_bytes()).as_bytes());
            let size = text.len().to_string();
            record += &[name, ",sha256=", &hash, ",", &size, "\n"].concat();
        }
        record + &format!("{folder}/RECORD,,\n")
    }

    pub(in crate::source) fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join(&self.file_name);
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let (folder, _) = self.files[0].0.split_once('/').unwrap();
        let record = self
            .record
            .clone()
            .unwrap_or_else(|| self.right_record(folder));
        for (name, text) in &self.files {
            let mut options = SimpleFileOptions::default();
            if Path::new(name).extension().is_some_and(|end| end == "jws") {
                options = options.compression_method(zip::CompressionMethod::Stored);
            }
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.start_file(format!("{folder}/RECORD"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(record.as_bytes()).unwrap();
        zip.finish().unwrap();
        path
    }

    pub(in crate::source) fn checked(&self, dir: &Path) -> CheckedWheel {
        CheckedWheel::open(&self.write(dir), &self.file_name).unwrap()
    }
}

fn reason(draft: &Draft) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = draft.write(dir.path());
    chain(&CheckedWheel::open(&path, &draft.file_name).unwrap_err())
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(chain);
    [Some(error.to_string()), cause]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn a_consistent_wheel_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let wheel = Draft::new("pip", "9.0.3", "py2.py3")
        .with(
            "pip-9.0.3.dist-info/METADATA",
            "Name: PIP\nVersion: 9.0.3\nRequires-Python: >=2.6,!=3.0.*\n\
             Requires-Dist: six (>=1.0)\nRequires-Dist: mock; extra == 'testing'\n\nName: other\n",
        )
        .with("pip/__init__.py", "def main():\n")
        .with("pip/_vendor/six-1.0.dist-info/RECORD", "six.py,,\n")
        .with("pip/a (dev), b.tmpl", "")
        .with("pip-9.0.3.dist-info/RECORD.jws", "{}");
    let mut quoted = wheel.right_record("pip-9.0.3.dist-info");
    quoted = quoted.replace("pip/a (dev), b.tmpl", "\"pip/a (dev), b.tmpl\"");
    let wheel = Draft {
        record: Some(quoted),
        ..wheel
    }
    .checked(dir.path());
    assert_eq!(wheel.name().project(), "pip");
    assert_eq!(wheel.requirements(), ["six (>=1.0)"]);
    let text = wheel.text("pip/__init__.py").unwrap();
    assert_eq!(text.as_deref(), Some("def main():\n"));
    assert_eq!(wheel.text("pip/_internal/main.py").unwrap(), None);
}

#[test]
fn a_wheel_whose_name_contradicts_its_content_is_refused() {
    let draft = |name: &str| Draft {
        file_name: name.to_owned(),
        ..Draft::new("pip", "24.0", "py3")
    };
    for name in [
        "setuptools-24.0-py3-none-any.whl",
        "pip-24.1-py3-none-any.whl",
        "pip-24.0-py2.py3-none-any.whl",
        "pip-24.0-py2-none-any.whl",
    ] {
        assert!(reason(&draft(name)).contains("pip"), "{name}");
    }
    let other = Draft::new("pip", "24.0", "py3")
        .with("pip-24.0.dist-info/METADATA", "Name: pip\nVersion: 24.1\n");
    assert!(reason(&other).contains("METADATA of `pip` `24.1`"));
    let other = Draft::new("pip", "24.0", "py3")
        .with("pip-24.0.dist-info/METADATA", "Name: six\nVersion: 24.0\n");
    assert!(reason(&other).contains("METADATA of `six` `24.0`"));
    // METADATA is right, and the folder's name is not.
    for (project, version) in [("six", "24.0"), ("pip", "24.1")] {
        let folder = format!("{project}-{version}.dist-info");
        let other = Draft {
            file_name: "pip-24.0-py3-none-any.whl".to_owned(),
            ..Draft::new(project, version, "py3")
        }
        .with(&format!("{folder}/METADATA"), "Name: pip\nVersion: 24.0\n");
        assert!(reason(&other).contains(&format!("holds `{folder}`")));
    }
    let newer = Draft::new("pip", "24.0", "py3").with(
        "pip-24.0.dist-info/WHEEL",
        "Wheel-Version: 2.0\nTag: py3-none-any\n",
    );
    assert!(reason(&newer).contains("format is `Wheel-Version: 2.0`"));
    let two = Draft::new("pip", "24.0", "py3").with("six-1.dist-info/METADATA", "");
    assert!(reason(&two).contains("2 `*.dist-info` folders"));
}

#[test]
fn a_file_that_differs_from_record_is_refused() {
    let good = Draft::new("pip", "24.0", "py3").with("pip/x.py", "x = 1\n");
    let record = good.right_record("pip-24.0.dist-info");
    let wrong = |from: &str, to: &str| {
        let changed = record.replace(from, to);
        assert_ne!(changed, record);
        reason(&Draft {
            file_name: good.file_name.clone(),
            files: good.files.clone(),
            record: Some(changed),
        })
    };
    assert!(wrong(",6\n", ",7\n").contains("6 bytes, and 7 in RECORD"));
    assert!(wrong("pip/x.py", "pip/y.py").contains("`pip/y.py`, which is not there"));
    let line = record
        .lines()
        .find(|line| line.starts_with("pip/x"))
        .unwrap();
    assert!(wrong(&format!("{line}\n"), "").contains("`pip/x.py` is not in its RECORD"));
    assert!(wrong(line, "pip/x.py,,").contains("where sha256 was expected"));
    assert!(wrong(line, "pip/x.py,md5=abc,6").contains("where sha256 was expected"));
    assert!(wrong(line, "pip/x.py").contains("has the line `pip/x.py`"));
    assert!(wrong(line, &format!("{line}\n{line}")).contains("twice"));
    assert!(wrong(line, &format!("{line}\npip/y.py,sha256=,0")).contains("`pip/y.py`, which is"));
    assert!(
        wrong(line, &line.replace("pip/x.py", "./pip/x.py")).contains("`./pip/x.py`, which is")
    );
    assert!(wrong(line, &line.replace("sha256", "sha512")).contains("where sha256 was expected"));
    let without = Draft {
        record: Some(String::new()),
        files: good.files.clone(),
        file_name: good.file_name.clone(),
    };
    assert!(reason(&without).contains("is not in its RECORD"));
    let other = URL_SAFE_NO_PAD.encode(Sha256::of(b"x = 2\n").as_bytes());
    assert!(wrong(line, &format!("pip/x.py,sha256={other},6")).contains(&other));
}

#[test]
fn a_path_that_leads_out_is_refused() {
    for (name, why) in [
        ("../pip.py", "leads out"),
        ("/pip.py", "absolute"),
        ("pip/../../x", "leads out"),
        ("pip\\x.py", "backslash"),
        ("C:/x.py", "colon"),
    ] {
        let draft = Draft::new("pip", "24.0", "py3").with(name, "");
        let said = reason(&draft);
        assert!(said.contains(why) && said.contains(name), "{said}");
    }
}

#[test]
fn a_file_that_is_no_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    std::fs::write(&path, "not a zip").unwrap();
    let open = |name: &str| chain(&CheckedWheel::open(&path, name).unwrap_err());
    assert!(open("pip-24.0-py3-none-any.whl").contains("does not end where a zip archive ends"));
    assert!(open("pip.whl").contains("cannot be used"));
}

#[test]
fn a_wheel_without_record_or_with_the_record_of_another_project_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let draft = Draft::new("pip", "24.0", "py3");
    let path = dir.path().join(&draft.file_name);
    for (record, why) in [
        (None, "it has no `pip-24.0.dist-info/RECORD`"),
        (
            Some("pip-24.0.dist-info/record"),
            "it has no `pip-24.0.dist-info/RECORD`",
        ),
        (Some("six-1.dist-info/RECORD"), "2 `*.dist-info` folders"),
    ] {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let texts = draft
            .files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        for (name, text) in texts.chain(record.map(|name| (name, ""))) {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let error = CheckedWheel::open(&path, &draft.file_name).unwrap_err();
        assert!(chain(&error).contains(why), "{}", chain(&error));
    }
}

#[test]
fn files_that_record_need_not_list_are_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    let draft =
        Draft::new("pip", "24.0", "py3").with("pip-24.0.dist-info/RECORD.jws", "{ signed }");
    let record = draft.right_record("pip-24.0.dist-info");
    let path = Draft {
        record: Some(
            record
                .lines()
                .filter(|line| !line.contains("jws"))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        file_name: draft.file_name.clone(),
        files: draft.files.clone(),
    }
    .write(dir.path());
    CheckedWheel::open(&path, &draft.file_name).unwrap();
    let mut content = std::fs::read(&path).unwrap();
    let at = content.windows(10).position(|part| part == b"{ signed }");
    let at = at.expect("the signature");
    content[at + 3] ^= 1;
    std::fs::write(&path, content).unwrap();
    let error = CheckedWheel::open(&path, &draft.file_name).unwrap_err();
    assert!(chain(&error).contains("checksum"), "{}", chain(&error));
}
