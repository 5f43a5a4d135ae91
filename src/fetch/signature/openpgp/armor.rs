//! ASCII armor (RFC 9580, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::packet::Malformed;

/// A block of armor, and the text around it.
pub(crate) struct Armor<'a> {
    pub(crate) before: &'a str,
    pub(crate) packets: Vec<u8>,
    pub(crate) after: &'a str,
}

impl<'a> Armor<'a> {
    pub(crate) const PUBLIC_KEY: &'static str = "PUBLIC KEY BLOCK";
    pub(crate) const SIGNATURE: &'static str = "SIGNATURE";

    /// Reads the first block of this kind in `text`; `None` if there is none.
    pub(crate) fn first(text: &'a str, kind: &str) -> Result<Option<Self>, Malformed> {
        let Some((before, rest)) = text.split_once(&format!("-----BEGIN PGP {kind}-----")) else {
            return Ok(None);
        };
        let (block, after) = rest
            .split_once(&format!("-----END PGP {kind}-----"))
            .ok_or(Malformed("the end of its armor is missing"))?;
        let packets = decode(block).ok_or(Malformed("its armor is damaged"))?;
        Ok(Some(Self {
            before,
            packets,
            after,
        }))
    }
}

/// Decodes the text between the first and the last line of a block.
fn decode(block: &str) -> Option<Vec<u8>> {
    let mut lines = block.lines().map(str::trim);
    let has_nothing_after_begin = lines.next() == Some("");
    // An empty line ends the headers, such as `Comment: a text`.
    let mut headers = lines.by_ref().take_while(|it| !it.is_empty());
    let has_only_headers = headers.all(|it| it.contains(':'));
    // The line after the data is a checksum, which section 6.1 says to ignore.
    let data = lines.by_ref().take_while(|it| !it.starts_with('='));
    let data: String = data.collect();
    if !(has_nothing_after_begin && has_only_headers && lines.all(str::is_empty)) {
        return None;
    }
    STANDARD.decode(data).ok()
}
