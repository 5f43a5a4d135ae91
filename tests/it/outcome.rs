//! The exit code and the output of a run, and assertions about them.

use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Outcome {
    /// `None` when a signal ended the run.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    temp: PathBuf,
}

impl Outcome {
    /// `temp` is the folder whose path is filtered out of the texts.
    pub fn new(output: &std::process::Output, temp: &Path) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            temp: temp.to_owned(),
        }
    }

    #[track_caller]
    pub fn success(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts that standard error contains all these texts.
    #[track_caller]
    pub fn says<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "`{text}` is missing in:\n{self}"
            );
        }
        self
    }

    /// Asserts that neither output contains this text.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "`{text}` in:\n{self}"
        );
        self
    }

    /// Asserts exactly one `error:` line, with a hint after it.
    #[track_caller]
    pub fn has_one_error_with_a_hint(self) -> Self {
        let lines_with = |mark: &str| {
            let lines = self.stderr.lines();
            lines.filter(|line| line.starts_with(mark)).count()
        };
        assert_eq!(lines_with("error:"), 1, "one error in:\n{self}");
        assert_eq!(lines_with("hint:"), 1, "one hint in:\n{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// Standard error without the parts that differ from run to run.
    pub fn filtered_stderr(&self) -> String {
        filtered(&self.stderr, &self.temp)
    }

    /// Standard output without the parts that differ from run to run.
    pub fn filtered_stdout(&self) -> String {
        filtered(&self.stdout, &self.temp)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            ..
        } = self;
        write!(
            f,
            "exit code: {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---"
        )
    }
}

/// Replaces the test's folder, digests, ports, durations and the names of logs.
fn filtered(text: &str, temp: &Path) -> String {
    let text = text.replace(&temp.display().to_string(), "[TEMP]");
    let mut result = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(filtered_word).collect();
        result.push_str(&without_durations(&words).join(" "));
        result.push('\n');
    }
    result
}

fn filtered_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let core = core.strip_prefix("sha256:").unwrap_or(core);
    if core.len() == 64 && core.bytes().all(|c| c.is_ascii_hexdigit()) {
        return word.replace(core, "[SHA256]");
    }
    if let Some((before, _)) = word.split_once("/logs/") {
        return format!("{before}/logs/[LOG]");
    }
    // A build folder has six random characters in its name.
    if let Some((before, rest)) = word.split_once("/build/")
        && let Some((name, rest)) = rest.split_once('-')
        && rest.len() > 6
    {
        return format!("{before}/build/{name}-[RANDOM]{}", &rest[6..]);
    }
    let Some((before, rest)) = word.split_once("http://127.0.0.1:") else {
        return word.to_owned();
    };
    let path = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}[SERVER]{path}")
}

/// `(0.4 s)` and `(2 min 5 s)` become `([TIME])`.
fn without_durations(words: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        kept.push(word);
        if word == "s)" {
            let from = kept.iter().rposition(|word| word.starts_with('('));
            kept.truncate(from.unwrap_or(kept.len()));
            kept.push("([TIME])");
        }
    }
    kept
}

mod tests {
    use super::filtered;

    #[test]
    fn parts_that_differ_from_run_to_run_are_filtered_out() {
        let text = format!(
            "make 3 files in /t/x/a (2 min 5 s)\nsee http://127.0.0.1:80/p: {}, /t/x/logs/7.log\n",
            "ab".repeat(32)
        );
        let shown = filtered(&text, std::path::Path::new("/t/x"));
        assert_eq!(
            shown,
            "make 3 files in [TEMP]/a ([TIME])\nsee [SERVER]/p: [SHA256], [TEMP]/logs/[LOG]\n"
        );
    }
}
