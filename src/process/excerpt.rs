//! The part of a failed command's output that is shown: its errors, without what surrounds them.

use std::collections::VecDeque;

use crate::fs::disk::Refusal;

/// Keeps the lines of an output that matter when the command fails.
///
/// A compiler's first error causes those after it, so lines are kept from there on. A Python traceback
/// has its cause at its end, so the last exceptions are kept, each with the place that raised it. The
/// last lines are kept for an output that has neither.
#[derive(Default)]
pub(crate) struct Excerpt {
    from_first_error: Vec<String>,
    exceptions: VecDeque<Exception>,
    /// The traceback that is being read, or the message below it.
    part: Part,
    /// How far that traceback is indented, as pip does with the output of other programs.
    indent: usize,
    /// Whether an exception came before the first error.
    exceptions_first: bool,
    last: VecDeque<String>,
    last_notices: VecDeque<String>,
    refusal: Option<Refusal>,
}

/// The end of a traceback.
#[derive(Default)]
struct Exception {
    /// Its last lines before the message: the file, and the line in it.
    place: VecDeque<String>,
    message: Vec<String>,
}

#[derive(Default, PartialEq, Eq)]
enum Part {
    #[default]
    Other,
    Traceback,
    Message,
}

impl Excerpt {
    const LINES: usize = 8;
    /// Of each kind, for an exception.
    const PLACE: usize = 3;
    const MESSAGE: usize = 4;
    /// A cause, what was raised over it, and what a process that started the first one says.
    const EXCEPTIONS: usize = 3;

    /// Sees all lines of a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut excerpt = Self::default();
        for line in text.lines() {
            excerpt.take(line.trim_end());
        }
        excerpt
    }

    /// Sees one more line.
    pub(crate) fn take(&mut self, line: &str) {
        self.refusal = self.refusal.or_else(|| Refusal::told_in(line));
        let line = without_colours(line);
        let line: String = line.chars().take(300).collect();
        if line.trim().is_empty() {
            return;
        }
        let line = self.take_python(line);
        let Some(line) = line else { return };
        if is_notice(&line) {
            push(&mut self.last_notices, line, Self::LINES);
            return;
        }
        if self.from_first_error.is_empty() && looks_like_an_error(&line) {
            if line.contains(": error:") || line.contains(": fatal error:") {
                // A compiler's: the exceptions before it did not end the command.
                self.exceptions.clear();
            }
            self.exceptions_first = !self.exceptions.is_empty();
            self.from_first_error.push(line.clone());
        } else if (1..Self::LINES).contains(&self.from_first_error.len()) {
            self.from_first_error.push(line.clone());
        }
        push(&mut self.last, line, Self::LINES);
    }

    /// Takes the lines of Python's tracebacks; gives any other one back.
    fn take_python(&mut self, line: String) -> Option<String> {
        let inner = without_border(&line);
        if inner.ends_with("Traceback (most recent call last):") {
            push(&mut self.exceptions, Exception::default(), Self::EXCEPTIONS);
            self.part = Part::Traceback;
            self.indent = inner.len() - inner.trim_start().len();
            return None;
        }
        let inner = match inner.split_at_checked(self.indent) {
            Some((indent, rest)) if indent.trim().is_empty() => rest,
            _ => inner,
        };
        let is_indented = inner.starts_with(char::is_whitespace);
        match self.part {
            Part::Traceback if is_indented => {
                let exception = self.exceptions.back_mut()?;
                push(&mut exception.place, line, Self::PLACE);
                return None;
            }
            Part::Other | Part::Message if is_exception(inner) => {
                // The place of a SyntaxError stands before it without a headline.
                push(&mut self.exceptions, Exception::default(), Self::EXCEPTIONS);
                let exception = self.exceptions.back_mut()?;
                if self.part == Part::Other {
                    let place = self.last.iter().rev();
                    let place = place.take_while(|line| line.starts_with("  "));
                    for line in place.take(Self::PLACE) {
                        exception.place.push_front(line.clone());
                    }
                }
            }
            Part::Traceback => {}
            Part::Message if !ends_message(inner) => {}
            Part::Message | Part::Other => {
                self.part = Part::Other;
                return (!is_link_of_chain(inner)).then_some(line);
            }
        }
        self.part = Part::Message;
        let exception = self.exceptions.back_mut()?;
        if exception.message.len() < Self::MESSAGE {
            exception.message.push(line);
        }
        None
    }

    /// The disk's refusal that any line speaks of: a disk that is full makes many a program stumble
    /// over something else first.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The lines that matter.
    pub(crate) fn lines(self) -> Vec<String> {
        let exceptions = self.exceptions.into_iter();
        let exceptions = exceptions.flat_map(|one| one.place.into_iter().chain(one.message));
        let lines: Vec<String> = if self.exceptions_first {
            exceptions.chain(self.from_first_error).collect()
        } else {
            self.from_first_error
                .into_iter()
                .chain(exceptions)
                .collect()
        };
        [lines, self.last.into(), self.last_notices.into()]
            .into_iter()
            .find(|lines| !lines.is_empty())
            .unwrap_or_default()
    }
}

