//! The form of a patch file that knows when it applies: TOML between two lines of `+++`, then the diff.
//!
//! ```text
//! +++
//! what = "pymalloc hands out blocks of 8-byte alignment where compilers assume 16"
//! error = "Segmentation fault"
//! python = [">=3.4,<3.7.4"]
//! upstream = "bpo-27987"
//! [when]
//! compiler = ["gcc >=8", "clang >=6"]
//! +++
//! diff --git a/Objects/obmalloc.c b/Objects/obmalloc.c
//! …
//! ```
//!
//! No unified diff begins with such a line: a file's name follows there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::{Condition, HostFacts, Specifiers};
use crate::resolve::version::PythonVersion;

/// What opens and closes the header, on a line of its own.
const FENCE: &[u8] = b"+++";

/// What a patch says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What is wrong, and what the patch does about it.
    pub what: String,
    /// The message that people see without it.
    pub error: String,
    /// The ranges of CPython versions that it is for: it is, when one of them has the version.
    python: Vec<Specifiers>,
    /// Upstream's name for the defect, such as `bpo-27987`; empty where upstream has none.
    pub upstream: String,
    /// The release from which on CPython itself is mended.
    #[serde(default)]
    pub mended: Option<PythonVersion>,
    /// What the host has to be.
    #[serde(default)]
    when: Condition,
    /// What is added to variables that `configure` is given.
    #[serde(default)]
    pub flags: Flags,
}

/// Words by variable, in the order in which they are added.
pub type Flags = BTreeMap<FlagVariable, Vec<String>>;

/// A variable of `configure` that a patch may add words to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagVariable {
    /// For the compiler; extension modules that the interpreter builds later get them too.
    Cflags,
    /// For the compiler, while CPython itself is compiled (CPython 3.5 and later).
    CflagsNodist,
    /// For the preprocessor, `configure`'s checks included.
    Cppflags,
    /// For the linker.
    Ldflags,
}

impl FlagVariable {
    /// The variable's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cflags => "CFLAGS",
            Self::CflagsNodist => "CFLAGS_NODIST",
            Self::Cppflags => "CPPFLAGS",
            Self::Ldflags => "LDFLAGS",
        }
    }
}

