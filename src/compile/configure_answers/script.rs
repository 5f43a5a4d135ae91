//! Reads the text of a `configure` script: the functions of Autoconf's standard checks, the checks that it
//! will make, and the programs of its other checks.

use std::collections::{BTreeMap, BTreeSet};

use super::question::Kind;

/// The end of the macros in a test program.
pub(super) const END_OF_MACROS: &str = "/* end confdefs.h.  */\n";

/// A standard check, as Autoconf 2.69 to 2.72 write it.
struct Function {
    name: &'static str,
    /// Part of its text. Without it, the function asks another question than is known here.
    marker: &'static str,
    /// The shell function that takes its place; see `site.sh`.
    wrapper: &'static str,
}

const FUNCTIONS: [Function; 12] = [
    Function {
        name: "ac_fn_c_check_func",
        marker: "return $2 ();",
        wrapper: "pybuild_check function \"$3\" \"$2\" '' ''",
    },
    Function {
        name: "ac_fn_c_check_header_mongrel",
        marker: "eval \"$3=\\$ac_header_compiler\"",
        wrapper: "pybuild_check header \"$3\" \"$2\" '' \"$4\"",
    },
    Function {
        name: "ac_fn_c_check_header_compile",
        marker: "#include <$2>",
        wrapper: "pybuild_check header \"$3\" \"$2\" '' \"$4\"",
    },
    Function {
        name: "ac_fn_c_check_type",
        marker: "if (sizeof (($2)))",
        wrapper: "pybuild_check type \"$3\" \"$2\" '' \"$4\"",
    },
    Function {
        name: "ac_fn_c_check_member",
        marker: "if (sizeof ac_aggr.$3)",
        wrapper: "pybuild_check member \"$4\" \"$2\" \"$3\" \"$5\"",
    },
    Function {
        name: "ac_fn_c_check_decl",
        marker: "(void) $as_decl_name;",
        wrapper: "pybuild_check declaration \"$3\" \"$2\" '' \"$4\"",
    },
    Function {
        name: "ac_fn_check_decl",
        marker: "(void) $as_decl_name;",
        wrapper: "pybuild_check declaration \"$3\" \"$2\" \"$5\" \"$4\"",
    },
    Function {
        name: "ac_fn_c_compute_int",
        marker: "unsigned long int ulongval (",
        wrapper: "pybuild_integer",
    },
    Function {
        name: "ac_fn_c_try_compile",
        marker: "test -s conftest.$ac_objext",
        wrapper: "pybuild_try compile",
    },
    Function {
        name: "ac_fn_c_try_link",
        marker: "test -s conftest$ac_exeext",
        wrapper: "pybuild_try link",
    },
    Function {
        name: "ac_fn_c_try_cpp",
        marker: "> conftest.i",
        wrapper: "pybuild_try preprocess",
    },
    Function {
        name: "ac_fn_c_try_run",
        marker: "ac_try='./conftest$ac_exeext'",
        wrapper: "pybuild_try run",
    },
];

/// The shell functions that take the place of the script's own. Each original keeps its text, under
/// another name.
pub(super) fn wrappers(script: &str) -> String {
    let mut text = String::new();
    for function in &FUNCTIONS {
        let name = function.name;
        let (start, end) = (format!("\n{name} ()\n"), format!("\n}} # {name}\n"));
        let body = script
            .split_once(&start)
            .and_then(|(_, rest)| rest.split_once(&end));
        let Some((body, _)) = body else { continue };
        if body.contains(function.marker) {
            let wrapper = function.wrapper;
            text += &format!("pybuild_{name} ()\n{body}\n}}\n");
            text += &format!("{name} () {{ {wrapper} pybuild_{name} \"$@\"; }}\n");
        }
    }
    text
}

/// A standard check that the script will make, if its arguments are constants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expected {
    pub kind: Kind,
    pub subject: String,
    pub more: String,
    /// The argument as it is written, with `$ac_includes_default` in it.
    pub includes: String,
}

/// The standard checks in the script. They are a prediction: a check that is not made costs time only.
pub(super) fn expected(script: &str) -> Vec<Expected> {
    let mut found = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (at, _) in script.match_indices("ac_") {
        let rest = &script[at..];
        if script[..at].ends_with("for ")
            && let Some((_, list)) = rest.split_once(" in")
            && (rest.starts_with("ac_func in") || rest.starts_with("ac_header in"))
        {
            let list = list.split_once("\ndo").map_or("", |(list, _)| list);
            names = list
                .split([' ', '\t', '\n', '\\'])
                .filter(|word| !word.is_empty())
                .collect();
            continue;
        }
        let end = rest.find([' ', '\n']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let kind = match name {
            "ac_fn_c_check_func" => Kind::Function,
            "ac_fn_c_check_header_mongrel" | "ac_fn_c_check_header_compile" => Kind::Header,
            "ac_fn_c_check_type" => Kind::Type,
            "ac_fn_c_check_member" => Kind::Member,
            "ac_fn_c_check_decl" | "ac_fn_check_decl" => Kind::Declaration,
            "ac_fn_c_compute_int" => Kind::Integer,
            _ => continue,
        };
        let arguments = quoted_words(after);
        let argument = |index: usize| arguments.get(index).copied().unwrap_or_default();
        let includes = match kind {
            Kind::Function => "",
            Kind::Member => argument(4),
            _ => argument(3),
        };
        let subjects = match argument(1) {
            "$ac_func" | "$ac_header" => names.clone(),
            subject => vec![subject],
        };
        let more = if kind == Kind::Member {
            argument(2)
        } else {
            ""
        };
        for subject in subjects {
            if !subject.is_empty() && !subject.contains(['$', '`', '\\']) {
                found.push(Expected {
                    kind,
                    subject: subject.to_owned(),
                    more: more.to_owned(),
                    includes: includes.to_owned(),
                });
            }
        }
    }
    found
}

/// The words in double quotes that `text` begins with.
fn quoted_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.trim_start_matches([' ', '\t']).strip_prefix('"') {
        let end = start
            .char_indices()
            .find(|(at, c)| *c == '"' && !start[..*at].ends_with('\\'));
        let Some((end, _)) = end else { break };
        words.push(&start[..end]);
        rest = &start[end + 1..];
    }
    words
}