fn push<T>(lines: &mut VecDeque<T>, line: T, most: usize) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// The line without the sequences that colour it (ECMA-48, 5.4).
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c));
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    plain
}

/// The line of an exception group (PEP 654) without the border on its left.
fn without_border(line: &str) -> &str {
    let inner = line.trim_start();
    let inner = inner.strip_prefix(['|', '+']).unwrap_or(line);
    inner.strip_prefix(' ').unwrap_or(inner)
}

/// `ValueError: message`, `pip._internal.exceptions.InstallationError`.
fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let is_name = |c: char| c.is_alphanumeric() || "._".contains(c);
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(is_name)
        && ["Error", "Exception", "ExceptionGroup", "KeyboardInterrupt"]
            .iter()
            .any(|ending| name.ends_with(ending) && name != "Error")
}

/// Whether a line cannot be part of an exception's message.
fn ends_message(line: &str) -> bool {
    is_notice(line) || is_link_of_chain(line) || looks_like_an_error(line)
}

/// What Python writes between two exceptions, and around those of a group.
fn is_link_of_chain(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
        || (line.starts_with(['-', '+']) && line.contains("------"))
}

/// pip's and Python's warnings: they come before and after errors, and say nothing of them.
fn is_notice(line: &str) -> bool {
    let line = line.trim_start();
    ["[notice]", "WARNING:", "DEPRECATION:", "Looking in "]
        .iter()
        .any(|mark| line.starts_with(mark))
        || line.contains("Warning: ")
}

fn looks_like_an_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    // `-Werror` and the like stand in nearly every compiler command line.
    let after_a_space = |mark: &str| lower.starts_with(mark) || lower.contains(&format!(" {mark}"));
    after_a_space("error:")
        || after_a_space("fatal error:")
        || lower.contains("segmentation fault")
        || lower.contains("undefined reference")
        || lower.contains("no space left on device")
        || line.starts_with("Fatal Python error")
        || line.contains("error while loading shared libraries")
        || line.contains("' not found (required by ")
        || (lower.starts_with("make") && line.contains("***"))
}

#[cfg(test)]
mod tests {
    use super::Excerpt;

    #[track_caller]
    fn shown(output: &str, expected: &[&str]) {
        assert_eq!(Excerpt::of(output).lines(), expected, "{output}");
    }

    #[test]
    fn a_traceback_is_shown_from_its_end() {
        let frames = "  File \"a.py\", line 1, in a\n    b()\n".repeat(9);
        let output = format!(
            "noise\nTraceback (most recent call last):\n{frames}  File \"b.py\", line 7, in b\n\
             \x20   fail()\n    ~~~~^^\nOSError: cannot\nbe done\n[notice] A new release of pip\n\
             x.py:3: DeprecationWarning: old\n"
        );
        shown(
            &output,
            &[
                "  File \"b.py\", line 7, in b",
                "    fail()",
                "    ~~~~^^",
                "OSError: cannot",
                "be done",
            ],
        );
        let coloured = output.replace("OSError", "\u{1b}[1;35mOSError\u{1b}[0m");
        assert_eq!(Excerpt::of(&output).lines(), Excerpt::of(&coloured).lines());
    }

