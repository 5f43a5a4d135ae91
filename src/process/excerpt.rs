//! The relevant lines of a failed command's output: the errors, without their surroundings.

use std::collections::VecDeque;

use crate::fs::disk::Refusal;

/// Collects the relevant lines of an output.
///
/// A compiler's first error causes the others, so lines are kept from there on. A Python traceback
/// has its cause at its end, so the last exceptions are kept, each with the line that raised it. An
/// output with neither is represented by its last lines.
#[derive(Default)]
pub(crate) struct Excerpt {
    from_first_error: Vec<String>,
    exceptions: VecDeque<Exception>,
    part: Part,
    /// The indentation of the current traceback: pip indents the output of other programs.
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
    /// The last lines before the message: the file, and the line in it.
    place: VecDeque<String>,
    message: Vec<String>,
}

/// The kind of the previous line.
#[derive(Default, PartialEq, Eq)]
enum Part {
    #[default]
    Other,
    Traceback,
    /// An exception's message.
    Message,
}

impl Excerpt {
    const LINES: usize = 8;
    /// The lines of each exception's place, and of its message.
    const PLACE: usize = 3;
    const MESSAGE: usize = 4;
    /// Enough for a cause, the exception raised from it, and that of the parent process.
    const EXCEPTIONS: usize = 3;

    pub(crate) fn of(text: &str) -> Self {
        let mut excerpt = Self::default();
        for line in text.lines() {
            excerpt.take(line.trim_end());
        }
        excerpt
    }

    /// Takes the next line.
    pub(crate) fn take(&mut self, line: &str) {
        self.refusal = self.refusal.or_else(|| Refusal::in_output(line));
        let line: String = without_colours(line).chars().take(300).collect();
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = self.take_python(line) else {
            return;
        };
        if is_notice(&line) {
            push(&mut self.last_notices, line, Self::LINES);
            return;
        }
        if self.from_first_error.is_empty() && looks_like_an_error(&line) {
            if line.contains(": error:") || line.contains(": fatal error:") {
                // A compiler's error: the earlier exceptions did not end the command.
                self.exceptions.clear();
            }
            self.exceptions_first = !self.exceptions.is_empty();
            self.from_first_error.push(line.clone());
        } else if (1..Self::LINES).contains(&self.from_first_error.len()) {
            self.from_first_error.push(line.clone());
        }
        push(&mut self.last, line, Self::LINES);
    }

    /// Takes a line of a Python traceback; returns any other line.
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
        match self.part {
            Part::Traceback if inner.starts_with(char::is_whitespace) => {
                let exception = self.exceptions.back_mut()?;
                push(&mut exception.place, line, Self::PLACE);
                return None;
            }
            Part::Other | Part::Message if is_exception(inner) => {
                let mut exception = Exception::default();
                if self.part == Part::Other {
                    // The place of a SyntaxError comes before it, without a headline.
                    let place = self.last.iter().rev();
                    let place = place.take_while(|line| line.starts_with("  "));
                    exception.place = place.take(Self::PLACE).cloned().collect();
                    exception.place.make_contiguous().reverse();
                }
                push(&mut self.exceptions, exception, Self::EXCEPTIONS);
            }
            Part::Traceback => {}
            Part::Message if !ends_message(inner) => {}
            Part::Message | Part::Other => {
                self.part = Part::Other;
                return (!is_link_of_chain(inner)).then_some(line);
            }
        }
        self.part = Part::Message;
        let message = &mut self.exceptions.back_mut()?.message;
        if message.len() < Self::MESSAGE {
            message.push(line);
        }
        None
    }

    /// The disk error that any line reports. A program on a full disk often fails with a different
    /// error later.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    pub(crate) fn lines(self) -> Vec<String> {
        let exceptions = self.exceptions.into_iter();
        let exceptions = exceptions.flat_map(|one| one.place.into_iter().chain(one.message));
        let mut parts = [self.from_first_error, exceptions.collect()];
        if self.exceptions_first {
            parts.reverse();
        }
        [parts.concat(), self.last.into(), self.last_notices.into()]
            .into_iter()
            .find(|lines| !lines.is_empty())
            .unwrap_or_default()
    }
}

/// The lines as the end of an error message: indented, each on a line of its own.
pub(crate) fn excerpt(lines: &[String]) -> String {
    let lines = lines.iter().map(String::as_str);
    lines.flat_map(|line| ["\n    ", line]).collect()
}

fn push<T>(lines: &mut VecDeque<T>, line: T, most: usize) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// The line without colour sequences (ECMA-48, 5.4).
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
    name != "Error"
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(is_name)
        && ["Error", "Exception", "ExceptionGroup", "KeyboardInterrupt"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// Whether a line cannot be part of an exception's message.
fn ends_message(line: &str) -> bool {
    is_notice(line) || is_link_of_chain(line) || looks_like_an_error(line)
}

/// Whether Python prints the line between two exceptions, or around those of a group.
fn is_link_of_chain(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
        || (line.starts_with(['-', '+']) && line.contains("------"))
}

/// Whether the line is a warning of pip or Python, which has nothing to do with the error.
fn is_notice(line: &str) -> bool {
    let line = line.trim_start();
    ["[notice]", "WARNING:", "DEPRECATION:", "Looking in "]
        .iter()
        .any(|mark| line.starts_with(mark))
        || line.contains("Warning: ")
}

fn looks_like_an_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    // Not `-Werror`, which is part of nearly every compiler command line.
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
    fn the_end_of_a_traceback_is_shown() {
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
    fn the_error_of_pip_is_shown_without_its_notices() {
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
    fn an_exception_is_shown_before_an_error_of_make_but_not_before_one_of_a_compiler() {
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
    fn a_fatal_error_of_an_interpreter_is_shown() {
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