/// Why a patch file's header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The second fence is missing.
    #[error("its header has no end: a line `+++` opens it, and none closes it")]
    Open,
    /// The header is not text.
    #[error("its header is not UTF-8")]
    Encoding(#[source] std::str::Utf8Error),
    /// The header is not the TOML that it should be.
    #[error("its header cannot be used")]
    Toml(#[source] Box<toml::de::Error>),
    /// There is no version that it could ever be for.
    #[error("its header names no range of CPython versions: `python` is empty")]
    NoRange,
    /// A release is mended and wants mending.
    #[error("its header says that {0} is mended, and that the patch is for it")]
    MendedInRange(PythonVersion),
    /// It does nothing.
    #[error("it has neither a diff nor flags")]
    Empty,
}

impl Header {
    /// Whether `content` begins with a header.
    #[must_use]
    pub fn is_in(content: &[u8]) -> bool {
        first_line(content).0 == FENCE
    }

    /// The header of a patch file, and its diff.
    ///
    /// # Errors
    /// [`HeaderError`] when `content` begins with no header, or with one that cannot be used.
    pub fn split(content: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        let (text, diff) = fenced(content).ok_or(HeaderError::Open)?;
        let text = std::str::from_utf8(text).map_err(HeaderError::Encoding)?;
        let header: Self =
            toml::from_str(text).map_err(|error| HeaderError::Toml(Box::new(error)))?;
        if header.python.is_empty() {
            return Err(HeaderError::NoRange);
        }
        if let Some(mended) = header.mended
            && header.range_of(mended).is_some()
        {
            return Err(HeaderError::MendedInRange(mended));
        }
        if diff.trim_ascii().is_empty() && header.flags.values().all(Vec::is_empty) {
            return Err(HeaderError::Empty);
        }
        Ok((header, diff))
    }

    /// The range that has this version, as it is written.
    #[must_use]
    pub fn range_of(&self, python: PythonVersion) -> Option<String> {
        // A release candidate has the text of the release that it leads to, or all but.
        let version = python.final_release().to_pep440();
        let range = self.python.iter().find(|range| range.0.contains(&version));
        range.map(|range| range.0.to_string())
    }

    /// Why the patch applies to this version on this host; `None` when it does not.
    #[must_use]
    pub fn applies(&self, python: PythonVersion, host: &HostFacts) -> Option<String> {
        let range = self.range_of(python)?;
        let mut because = vec![format!("CPython {python} is {range}")];
        because.extend(self.when.holds_on(host)?);
        Some(because.join(", "))
    }
}

/// What stands between the fences, and what follows.
fn fenced(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (opening, text) = first_line(content);
    if opening != FENCE {
        return None;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = first_line(rest);
        if line == FENCE {
            return Some((&text[..text.len() - rest.len()], after));
        }
        rest = after;
    }
    None
}

/// The first line without its end, and what follows it.
fn first_line(content: &[u8]) -> (&[u8], &[u8]) {
    let end = content.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (&content[..end], &content[end + 1..]),
        None => (content, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    use super::{FlagVariable, Header, HeaderError};
    use crate::error::chain;
    use crate::resolve::compat::HostFacts;

    const FULL: &str = "\
+++
what = 'it is mended'
error = 'Segmentation fault'
python = ['>=2.7.9,<2.8', '>=3.4,<3.7.4']
upstream = 'bpo-1'
mended = '3.7.4'
[flags]
CFLAGS = ['-fwrapv', '-O2']
+++
--- a/x
+++ b/x
@@ -1 +1 @@
-a
+b
";

    #[test]
    fn a_header_is_told_from_a_diff_and_parted_from_it() {
        assert!(Header::is_in(FULL.as_bytes()));
        assert!(!Header::is_in(b"--- a/x\n+++ b/x\n"));
        assert!(!Header::is_in(b"+++ b/x\n"));
        let (header, diff) = Header::split(FULL.as_bytes()).unwrap();
        assert!(diff.starts_with(b"--- a/x\n") && diff.ends_with(b"+b\n"));
        assert_eq!(header.flags[&FlagVariable::Cflags], ["-fwrapv", "-O2"]);
        let crlf = FULL.replace('\n', "\r\n");
        assert!(Header::split(crlf.as_bytes()).is_ok());
    }

    #[test]
    fn ranges_decide_and_a_candidate_counts_as_its_release() {
        let (header, _) = Header::split(FULL.as_bytes()).unwrap();
        let because = |version: &str| {
            let python = version.parse().unwrap();
            header.applies(python, &HostFacts::default())
        };
        assert_eq!(
            because("3.7.1").as_deref(),
            Some("CPython 3.7.1 is >=3.4, <3.7.4")
        );
        assert!(because("2.7.18").is_some() && because("3.4.0rc1").is_some());
        for version in ["2.7.8", "3.3.7", "3.7.4", "3.7.4rc1", "3.8.0"] {
            assert_eq!(because(version), None, "{version}");
        }
    }

    #[test]
    fn a_wrong_header_is_named_with_what_is_wrong() {
        let broken = |from: &str, to: &str| {
            let text = FULL.replacen(from, to, 1);
            assert_ne!(text, FULL);
            chain(&Header::split(text.as_bytes()).unwrap_err())
        };
        let unknown = broken("upstream", "upstraem");
        assert!(unknown.contains("unknown field `upstraem`"), "{unknown}");
        assert!(broken("error = 'Segmentation fault'\n", "").contains("missing field `error`"));
        assert!(broken("'>=2.7.9,<2.8'", "'2.7'").contains("no set of specifiers"));
        assert!(broken("'3.7.4'", "'3.7'").contains("is not a CPython version"));
        assert!(broken("CFLAGS", "PATH").contains("unknown variant `PATH`"));
        let no_range = broken("['>=2.7.9,<2.8', '>=3.4,<3.7.4']", "[]");
        assert!(no_range.contains("names no range"), "{no_range}");
        let both = broken("mended = '3.7.4'", "mended = '3.7.3'");
        assert!(both.contains("3.7.3 is mended"), "{both}");
        let open = FULL.split("+++\n---").next().unwrap();
        assert!(matches!(
            Header::split(open.as_bytes()),
            Err(HeaderError::Open)
        ));
        let idle = open.replace("CFLAGS = ['-fwrapv', '-O2']", "CFLAGS = []") + "+++\n\n";
        assert!(matches!(
            Header::split(idle.as_bytes()),
            Err(HeaderError::Empty)
        ));
        assert!(matches!(
            Header::split(b"+++\n\xff\n+++\n"),
            Err(HeaderError::Encoding(_))
        ));
    }
}