    #[test]
    fn each_exception_of_a_chain_is_shown() {
        let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\n";
        shown(
            &format!(
                "{trace}KeyError: 'cause'\n\nDuring handling of the above exception, another \
                 exception occurred:\n\n{trace}odd.Name: second\n\nThe above exception was the \
                 direct cause of the following exception:\n\n{trace}SystemError\n"
            ),
            &[
                "  File \"a.py\", line 1",
                "KeyError: 'cause'",
                "  File \"a.py\", line 1",
                "odd.Name: second",
                "  File \"a.py\", line 1",
                "SystemError",
            ],
        );
    }

    #[test]
    fn the_exceptions_of_a_group_are_shown() {
        shown(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1\n  \
             | ExceptionGroup: two (1 sub-exception)\n  +-+---------------- 1 ----------------\n    \
             | ValueError: bad\n    +------------------------------------\n",
            &[
                "  |   File \"a.py\", line 1",
                "  | ExceptionGroup: two (1 sub-exception)",
                "    | ValueError: bad",
            ],
        );
    }

    #[test]
    fn a_syntax_error_is_shown_with_its_place() {
        shown(
            "  File \"a.py\", line 3\n    a b\n      ^\nSyntaxError: invalid syntax\n",
            &[
                "  File \"a.py\", line 3",
                "    a b",
                "      ^",
                "SyntaxError: invalid syntax",
            ],
        );
    }

    #[test]
    fn the_error_of_pip_is_shown_and_not_what_surrounds_it() {
        let notice = "WARNING: Running pip as root\n[notice] To update, run: pip\n";
        shown(
            &format!("Looking in links: /x\n{notice}ERROR: No matching distribution\n{notice}"),
            &["ERROR: No matching distribution"],
        );
        shown(
            "ERROR: Exception:\nTraceback (most recent call last):\n  File \"a.py\", line 1\n\
             ImportError: version `GLIBC_2.38' not found\n",
            &[
                "ERROR: Exception:",
                "  File \"a.py\", line 1",
                "ImportError: version `GLIBC_2.38' not found",
            ],
        );
        shown(notice, &notice.lines().collect::<Vec<_>>());
    }

    #[test]
    fn an_exception_in_the_output_of_another_program_is_shown() {
        shown(
            "  error: subprocess-exited-with-error\n      Traceback (most recent call last):\n        \
             File \"a.py\", line 1\n      ValueError: bad\n      one\n      two\n      three\n",
            &[
                "  error: subprocess-exited-with-error",
                "        File \"a.py\", line 1",
                "      ValueError: bad",
                "      one",
                "      two",
                "      three",
            ],
        );
    }

    #[test]
    fn an_exception_is_shown_before_the_error_of_make_and_not_before_that_of_a_compiler() {
        let exception =
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 1\n";
        shown(
            &format!("{exception}make: *** [install] Error 1\n"),
            &[
                "  File \"a.py\", line 1",
                "KeyError: 1",
                "make: *** [install] Error 1",
            ],
        );
        shown(
            &format!("{exception}noise\na.c:1: error: bad\n"),
            &["a.c:1: error: bad"],
        );
    }

    #[test]
    fn the_end_of_an_interpreter_is_shown() {
        let fatal =
            "Fatal Python error: no codec\nModuleNotFoundError: No module named 'encodings'";
        shown(fatal, &fatal.lines().collect::<Vec<_>>());
        let loader = "python: libc.so.6: version `GLIBC_2.38' not found (required by python)";
        shown(&format!("{loader}\nnote\n"), &[loader, "note"]);
        shown("", &[]);
    }

    #[test]
    fn the_first_error_of_a_compiler_is_shown() {
        let noise = "cc -Werror -c b.c\n".repeat(20);
        let output = format!("{noise}a.c:1: error: first\n{noise}make: *** [all] Error 1\n");
        let lines = Excerpt::of(&output).lines();
        assert_eq!((lines.len(), &*lines[0]), (8, "a.c:1: error: first"));
    }
}
