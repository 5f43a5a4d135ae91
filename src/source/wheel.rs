//! Looks into a wheel before it is used: what it says of itself must agree, and every byte of it with
//! its `RECORD` (PEP 427; <https://packaging.python.org/specifications/binary-distribution-format/>).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pep440_rs::{Version, VersionSpecifiers};
use zip::ZipArchive;

use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain};
use crate::resolve::wheel_name::{InvalidWheelName, WheelName, normalised};

/// Files of a wheel that are read as a whole are small; what is larger than this is no such file.
const LARGEST_TEXT: u64 = 16 << 20;

/// Files of `*.dist-info` that `RECORD` cannot or need not vouch for (PEP 427, "Signed wheel files").
const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// A wheel whose file name, `METADATA`, `WHEEL` and `RECORD` agree, and whose files are as `RECORD`
/// says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWheel {
    path: PathBuf,
    name: WheelName,
    requires_python: Option<VersionSpecifiers>,
    requirements: Vec<String>,
}

/// Why a file is not a wheel that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its name is not a wheel's.
    #[error("the wheel {} cannot be used", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidWheelName,
    },
    /// It cannot be opened or read.
    #[error("the wheel {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a zip archive, or a damaged one.
    #[error("the wheel {} is not a whole zip archive", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },
    /// It contradicts itself.
    #[error("the wheel {} contradicts itself: {what}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does not agree, with both values.
        what: String,
    },
}

impl Explain for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => "give the wheel the name that it was published with, such as \
                 `pip-24.0-py3-none-any.whl`"
                .to_owned(),
            Self::Read { .. } => "check that the file is there and may be read".to_owned(),
            Self::Archive { .. } | Self::Contradiction { .. } => {
                "the file is damaged or was changed after it was built: get it again from where it \
                 was published"
                    .to_owned()
            }
        })
    }
}

