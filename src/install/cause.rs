//! The likely cause of each difference between a build and its repetition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use memchr::memmem;

use super::differences::{Difference, DifferenceKind};
use super::record::Record;
use crate::host::toolchain::{Program, Toolchain};
use crate::progress::{Event, Level};

/// What probably made a file come out differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another compiler, linker, C library or library.
    Tools,
    /// The path of the build folder.
    Path,
    /// A time.
    Time,
    /// The order of steps, of files or of a set.
    Order,
    /// The file was changed or added after the build.
    Later,
    Unknown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tools => "another toolchain, header or library",
            Self::Path => "the path of the build folder",
            Self::Time => "a time",
            Self::Order => "the order of steps, files or sets",
            Self::Later => "changed after it was installed",
            Self::Unknown => "not known",
        })
    }
}

/// Both builds.
pub(crate) struct Evidence<'a> {
    /// The files of the first build, if they are there.
    pub(crate) before: Option<&'a Path>,
    /// The staged prefix of the repetition.
    pub(crate) now: &'a Path,
    pub(crate) build_folder: &'a Path,
    /// Whether the toolchain or a library is another one.
    pub(crate) other_tools: bool,
}

/// Files that `configure` writes from what it finds on the host.
const CONFIGURED: [&str; 4] = [
    "pyconfig.h",
    "Makefile",
    "_sysconfigdata",
    "build-details.json",
];

impl Evidence<'_> {
    pub(crate) fn cause(&self, difference: &Difference) -> Cause {
        let path = &difference.path;
        let read = |root: &Path| fs_err::read(root.join(path)).ok();
        let now = read(self.now).unwrap_or_default();
        let folder = self.build_folder.as_os_str().as_encoded_bytes();
        if memmem::find(&now, folder).is_some() {
            return Cause::Path;
        }
        let before = self.before.and_then(read);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_compiled = path.extension().is_some_and(|ending| ending == "pyc");
        if let (true, Some(before)) = (is_compiled, &before) {
            // The header ends with the time and the size of the source (PEP 552).
            let code = |bytes: &[u8]| bytes.get(16..).map(<[u8]>::to_vec);
            return if code(before) == code(&now) {
                Cause::Time
            } else {
                Cause::Order
            };
        }
        if difference.kind == DifferenceKind::Added || difference.kind == DifferenceKind::Missing {
            return if self.other_tools {
                Cause::Tools
            } else {
                Cause::Unknown
            };
        }
        let is_binary = now.starts_with(b"\x7fELF") || now.starts_with(b"!<arch>");
        let is_configured = CONFIGURED.iter().any(|known| name.contains(known));
        match (is_binary || is_configured, self.other_tools) {
            (true, true) => Cause::Tools,
            (true, false) if is_binary => Cause::Order,
            (true, false) => Cause::Unknown,
            (false, _) => Cause::Later,
        }
    }
}

/// The tools and libraries that are not those of a record.
pub(crate) struct ToolsNow(Vec<String>);

impl ToolsNow {
    /// `None` if they are the same.
    pub(crate) fn new(
        record: &Record,
        tools: &Toolchain,
        libraries: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let before = &record.tools;
        let version = |program: &Option<Program>| {
            let version = program.as_ref().map(|program| program.version.clone());
            version.unwrap_or_else(|| "none".to_owned())
        };
        let compiler = |tools: &Toolchain| {
            let compiler = &tools.compiler;
            format!("{} ({})", compiler.banner, compiler.machine)
        };
        let mut all = vec![
            ("compiler", compiler(before), compiler(tools)),
            ("linker", version(&before.linker), version(&tools.linker)),
            ("C library", before.libc.clone(), tools.libc.clone()),
            (
                "headers",
                before.headers.join(", "),
                tools.headers.join(", "),
            ),
        ];
        // Records of earlier versions have no libraries.
        let names: BTreeSet<&String> = if record.libraries.is_empty() {
            BTreeSet::new()
        } else {
            record.libraries.keys().chain(libraries.keys()).collect()
        };
        let library = |all: &BTreeMap<String, String>, name: &String| {
            all.get(name).cloned().unwrap_or_else(|| "none".to_owned())
        };
        for name in names {
            all.push((
                name,
                library(&record.libraries, name),
                library(libraries, name),
            ));
        }
        let changed: Vec<String> = all
            .into_iter()
            .filter(|(_, before, now)| before != now)
            .map(|(what, before, now)| format!("{what}: {before}, now {now}"))
            .collect();
        (!changed.is_empty()).then_some(Self(changed))
    }
}

impl Event for ToolsNow {
    fn level(&self) -> Level {
        Level::Warning
    }
}

impl fmt::Display for ToolsNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this host is not the one of the record, so other bytes are expected: {}",
            self.0.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Evidence};
    use crate::install::differences::{Difference, DifferenceKind};

    #[test]
    fn each_difference_has_its_likely_cause() {
        let dir = tempfile::tempdir().unwrap();
        let (before, now) = (dir.path().join("before"), dir.path().join("now"));
        let write = |name: &str, old: &[u8], new: &[u8]| {
            for (root, content) in [(&before, old), (&now, new)] {
                fs_err::create_dir_all(root).unwrap();
                fs_err::write(root.join(name), content).unwrap();
            }
            name.to_owned()
        };
        let elf = |rest: &str| [b"\x7fELF", rest.as_bytes()].concat();
        let pyc = |time: u8, code: &str| [&[time; 16], code.as_bytes()].concat();
        for (other_tools, name, expected) in [
            (
                false,
                write("a.so", &elf("x"), &elf("in /b/1/x.c")),
                Cause::Path,
            ),
            (true, write("b.so", &elf("x"), &elf("y")), Cause::Tools),
            (false, write("c.so", &elf("x"), &elf("y")), Cause::Order),
            (
                false,
                write("a.pyc", &pyc(1, "x"), &pyc(2, "x")),
                Cause::Time,
            ),
            (
                false,
                write("b.pyc", &pyc(1, "x"), &pyc(1, "y")),
                Cause::Order,
            ),
            (true, write("pyconfig.h", b"x", b"y"), Cause::Tools),
            (false, write("a.py", b"x", b"y"), Cause::Later),
        ] {
            let evidence = Evidence {
                before: Some(&before),
                now: &now,
                build_folder: "/b/1".as_ref(),
                other_tools,
            };
            let path = name.clone().into();
            let kind = DifferenceKind::Content;
            assert_eq!(
                evidence.cause(&Difference { path, kind }),
                expected,
                "{name}"
            );
        }
    }
}
