//! What of a failed command's output is shown: not all of it, and not just its end.

use std::collections::VecDeque;

use crate::disk::Refusal;

/// Keeps the lines of an output that matter when the command fails: from the first error on, or
/// the last ones when none looks like an error.
#[derive(Default)]
pub(super) struct Excerpt {
    from_first_error: Vec<String>,
    last: VecDeque<String>,
    refusal: Option<Refusal>,
}

impl Excerpt {
    const LINES: usize = 8;

    /// Sees one more line.
    pub(super) fn take(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.refusal = self.refusal.or_else(|| Refusal::told_in(line));
        let line: String = line.chars().take(300).collect();
        if (!self.from_first_error.is_empty() && self.from_first_error.len() < Self::LINES)
            || (self.from_first_error.is_empty() && looks_like_an_error(&line))
        {
            self.from_first_error.push(line.clone());
        }
        if self.last.len() == Self::LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// What the disk refused, by any line: a disk that is full makes many a program stumble over
    /// something else first.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The lines that matter.
    pub(super) fn lines(self) -> Vec<String> {
        if self.from_first_error.is_empty() {
            self.last.into()
        } else {
            self.from_first_error
        }
    }
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
        || line.starts_with("Traceback ")
        || (lower.starts_with("make") && line.contains("***"))
}
