//! The Simple API's HTML form (PEP 503, with PEP 592's `data-yanked` and PEP 629's version), read
//! as it streams in.

use std::io::{self, Read};

use html5gum::{IoReader, StartTag, Token, Tokenizer};

use crate::resolve::index::page::{ListedFile, PageBuilder};

/// Reads a page into `builder`, and returns its `pypi:repository-version`. Any text is valid HTML:
/// only the number of listed files shows whether it is a page of an index.
pub(super) fn read(body: impl Read, builder: &mut PageBuilder<'_>) -> io::Result<Option<String>> {
    let mut version = None;
    let mut has_base = false;
    for token in Tokenizer::new(IoReader::new(body)) {
        let Token::StartTag(tag) = token? else {
            continue;
        };
        match &tag.name[..] {
            b"a" => {
                if let Some(href) = attribute(&tag, b"href") {
                    builder.take(listed(&tag, &href));
                }
            }
            // Only the first one is used (HTML, section 4.2.3).
            b"base" if !has_base => {
                if let Some(base) = attribute(&tag, b"href")
                    .and_then(|reference| builder.base.join(&reference).ok())
                {
                    builder.base = base;
                    has_base = true;
                }
            }
            b"meta" if attribute(&tag, b"name").as_deref() == Some("pypi:repository-version") => {
                version = attribute(&tag, b"content");
            }
            _ => {}
        }
    }
    Ok(version)
}

fn listed(tag: &StartTag<()>, href: &str) -> ListedFile {
    let (reference, fragment) = href.split_once('#').unwrap_or((href, ""));
    ListedFile {
        reference: reference.to_owned(),
        file_name: None,
        hashes: hashes(fragment),
        requires_python: attribute(tag, b"data-requires-python"),
        yanked: attribute(tag, b"data-yanked"),
    }
}

/// The digests in a fragment such as `sha256=…`.
pub(super) fn hashes(fragment: &str) -> Vec<(String, String)> {
    fragment
        .split('&')
        .filter_map(|part| part.split_once('='))
        // Older links to sdists have these.
        .filter(|(name, _)| !matches!(*name, "egg" | "subdirectory"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes
        .get(name)
        .map(|value| String::from_utf8_lossy(value).trim().to_owned())
}
