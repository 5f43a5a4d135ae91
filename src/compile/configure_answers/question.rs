//! The questions of `configure`, and the key of an answer: everything that the answer depends on, besides
//! the host.

use std::collections::BTreeSet;

use crate::digest::Sha256;

/// Autoconf's commands. Others could use variables that are not in the question.
const COMPILE: &str = "$CC -c $CFLAGS $CPPFLAGS conftest.$ac_ext >&5";
const LINK: &str =
    "$CC -o conftest$ac_exeext $CFLAGS $CPPFLAGS $LDFLAGS conftest.$ac_ext $LIBS >&5";
const PREPROCESS: &str = "$CPP $CPPFLAGS";

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

    /// Whether a flag names a file or folder relative to the tree, whose content is not in the key. An option
    /// whose path is the next word counts as one.
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
        let usual = question.flags.compile == COMPILE
            && question.flags.link == LINK
            && question.flags.cpp == PREPROCESS;
        (usual && *cross != "yes" && !local).then_some(question)
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

/// Others of that kind.
const OWN_NAMES: [&str; 26] = [
    "DOUBLE_IS_LITTLE_ENDIAN_IEEE754",
    "EXPERIMENTAL_ISOLATED_SUBINTERPRETERS",
    "FLOCK_NEEDS_LIBBSD",
    "GETPGRP_HAVE_ARG",
    "GETTIMEOFDAY_NO_TZ",
    "LOG1P_DROPS_ZERO_SIGN",
    "MAJOR_IN_MKDEV",
    "MAJOR_IN_SYSMACROS",
    "MVWDELCH_IS_EXPRESSION",
    "POSIX_SEMAPHORES_NOT_ENABLED",
    "PTHREAD_KEY_T_IS_COMPATIBLE_WITH_INT",
    "PTHREAD_SYSTEM_SCHED_SUPPORTED",
    "PYLONG_BITS_IN_DIGIT",
    "RETSIGTYPE",
    "SETPGRP_HAVE_ARG",
    "SHM_NEEDS_LIBRT",
    "SIGNED_RIGHT_SHIFT_ZERO_FILLS",
    "SYS_SELECT_WITH_SYS_TIME",
    "TANH_PRESERVES_ZERO_SIGN",
    "TIME_WITH_SYS_TIME",
    "TM_IN_SYS_TIME",
    "USE_COMPUTED_GOTOS",
    "VA_LIST_IS_ARRAY",
    "WANT_SIGFPE_HANDLER",
    "WINDOW_HAS_FLAGS",
    "X87_DOUBLE_ROUNDING",
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
                    || !(OWN.iter().any(|own| name.starts_with(own)) || OWN_NAMES.contains(&name))
            })
            .map(|(_, line)| line.as_str())
            .collect::<BTreeSet<&str>>()
            .into_iter()
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::{Macros, Question};
    use crate::digest::Sha256;

    fn fields<'a>(kind: &'a str, subject: &'a str, flags: &'a str) -> Vec<&'a str> {
        let commands = [
            super::COMPILE,
            super::LINK,
            super::PREPROCESS,
            "gcc",
            "gcc -E",
        ];
        let question = [kind, subject, "", "#ifdef HAVE_A_H\n#include <a.h>\n#endif"];
        let flags = [flags, "", "", "", ",", "c", "no"];
        [&question[..], &commands, &flags].concat()
    }

    fn key(question: &[&str], confdefs: &str) -> Sha256 {
        let question = Question::read(question).unwrap();
        question.key(&Macros::read(confdefs), "")
    }

    #[test]
    fn the_key_has_the_flags_and_the_macros_that_can_change_the_answer() {
        let question = fields("header", "b.h", "-O2");
        let plain = key(&question, "#define HAVE_X 1\n#define RETSIGTYPE void\n");
        assert_eq!(key(&question, ""), plain);
        assert_eq!(
            key(&question, "#define SIZEOF_LONG 8\n#define PY_X 1\n"),
            plain
        );
        for confdefs in [
            "#define _GNU_SOURCE 1\n",
            "#define size_t int\n",
            "#define HAVE_A_H 1\n",
            "#define HAVE_UNISTD_H 1\n",
        ] {
            assert_ne!(key(&question, confdefs), plain, "{confdefs}");
        }
        for other in [
            fields("header", "b.h", "-O3"),
            fields("header", "c.h", "-O2"),
            fields("type", "b.h", "-O2"),
        ] {
            assert_ne!(key(&other, ""), plain, "{other:?}");
        }
    }

    #[test]
    fn questions_about_files_of_the_tree_have_no_answer() {
        assert!(Question::read(&fields("header", "b.h", "-I/usr/include/x")).is_some());
        for flags in ["-I.", "-I./Include", "-Llib", "-include x.h", "lib/libx.a"] {
            let read = Question::read(&fields("header", "b.h", flags));
            assert!(flags == "-include x.h" || read.is_none(), "{flags}");
        }
        let mut cross = fields("header", "b.h", "");
        let last = cross.len() - 1;
        cross[last] = "yes";
        assert!(Question::read(&cross).is_none());
    }
}