impl CheckedWheel {
    /// Looks into the wheel at `path`, which was published as `file_name` (files in the store have
    /// other names).
    ///
    /// # Errors
    /// When it cannot be read, or is not what its name or its `RECORD` says.
    pub fn open(path: &Path, file_name: &str) -> Result<Self, Error> {
        let name: WheelName = file_name.parse().map_err(|source| Error::Name {
            path: path.to_owned(),
            source,
        })?;
        let mut archive = Archive::open(path)?;
        let folder = archive.dist_info(&name)?;
        let metadata = archive.headers(&format!("{folder}/METADATA"))?;
        let requires_python = archive.check_metadata(&name, &metadata)?;
        archive.check_tags(&name, &folder)?;
        archive.check_record(&folder)?;
        Ok(Self {
            path: path.to_owned(),
            name,
            requires_python,
            requirements: metadata
                .all("Requires-Dist")
                .filter(|requirement| !is_extra(requirement))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Where the wheel is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its file name says, and all that is in it agrees with.
    #[must_use]
    pub fn name(&self) -> &WheelName {
        &self.name
    }

    /// The Pythons that its `METADATA` admits; `None` when it says nothing of them.
    #[must_use]
    pub fn requires_python(&self) -> Option<&VersionSpecifiers> {
        self.requires_python.as_ref()
    }

    /// The projects that it does not work without, as its `METADATA` names them; extras are left out.
    #[must_use]
    pub fn requirements(&self) -> &[String] {
        &self.requirements
    }

    /// The text of one file in it; `None` when there is no such file.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn text(&self, file: &str) -> Result<Option<String>, Error> {
        let mut archive = Archive::open(&self.path)?;
        if archive.files.contains_key(file) {
            archive.read(file).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Whether a requirement is for those who ask for one of the project's extras.
fn is_extra(requirement: &str) -> bool {
    requirement
        .split_once(';')
        .is_some_and(|(_, marker)| marker.contains("extra"))
}

/// The archive, and where in it the files are, directories left out.
struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<io::BufReader<fs_err::File>>,
    files: BTreeMap<String, usize>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let file = fs_err::File::open(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let zip = ZipArchive::new(io::BufReader::new(file)).map_err(|source| Error::Archive {
            path: path.to_owned(),
            source,
        })?;
        let mut archive = Self {
            path,
            zip,
            files: BTreeMap::new(),
        };
        archive.list()?;
        Ok(archive)
    }

    fn list(&mut self) -> Result<(), Error> {
        for index in 0..self.zip.len() {
            let entry = self
                .zip
                .by_index_raw(index)
                .map_err(|source| Error::Archive {
                    path: self.path.to_owned(),
                    source,
                })?;
            let name = entry.name().to_owned();
            let is_link = entry
                .unix_mode()
                .is_some_and(|mode| mode & 0o170_000 == 0o120_000);
            let is_dir = entry.is_dir();
            drop(entry);
            if is_link || !is_safe(name.trim_end_matches('/')) {
                return Err(self.contradiction(format!(
                    "it holds `{name}`, which is not the path of a file in it"
                )));
            }
            if !is_dir {
                self.files.insert(name, index);
            }
        }
        Ok(())
    }

    fn contradiction(&self, what: String) -> Error {
        Error::Contradiction {
            path: self.path.to_owned(),
            what,
        }
    }

    /// The one `*.dist-info` folder at the top (others may lie deeper, with vendored projects).
    fn dist_info(&self, name: &WheelName) -> Result<String, Error> {
        let folders: BTreeSet<&str> = self
            .files
            .keys()
            .filter_map(|file| file.split_once('/'))
            .map(|(top, _)| top)
            .filter(|top| top.ends_with(".dist-info"))
            .collect();
        let [folder] = folders.iter().collect::<Vec<_>>()[..] else {
            return Err(self.contradiction(format!(
                "it has {} `*.dist-info` folders, where one was expected",
                folders.len()
            )));
        };
        let stem = folder.trim_end_matches(".dist-info");
        let agrees = stem.split_once('-').is_some_and(|(project, version)| {
            normalised(project) == name.project() && same_version(version, name.version())
        });
        if !agrees {
            return Err(self.contradiction(format!("`{name}` holds `{folder}`")));
        }
        Ok((*folder).to_owned())
    }

    /// `METADATA` must be of the project and version that the name says; gives its `Requires-Python`.
    fn check_metadata(
        &self,
        name: &WheelName,
        metadata: &Headers,
    ) -> Result<Option<VersionSpecifiers>, Error> {
        let project = metadata.first("Name").unwrap_or_default();
        let version = metadata.first("Version").unwrap_or_default();
        if normalised(project) != name.project() || !same_version(version, name.version()) {
            return Err(self.contradiction(format!(
                "`{name}` holds the METADATA of `{project}` `{version}`"
            )));
        }
        let Some(text) = metadata.first("Requires-Python") else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| self.contradiction(format!("its METADATA says `Requires-Python: {text}`")))
    }

    /// The tags in `WHEEL` must be those that the name's compressed sets expand to (PEP 425).
    fn check_tags(&mut self, name: &WheelName, folder: &str) -> Result<(), Error> {
        let wheel = self.headers(&format!("{folder}/WHEEL"))?;
        let format = wheel.first("Wheel-Version").unwrap_or_default();
        if format.split('.').next() != Some("1") {
            return Err(self.contradiction(format!(
                "it says `Wheel-Version: {format}`, where 1 was expected"
            )));
        }
        let text = name.to_string();
        let mut parts = text.trim_end_matches(".whl").rsplit('-');
        let (platforms, abis) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let mut named = BTreeSet::new();
        for python in name.python_tags() {
            for abi in abis.split('.') {
                for platform in platforms.split('.') {
                    named.insert(format!("{python}-{abi}-{platform}"));
                }
            }
        }
        let said: BTreeSet<String> = wheel.all("Tag").map(str::to_owned).collect();
        if named != said {
            let said: Vec<String> = said.into_iter().collect();
            return Err(self.contradiction(format!(
                "`{name}` says `Tag: {}` in its WHEEL",
                said.join(", ")
            )));
        }
        Ok(())
    }

    /// Every file must be in `RECORD`, and all that is in `RECORD` must be there, as it says.
    fn check_record(&mut self, folder: &str) -> Result<(), Error> {
        let text = self.read(&format!("{folder}/RECORD"))?;
        let exempt: BTreeSet<String> = UNRECORDED
            .iter()
            .map(|file| format!("{folder}/{file}"))
            .collect();
        let mut recorded = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let entry = RecordEntry::parse(line)
                .ok_or_else(|| self.contradiction(format!("its RECORD has the line `{line}`")))?;
            if !exempt.contains(&entry.file) {
                self.check_entry(&entry)?;
            }
            if !recorded.insert(entry.file.clone()) {
                return Err(self.contradiction(format!("its RECORD names `{}` twice", entry.file)));
            }
        }
        let unrecorded = self
            .files
            .keys()
            .find(|file| !recorded.contains(*file) && !exempt.contains(*file));
        if let Some(file) = unrecorded {
            return Err(self.contradiction(format!("`{file}` is not in its RECORD")));
        }
        Ok(())
    }

    fn check_entry(&mut self, entry: &RecordEntry) -> Result<(), Error> {
        let file = &entry.file;
        let Some(index) = self.files.get(file).copied() else {
            return Err(
                self.contradiction(format!("its RECORD names `{file}`, which is not there"))
            );
        };
        let Some(expected) = entry.hash.strip_prefix("sha256=") else {
            return Err(self.contradiction(format!(
                "its RECORD gives `{file}` the hash `{}`, where sha256 was expected",
                entry.hash
            )));
        };
        let mut content = self.zip.by_index(index).map_err(|source| Error::Archive {
            path: self.path.to_owned(),
            source,
        })?;
        let size = content.size();
        let found = Sha256::of_reader(&mut content).map_err(|source| Error::Read {
            path: self.path.to_owned(),
            source,
        })?;
        drop(content);
        let found = URL_SAFE_NO_PAD.encode(found.as_bytes());
        if found != expected.trim_end_matches('=') {
            return Err(self.contradiction(format!(
                "`{file}` has the sha256 {found}, and {expected} in RECORD"
            )));
        }
        if !entry.size.is_empty() && entry.size != size.to_string() {
            return Err(self.contradiction(format!(
                "`{file}` has {size} bytes, and {} in RECORD",
                entry.size
            )));
        }
        Ok(())
    }

    fn read(&mut self, file: &str) -> Result<String, Error> {
        let Some(index) = self.files.get(file).copied() else {
            return Err(self.contradiction(format!("it has no `{file}`")));
        };
        let content = self.zip.by_index(index).map_err(|source| Error::Archive {
            path: self.path.to_owned(),
            source,
        })?;
        let mut bytes = Vec::new();
        content
            .take(LARGEST_TEXT)
            .read_to_end(&mut bytes)
            .map_err(|source| Error::Read {
                path: self.path.to_owned(),
                source,
            })?;
        // Old metadata may name its author in Latin-1; nothing that is asked for here is outside ASCII.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn headers(&mut self, file: &str) -> Result<Headers, Error> {
        Ok(Headers::parse(&self.read(file)?))
    }
}

/// A path that stays below the folder that it is unpacked in, on every system.
fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn same_version(text: &str, version: &Version) -> bool {
    // As in file names, a hyphen of the version may stand as an underscore.
    text.parse::<Version>()
        .or_else(|_| text.replace('_', "-").parse())
        .is_ok_and(|found| found == *version)
}

/// The fields at the beginning of `METADATA` and `WHEEL`, in the form of RFC 822.
struct Headers(Vec<(String, String)>);

impl Headers {
    fn parse(text: &str) -> Self {
        let fields = text
            .lines()
            .take_while(|line| !line.trim().is_empty())
            // Continued lines belong to descriptions, which are not asked for.
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self(fields)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = name.to_ascii_lowercase();
        self.0
            .iter()
            .filter(move |(field, _)| *field == name)
            .map(|(_, value)| value.as_str())
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// One line of `RECORD`: path, hash, size, as comma-separated values.
struct RecordEntry {
    file: String,
    hash: String,
    size: String,
}

impl RecordEntry {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.rsplitn(3, ',');
        let (size, hash, file) = (parts.next()?, parts.next()?, parts.next()?);
        let file = match file.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?.replace("\"\"", "\""),
            None => file.to_owned(),
        };
        Some(Self {
            file,
            hash: hash.to_owned(),
            size: size.to_owned(),
        })
    }
}

#[cfg(test)]
pub(in crate::source) mod tests {
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use base64::Engine as _;
    use zip::write::SimpleFileOptions;

    use super::{CheckedWheel, URL_SAFE_NO_PAD};
    use crate::digest::Sha256;

    /// A wheel that is being made for a test, and can be made wrong.
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
                        format!(
                            "Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n\nText\n"
                        ),
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
                zip.start_file(name.as_str(), SimpleFileOptions::default())
                    .unwrap();
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
        CheckedWheel::open(&path, &draft.file_name)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_wheel_that_agrees_with_itself_is_taken() {
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
        assert_eq!(
            wheel.requires_python().unwrap().to_string(),
            ">=2.6, !=3.0.*"
        );
        let text = wheel.text("pip/__init__.py").unwrap();
        assert_eq!(text.as_deref(), Some("def main():\n"));
        assert_eq!(wheel.text("pip/_internal/main.py").unwrap(), None);
    }

    #[test]
    fn a_name_that_is_not_what_is_inside_is_refused() {
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
        let two = Draft::new("pip", "24.0", "py3").with("six-1.dist-info/METADATA", "");
        assert!(reason(&two).contains("2 `*.dist-info` folders"));
    }

    #[test]
    fn a_file_that_is_not_as_recorded_is_refused() {
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
        let other = URL_SAFE_NO_PAD.encode(Sha256::of(b"x = 2\n").as_bytes());
        assert!(wrong(line, &format!("pip/x.py,sha256={other},6")).contains(&other));
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for name in [
            "../pip.py",
            "/pip.py",
            "pip/../../x",
            "pip\\x.py",
            "C:/x.py",
        ] {
            let draft = Draft::new("pip", "24.0", "py3").with(name, "");
            assert!(reason(&draft).contains("not the path of a file"), "{name}");
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "not a zip").unwrap();
        let open = |name: &str| CheckedWheel::open(&path, name).unwrap_err().to_string();
        assert!(open("pip-24.0-py3-none-any.whl").contains("not a whole zip archive"));
        assert!(open("pip.whl").contains("cannot be used"));
    }
}
