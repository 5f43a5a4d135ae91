//! Checks a wheel before it is used: its file name and metadata must agree, and every file with its `RECORD`
//! (PEP 427; <https://packaging.python.org/specifications/binary-distribution-format/>).

mod error;
#[cfg(test)]
pub(in crate::source) mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pep440_rs::Version;

pub(crate) use error::Error;

use crate::archive::zip::Zip;
use crate::digest::Sha256;
use crate::plan::wheel_metadata::{Headers, Metadata};
use crate::plan::wheel_name::{WheelName, normalised};
use crate::plan::wheel_record::RecordEntry;

/// Files of `*.dist-info` that `RECORD` need not list (PEP 427, "Signed wheel files").
const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// A wheel whose file name, `METADATA`, `WHEEL` and `RECORD` agree, and whose files are as recorded.
#[derive(Debug)]
pub struct CheckedWheel {
    path: PathBuf,
    name: WheelName,
    requirements: Vec<String>,
}

impl CheckedWheel {
    /// Checks the wheel at `path`, which was published as `file_name` (files in the store have other
    /// names).
    ///
    /// # Errors
    /// When it cannot be read, or contradicts its file name or its `RECORD`.
    pub fn open(path: &Path, file_name: &str) -> Result<Self, Error> {
        let path = path.to_owned();
        let name: WheelName = match file_name.parse() {
            Ok(name) => name,
            Err(source) => return Err(Error::Name { path, source }),
        };
        let archive = Archive::open(&path)?;
        let folder = archive.dist_info(&name)?;
        let metadata = Metadata::parse(&archive.read(&format!("{folder}/METADATA"))?);
        archive.check_metadata(&name, &metadata)?;
        archive.check_tags(&name, &folder)?;
        archive.check_record(&folder)?;
        let mut requirements = metadata.requirements;
        requirements.retain(|requirement| !is_for_extra(requirement));
        Ok(Self {
            path,
            name,
            requirements,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file name, which agrees with the content.
    #[must_use]
    pub fn name(&self) -> &WheelName {
        &self.name
    }

    /// The required projects, as `METADATA` names them, without those for extras.
    pub(crate) fn requirements(&self) -> &[String] {
        &self.requirements
    }

    /// The text of one file in it; `None` when there is no such file.
    ///
    /// # Errors
    /// When the wheel cannot be read.
    pub fn text(&self, file: &str) -> Result<Option<String>, Error> {
        let archive = Archive::open(&self.path)?;
        if archive.zip.has(file) {
            archive.read(file).map(Some)
        } else {
            Ok(None)
        }
    }
}

fn is_for_extra(requirement: &str) -> bool {
    let marker = requirement.split_once(';');
    marker.is_some_and(|(_, marker)| marker.contains("extra"))
}

/// An open wheel and its path.
struct Archive<'a> {
    path: &'a Path,
    zip: Zip,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        match Zip::open(path) {
            Ok(zip) => Ok(Self { path, zip }),
            Err(source) => Err(Error::Archive {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn contradiction(&self, what: String) -> Error {
        let path = self.path.to_owned();
        Error::Contradiction { path, what }
    }

    /// The only `*.dist-info` folder at the top. Vendored projects have theirs deeper.
    fn dist_info(&self, name: &WheelName) -> Result<String, Error> {
        let folders: BTreeSet<&str> = self
            .zip
            .files()
            .filter_map(|file| Some(file.split_once('/')?.0))
            .filter(|top| top.ends_with(".dist-info"))
            .collect();
        let [folder] = folders.iter().collect::<Vec<_>>()[..] else {
            return Err(self.contradiction(format!(
                "it has {} `*.dist-info` folders, where one was expected",
                folders.len()
            )));
        };
        let stem = folder.trim_end_matches(".dist-info");
        match stem.split_once('-') {
            Some((project, version)) if is_of(name, project, version) => Ok((*folder).to_owned()),
            _ => Err(self.contradiction(format!("`{name}` holds `{folder}`"))),
        }
    }

    fn check_metadata(&self, name: &WheelName, metadata: &Metadata) -> Result<(), Error> {
        let (project, version) = (&metadata.name, &metadata.version);
        if !is_of(name, project, version) {
            let what = format!("`{name}` holds the METADATA of `{project}` `{version}`");
            return Err(self.contradiction(what));
        }
        Ok(())
    }

    /// The tags in `WHEEL` must be those that the compressed sets of the name expand to (PEP 425).
    fn check_tags(&self, name: &WheelName, folder: &str) -> Result<(), Error> {
        let wheel = Headers::parse(&self.read(&format!("{folder}/WHEEL"))?);
        let format = wheel.first("Wheel-Version").unwrap_or_default();
        if format.split('.').next() != Some("1") {
            return Err(self.contradiction(format!(
                "its format is `Wheel-Version: {format}`, where 1 was expected"
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
        let found: BTreeSet<String> = wheel.all("Tag").map(str::to_owned).collect();
        if named != found {
            let tags = Vec::from_iter(found).join(", ");
            return Err(self.contradiction(format!("`{name}` has `Tag: {tags}` in its WHEEL")));
        }
        Ok(())
    }

    /// `RECORD` must list every file, with its digest and size, and no others.
    fn check_record(&self, folder: &str) -> Result<(), Error> {
        let text = self.read(&format!("{folder}/RECORD"))?;
        let exempt = UNRECORDED.map(|file| format!("{folder}/{file}"));
        let mut recorded = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let entry = RecordEntry::parse(line)
                .ok_or_else(|| self.contradiction(format!("its RECORD has the line `{line}`")))?;
            if !exempt.contains(&entry.file) {
                self.check_entry(&entry)?;
            }
            if let Some(file) = recorded.replace(entry.file) {
                return Err(self.contradiction(format!("its RECORD names `{file}` twice")));
            }
        }
        for file in self.zip.files().filter(|file| !recorded.contains(*file)) {
            if !exempt.iter().any(|exempt| exempt == file) {
                return Err(self.contradiction(format!("`{file}` is not in its RECORD")));
            }
        }
        // For these files, the archive's checksum must do.
        for file in &exempt {
            self.content(file)?;
        }
        Ok(())
    }

    fn check_entry(&self, entry: &RecordEntry) -> Result<(), Error> {
        let RecordEntry { file, hash, size } = entry;
        let Some(content) = self.content(file)? else {
            let what = format!("its RECORD names `{file}`, which is not there");
            return Err(self.contradiction(what));
        };
        let Some(expected) = hash.strip_prefix("sha256=") else {
            return Err(self.contradiction(format!(
                "its RECORD gives `{file}` the hash `{hash}`, where sha256 was expected"
            )));
        };
        let found = URL_SAFE_NO_PAD.encode(Sha256::of(&content).as_bytes());
        if found != expected.trim_end_matches('=') {
            return Err(self.contradiction(format!(
                "`{file}` has the sha256 {found}, and {expected} in RECORD"
            )));
        }
        let length = content.len();
        if !size.is_empty() && *size != length.to_string() {
            let what = format!("`{file}` has {length} bytes, and {size} in RECORD");
            return Err(self.contradiction(what));
        }
        Ok(())
    }

    fn content(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        self.zip.read(file).map_err(|source| Error::Archive {
            path: self.path.to_owned(),
            source,
        })
    }

    fn read(&self, file: &str) -> Result<String, Error> {
        let Some(bytes) = self.content(file)? else {
            return Err(self.contradiction(format!("it has no `{file}`")));
        };
        // Old metadata may name its author in Latin-1; the fields that are used are ASCII.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_of(name: &WheelName, project: &str, version: &str) -> bool {
    // As in file names, a hyphen of the version may be written as an underscore.
    let version = version
        .parse::<Version>()
        .or_else(|_| version.replace('_', "-").parse());
    normalised(project) == name.project() && version.is_ok_and(|found| found == *name.version())
}
