//! The questions of `configure`, and the key of an answer: everything that the answer depends on, besides
//! the host.

use std::collections::BTreeSet;

use crate::digest::Sha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Whether a function can be linked.
    Function,
    /// Whether a header can be compiled.
    Header,
    Type,
    Member,
    Declaration,
    /// The value of an expression, such as a size.
    Integer,
    /// Whether a program can be compiled, linked or preprocessed, or how it ends.
    Compile,
    Link,
    Preprocess,
    Run,
}

impl Kind {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "function" => Self::Function,
            "header" => Self::Header,
            "type" => Self::Type,
            "member" => Self::Member,
            "declaration" => Self::Declaration,
            "integer" => Self::Integer,
            "compile" => Self::Compile,
            "link" => Self::Link,
            "preprocess" => Self::Preprocess,
            "run" => Self::Run,
            _ => return None,
        })
    }

    /// Whether the question is a whole program.
    pub(super) fn is_program(self) -> bool {
        matches!(
            self,
            Self::Compile | Self::Link | Self::Preprocess | Self::Run
        )
    }
}

/// The commands and flags at one point of `configure`, as shell variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flags {
    pub compile: String,
    pub link: String,
    pub cpp: String,
    pub cc: String,
    cpp_program: String,
    pub cflags: String,
    pub cppflags: String,
    pub ldflags: String,
    pub libs: String,
    pub warnings: String,
}

impl Flags {
    fn all(&self) -> [&str; 10] {
        [
            &self.compile,
            &self.link,
            &self.cpp,
            &self.cc,
            &self.cpp_program,
            &self.cflags,
            &self.cppflags,
            &self.ldflags,
            &self.libs,
            &self.warnings,
        ]
    }

    /// Whether a flag names a file or folder relative to the tree, whose content is not in the key.
    fn name_the_tree(&self) -> bool {
        let flags = [
            &self.cc,
            &self.cflags,
            &self.cppflags,
            &self.ldflags,
            &self.libs,
            &self.cpp_program,
        ];
        let mut words = flags.into_iter().flat_map(|flags| flags.split_whitespace());
        words.any(|word| {
            let path = [
                "-I",
                "-L",
                "-iquote",
                "-isystem",
                "-idirafter",
                "-include",
                "--sysroot=",
            ]
            .iter()
            .find_map(|option| word.strip_prefix(option));
            match path {
                Some(path) => !path.starts_with('/'),
                None => !word.starts_with('-') && word.contains('/') && !word.starts_with('/'),
            }
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub kind: Kind,
    pub subject: String,
    /// The name of a member; the options of a declaration.
    pub more: String,
    pub includes: String,
    pub flags: Flags,
}

impl Question {
    /// Reads the fields that `site.sh` sends. `None` if the answer could depend on more than is known.
    pub(super) fn read(fields: &[&str]) -> Option<Self> {
        let [
            kind,
            subject,
            more,
            includes,
            compile,
            link,
            cpp,
            cc,
            cpp_program,
            cflags,
            cppflags,
            ldflags,
            libs,
            warnings,
            "c",
            cross,
        ] = fields
        else {
            return None;
        };
        let owned = |text: &&str| (*text).to_owned();
        let question = Self {
            kind: Kind::read(kind)?,
            subject: owned(subject),
            more: owned(more),
            includes: owned(includes),
            flags: Flags {
                compile: owned(compile),
                link: owned(link),
                cpp: owned(cpp),
                cc: owned(cc),
                cpp_program: owned(cpp_program),
                cflags: owned(cflags),
                cppflags: owned(cppflags),
                ldflags: owned(ldflags),
                libs: owned(libs),
                warnings: owned(warnings),
            },
        };
        let local = question.includes.contains("#include \"") || question.flags.name_the_tree();
        (*cross != "yes" && !local).then_some(question)
    }

    /// What the question has in common with others of its kind that are asked at the same point.
    pub(super) fn context(&self, macros: &Macros) -> Sha256 {
        let question = Self {
            subject: String::new(),
            more: String::new(),
            // Most questions of the other kinds have includes of their own.
            includes: match self.kind {
                Kind::Header => self.includes.clone(),
                _ => String::new(),
            },
            ..self.clone()
        };
        question.key(macros, "")
    }

    /// The key of the answer. `program` is the text of a check that is a whole program.
    pub(super) fn key(&self, macros: &Macros, program: &str) -> Sha256 {
        let mut parts = vec![format!("{:?}", self.kind)];
        parts.extend([&self.subject, &self.more, &self.includes].map(Clone::clone));
        parts.extend(self.flags.all().map(str::to_owned));
        parts.push(program.to_owned());
        let named = [self.subject.as_str(), &self.more, &self.includes, program];
        parts.extend(macros.that_count(&named).map(str::to_owned));
        let text: Vec<String> = parts
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        Sha256::of(text.concat().as_bytes())
    }
}

/// The prefixes of macros that `configure` defines for CPython's own sources.
const OWN: [&str; 8] = [
    "ALIGNOF_", "ENABLE_", "HAVE_", "PACKAGE_", "PY_", "Py_", "SIZEOF_", "WITH_",
];

/// Macros with such a prefix that headers of libraries test: zlib's and readline's.
const TESTED_BY_HEADERS: [&str; 5] = [
    "HAVE_CONFIG_H",
    "HAVE_STDARG_H",
    "HAVE_STRINGS_H",
    "HAVE_STRING_H",
    "HAVE_UNISTD_H",
];

/// The macros in `confdefs.h` at one point of `configure`. Every test program begins with them.
#[derive(Debug, Default, Clone)]
pub(super) struct Macros {
    /// Each with its name, in order of the lines.
    lines: Vec<(String, String)>,
}

impl Macros {
    pub(super) fn read(confdefs: &str) -> Self {
        let lines = confdefs.lines().filter(|line| !line.trim().is_empty());
        let name = |line: &str| {
            let rest = line
                .trim_start_matches("#define ")
                .trim_start_matches("#undef ");
            let end = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
            rest[..end].to_owned()
        };
        Self {
            lines: lines.map(|line| (name(line), line.to_owned())).collect(),
        }
    }

    /// The lines that can change the answer: macros that `texts` name, and those that change system
    /// headers, such as `_GNU_SOURCE`.
    fn that_count(&self, texts: &[&str]) -> impl Iterator<Item = &str> {
        let words = texts
            .iter()
            .flat_map(|text| text.split(|c: char| !is_of_name(c)));
        let named: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
        self.lines
            .iter()
            .filter(move |(name, _)| {
                let name = name.as_str();
                named.contains(name)
                    || TESTED_BY_HEADERS.contains(&name)
                    || !OWN.iter().any(|own| name.starts_with(own))
            })
            .map(|(_, line)| line.as_str())
            .collect::<BTreeSet<&str>>()
            .into_iter()
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
