//! ASCII armor (RFC 9580, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::packet::Malformed;

const DAMAGED: Malformed = Malformed("its armor is damaged");

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
        Ok(Some(Self {
            before,
            packets: decode(block)?,
            after,
        }))
    }
}

/// Decodes the text between the first and the last line of a block.
fn decode(block: &str) -> Result<Vec<u8>, Malformed> {
    let mut lines = block.lines().map(str::trim);
    if lines.next() != Some("") {
        return Err(DAMAGED);
    }
    // An empty line ends the headers, such as `Comment: a text`.
    if !lines
        .by_ref()
        .take_while(|it| !it.is_empty())
        .all(|it| it.contains(':'))
    {
        return Err(DAMAGED);
    }
    let is_data = |line: &&str| !line.starts_with('=');
    let data: String = lines.by_ref().take_while(is_data).collect();
    // The line that ended the data was the checksum, which section 6.1 says to ignore.
    if !lines.all(str::is_empty) {
        return Err(DAMAGED);
    }
    STANDARD.decode(data).map_err(|_| DAMAGED)
}
