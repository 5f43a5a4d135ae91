//! Looks into a wheel before it is used: what it says of itself must agree, and every byte of it with
//! its `RECORD` (PEP 427; <https://packaging.python.org/specifications/binary-distribution-format/>).

mod error;
#[cfg(test)]
pub(in crate::source) mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pep440_rs::Version;

pub use error::Error;

use crate::archive::zip::Zip;
use crate::digest::Sha256;
use crate::plan::wheel_metadata::{Headers, Metadata};
use crate::plan::wheel_name::{WheelName, normalised};
use crate::plan::wheel_record::RecordEntry;

/// Files of `*.dist-info` that `RECORD` cannot or need not vouch for (PEP 427, "Signed wheel files").
const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

/// A wheel whose file name, `METADATA`, `WHEEL` and `RECORD` agree, and whose files are as `RECORD`
/// says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWheel {
    path: PathBuf,
    name: WheelName,
    requirements: Vec<String>,
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
        let archive = Archive::open(path)?;
        let folder = archive.dist_info(&name)?;
        let metadata = Metadata::parse(&archive.read(&format!("{folder}/METADATA"))?);
        archive.check_metadata(&name, &metadata)?;
        archive.check_tags(&name, &folder)?;
        archive.check_record(&folder)?;
        Ok(Self {
            path: path.to_owned(),
            name,
            requirements: metadata
                .requirements
                .into_iter()
                .filter(|requirement| !is_extra(requirement))
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
        let archive = Archive::open(&self.path)?;
        if archive.zip.has(file) {
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

/// The archive, and where it is.
struct Archive<'a> {
    path: &'a Path,
    zip: Zip,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        Zip::open(path)
            .map(|zip| Self { path, zip })
            .map_err(|source| Error::Archive {
                path: path.to_owned(),
                source,
            })
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
            .zip
            .files()
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

    /// `METADATA` must be of the project and version that the name says.
    fn check_metadata(&self, name: &WheelName, metadata: &Metadata) -> Result<(), Error> {
        let (project, version) = (&metadata.name, &metadata.version);
        if normalised(project) != name.project() || !same_version(version, name.version()) {
            return Err(self.contradiction(format!(
                "`{name}` holds the METADATA of `{project}` `{version}`"
            )));
        }
        Ok(())
    }

    /// The tags in `WHEEL` must be those that the name's compressed sets expand to (PEP 425).
    fn check_tags(&self, name: &WheelName, folder: &str) -> Result<(), Error> {
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
    fn check_record(&self, folder: &str) -> Result<(), Error> {
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
        for file in self.zip.files().filter(|file| !recorded.contains(*file)) {
            if !exempt.contains(file) {
                return Err(self.contradiction(format!("`{file}` is not in its RECORD")));
            }
        }
        // What RECORD does not vouch for is at least what the archive says.
        for file in &exempt {
            self.content(file)?;
        }
        Ok(())
    }

    fn check_entry(&self, entry: &RecordEntry) -> Result<(), Error> {
        let file = &entry.file;
        if !self.zip.has(file) {
            return Err(
                self.contradiction(format!("its RECORD names `{file}`, which is not there"))
            );
        }
        let Some(expected) = entry.hash.strip_prefix("sha256=") else {
            return Err(self.contradiction(format!(
                "its RECORD gives `{file}` the hash `{}`, where sha256 was expected",
                entry.hash
            )));
        };
        let content = self.content(file)?.unwrap_or_default();
        let (found, size) = (Sha256::of(&content), content.len());
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
        // Old metadata may name its author in Latin-1; nothing that is asked for here is outside ASCII.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn headers(&self, file: &str) -> Result<Headers, Error> {
        Ok(Headers::parse(&self.read(file)?))
    }
}

fn same_version(text: &str, version: &Version) -> bool {
    // As in file names, a hyphen of the version may stand as an underscore.
    text.parse::<Version>()
        .or_else(|_| text.replace('_', "-").parse())
        .is_ok_and(|found| found == *version)
}
