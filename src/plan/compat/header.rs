//! Format of a patch file that states when it applies: TOML between two lines of `+++`, then the diff.
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
//! A unified diff never begins with such a line: there, a file name follows `+++`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::{Condition, HostFacts, Specifiers};
use crate::plan::version::PythonVersion;

/// The line before and after the header.
const FENCE: &[u8] = b"+++";

/// The header of a patch file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The defect, and what the patch does about it.
    pub what: String,
    /// The message that users see without the patch.
    pub error: String,
    /// The CPython versions that the patch is for: those inside any of these ranges.
    python: Vec<Specifiers>,
    /// Upstream's name for the defect, such as `bpo-27987`; empty if there is none.
    pub upstream: String,
    /// The vulnerabilities that the patch fixes, such as `CVE-2023-24329`.
    #[serde(default)]
    pub fixes: Vec<String>,
    /// The first release that contains upstream's fix.
    #[serde(default, rename = "fixed-in")]
    pub fixed_in: Option<PythonVersion>,
    /// The former name of `fixed-in`.
    #[serde(default)]
    #[serde(rename = "mended")]
    old_fixed_in: Option<PythonVersion>,
    /// The condition that the host has to meet.
    #[serde(default)]
    when: Condition,
    /// Words to add to variables of `configure`.
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

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The second fence is missing.
    #[error("its header has no end: the second line `+++` is missing")]
    Open,
    /// The header is not text.
    #[error("its header is not UTF-8")]
    Encoding(#[source] std::str::Utf8Error),
    /// The header is not valid TOML, or has a wrong key or value.
    #[error("its header cannot be used")]
    Toml(#[source] Box<toml::de::Error>),
    /// The header has no range of versions.
    #[error("its header names no range of CPython versions: `python` is empty")]
    NoRange,
    /// A release is inside the range although it contains the fix.
    #[error("its header contradicts itself: {0} is inside `python` and is also `fixed-in`")]
    FixedInRange(PythonVersion),
    /// The header has a key under its old and its new name.
    #[error("its header has both `fixed-in` and `mended`, the former name of the same key")]
    BothNames,
    /// A vulnerability without a CVE number.
    #[error("its header names `{0}` in `fixes`, where a number such as CVE-2023-24329 is expected")]
    NotACve(String),
    /// The patch does nothing.
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
        let mut header: Self =
            toml::from_str(text).map_err(|error| HeaderError::Toml(Box::new(error)))?;
        if header.python.is_empty() {
            return Err(HeaderError::NoRange);
        }
        if let Some(other) = header.fixes.iter().find(|name| !is_cve(name)) {
            return Err(HeaderError::NotACve(other.clone()));
        }
        if header.fixed_in.is_some() && header.old_fixed_in.is_some() {
            return Err(HeaderError::BothNames);
        }
        header.fixed_in = header.fixed_in.or(header.old_fixed_in);
        if let Some(fixed_in) = header.fixed_in
            && header.range_of(fixed_in).is_some()
        {
            return Err(HeaderError::FixedInRange(fixed_in));
        }
        if diff.trim_ascii().is_empty() && header.flags.values().all(Vec::is_empty) {
            return Err(HeaderError::Empty);
        }
        Ok((header, diff))
    }

    /// Whether the header uses the old name of `fixed-in`, which the next release will not read.
    #[must_use]
    pub fn has_old_name(&self) -> bool {
        self.old_fixed_in.is_some()
    }

    /// The range that contains this version, as it is written.
    #[must_use]
    pub fn range_of(&self, python: PythonVersion) -> Option<String> {
        // A release candidate has nearly the text of its final release.
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

/// `CVE-YEAR-NUMBER`.
fn is_cve(name: &str) -> bool {
    let numbers = name
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'));
    numbers.is_some_and(|(year, number)| {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        year.len() == 4 && number.len() >= 4 && is_number(year) && is_number(number)
    })
}

/// The text between the fences, and the text after them.
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

/// The first line without its line end, and the rest.
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
    use crate::plan::compat::HostFacts;

    const FULL: &str = "\
+++
what = 'a defect'
error = 'Segmentation fault'
python = ['>=2.7.9,<2.8', '>=3.4,<3.7.4']
upstream = 'bpo-1'
fixed-in = '3.7.4'
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
    fn a_header_is_recognised_and_split_from_its_diff() {
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
    fn the_old_name_of_fixed_in_is_read_and_reported() {
        let (header, _) = Header::split(FULL.as_bytes()).unwrap();
        assert!(!header.has_old_name());
        let old = FULL.replace("fixed-in", "mended");
        let (header, _) = Header::split(old.as_bytes()).unwrap();
        assert!(header.has_old_name());
        assert_eq!(header.fixed_in.unwrap().to_string(), "3.7.4");
    }

    #[test]
    fn ranges_decide_and_a_release_candidate_counts_as_its_release() {
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
    fn the_error_for_a_wrong_header_names_the_mistake() {
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
        let inside = broken("fixed-in = '3.7.4'", "fixed-in = '3.7.3'");
        assert!(inside.contains("3.7.3 is inside `python`"), "{inside}");
        let both = broken("fixed-in", "mended = '3.7.4'\nfixed-in");
        assert!(both.contains("both `fixed-in` and `mended`"), "{both}");
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