/// The programs of checks that only ask whether the compiler accepts a program, or how it ends. A check
/// that looks into a file or at a message is not among them: it needs the files.
pub(super) fn plain_programs(script: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = script.lines().collect();
    let mut programs: BTreeMap<String, bool> = BTreeMap::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at]
            .trim_start()
            .starts_with("cat confdefs.h - <<_ACEOF >conftest.$ac_ext")
        {
            at += 1;
            continue;
        }
        let body = &lines[at + 1..];
        let Some(length) = body.iter().position(|line| *line == "_ACEOF") else {
            break;
        };
        at += length + 2;
        let text = literal(&body[..length]);
        if let Some(program) = text
            .as_deref()
            .and_then(|text| text.strip_prefix(END_OF_MACROS))
        {
            let plain = asks_only(&lines[at..]);
            programs
                .entry(program.to_owned())
                .and_modify(|all| *all &= plain)
                .or_insert(plain);
        }
    }
    let programs = programs.into_iter().filter(|(_, plain)| *plain);
    programs.map(|(text, _)| text).collect()
}

/// The text that the shell makes of a here-document; `None` if it contains an expansion.
fn literal(lines: &[&str]) -> Option<String> {
    let mut text = String::new();
    for line in lines {
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match (character, characters.peek().copied()) {
                ('$' | '`', _) | ('\\', None) => return None,
                ('\\', Some('$' | '`' | '\\')) => text.extend(characters.next()),
                _ => text.push(character),
            }
        }
        text.push('\n');
    }
    Some(text)
}

/// Whether the lines are an `if` on the compiler's verdict whose branches do not use its files, and which
/// are removed after it.
fn asks_only(lines: &[&str]) -> bool {
    let mut lines = lines.iter().map(|line| line.trim());
    let asks = |line: &str| {
        ["compile", "link", "cpp", "run"]
            .iter()
            .any(|verb| line.starts_with(&format!("if ac_fn_c_try_{verb} \"$LINENO\"")))
    };
    if !lines.next().is_some_and(asks) {
        return false;
    }
    let mut depth = 1;
    for line in lines {
        if depth == 0 {
            return line.starts_with("rm -f ") && line.contains("conftest");
        }
        if line.contains("conftest") {
            return false;
        }
        if line.starts_with("if ") {
            depth += 1;
        } else if line == "fi" {
            depth -= 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{END_OF_MACROS, expected, plain_programs};
    use crate::compile::configure_answers::question::Kind;

    fn check(program: &str, after: &str) -> String {
        format!(
            "cat confdefs.h - <<_ACEOF >conftest.$ac_ext\n{END_OF_MACROS}{program}\n_ACEOF\n{after}\n"
        )
    }

    const ASKS: &str = "if ac_fn_c_try_link \"$LINENO\"; then :\n  x=yes\nelse\n  x=no\nfi\n\
                        rm -f core conftest.err conftest.$ac_objext";

    #[test]
    fn a_check_that_uses_a_file_of_the_compiler_is_not_plain() {
        let plain = |script: &str| plain_programs(script).into_iter().collect::<Vec<_>>();
        let looks = ASKS.replace("x=yes", "grep A conftest.$ac_objext && x=yes");
        let nested = ASKS.replace("x=yes", "if test y; then\n  x=yes\n  fi");
        let keeps = ASKS.replace("rm -f", "mv");
        assert_eq!(plain(&check("int a;", ASKS)), ["int a;\n"]);
        assert_eq!(plain(&check("int b;", &nested)).len(), 1);
        for script in [
            check("int c;", &looks),
            check("int d;", &keeps),
            check("#include <$header>", ASKS),
            check("int e;", "for i in 1 2; do"),
            // One of two equal programs.
            check("int f;", ASKS) + &check("int f;", &looks),
        ] {
            assert!(plain(&script).is_empty(), "{script}");
        }
        assert_eq!(
            plain(&check(r#"f ("\\n \$x")"#, ASKS)),
            ["f (\"\\n $x\")\n"]
        );
    }

    #[test]
    fn checks_in_loops_and_with_arguments_of_several_lines_are_expected() {
        let script = "for ac_func in  a b\\\n c\ndo :\n  ac_fn_c_check_func \"$LINENO\" \"$ac_func\" \"$as\"\ndone\n\
                      ac_fn_check_decl \"$LINENO\" \"D\" \"ac_cv_D\" \"#include <d.h>\n\" \"$o\" \"CFLAGS\"\n\
                      ac_fn_c_check_type \"$LINENO\" \"$x\" \"ac_cv_x\" \"$ac_includes_default\"\n";
        let found: Vec<(Kind, String, String)> = expected(script)
            .into_iter()
            .map(|check| (check.kind, check.subject, check.includes))
            .collect();
        let function = |name: &str| (Kind::Function, name.to_owned(), String::new());
        let declaration = (
            Kind::Declaration,
            "D".to_owned(),
            "#include <d.h>\n".to_owned(),
        );
        assert_eq!(
            found,
            [function("a"), function("b"), function("c"), declaration]
        );
    }
}
