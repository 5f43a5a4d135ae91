//! The Simple API's JSON form (PEP 691; PEP 700 adds to it), read as it streams in.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::page::{ListedFile, PageBuilder};

/// Reads a page into `builder`; gives its `api-version`, where it has one.
///
/// # Errors
/// When reading fails, or what is read is not such a page.
pub(super) fn read(
    body: impl Read,
    builder: &mut PageBuilder<'_>,
) -> Result<Option<String>, serde_json::Error> {
    // The reader is asked byte by byte.
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(body));
    let version = PageSeed(builder).deserialize(&mut json)?;
    json.end()?;
    Ok(version)
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: String,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, Option<String>>,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Yanked,
}

/// `true`, `false`, or the reason.
#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Flag(bool),
    Reason(String),
    Unsaid(()),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl From<File> for ListedFile {
    fn from(file: File) -> Self {
        Self {
            reference: file.url.split('#').next().unwrap_or_default().to_owned(),
            file_name: Some(file.filename),
            hashes: file
                .hashes
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            requires_python: file.requires_python,
            yanked: match file.yanked {
                Yanked::Reason(reason) => Some(reason),
                Yanked::Flag(true) => Some(String::new()),
                Yanked::Flag(false) | Yanked::Unsaid(()) => None,
            },
        }
    }
}

/// The whole object. Files go to the builder one by one, so that a page of thousands of them never
/// stands in memory as a whole.
struct PageSeed<'a, 'b>(&'a mut PageBuilder<'b>);

impl<'de> DeserializeSeed<'de> for PageSeed<'_, '_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_, '_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a project's page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut version = None;
        let mut has_files = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "meta" => version = Some(map.next_value::<Meta>()?.api_version),
                "files" => {
                    map.next_value_seed(FilesSeed(self.0))?;
                    has_files = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !has_files {
            return Err(A::Error::missing_field("files"));
        }
        Ok(version)
    }
}

struct FilesSeed<'a, 'b>(&'a mut PageBuilder<'b>);

impl<'de> DeserializeSeed<'de> for FilesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FilesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<(), A::Error> {
        while let Some(file) = files.next_element::<File>()? {
            self.0.take(file.into());
        }
        Ok(())
    }
}
