//! The Simple API's JSON form (PEP 691; PEP 700 adds to it).

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use serde::Deserialize;

use crate::resolve::index::page::{ListedFile, PageBuilder};

/// Reads a page into `builder`, and returns its `api-version`.
pub(super) fn read(
    body: impl Read,
    builder: &mut PageBuilder<'_>,
) -> Result<Option<String>, serde_json::Error> {
    // The parser reads single bytes.
    let page: Page = serde_json::from_reader(BufReader::new(body))?;
    for file in page.files {
        builder.take(file.into());
    }
    Ok(page.meta.map(|meta| meta.api_version))
}

#[derive(Deserialize)]
struct Page {
    meta: Option<Meta>,
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, Option<String>>,
    requires_python: Option<String>,
    yanked: Option<Yanked>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Flag(bool),
    Reason(String),
}

impl From<File> for ListedFile {
    fn from(file: File) -> Self {
        let hashes = file.hashes.into_iter();
        Self {
            reference: file.url.split('#').next().unwrap_or_default().to_owned(),
            file_name: Some(file.filename),
            hashes: hashes
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            requires_python: file.requires_python,
            yanked: match file.yanked {
                Some(Yanked::Reason(reason)) => Some(reason),
                Some(Yanked::Flag(true)) => Some(String::new()),
                Some(Yanked::Flag(false)) | None => None,
            },
        }
    }
}
