//! Files of kept answers in the store. A file ends with the digest of its content: one that is damaged, or
//! that another version wrote in another form, counts as absent.

use std::collections::BTreeMap;

use crate::digest::Sha256;
use crate::store::Store;

/// The folder of the store.
const FOLDER: &str = "configure-1";

/// A file with more answers begins anew: most of them are of releases and flags that are no longer used.
const MANY: usize = 20_000;

/// The content of a file without its digest.
fn read(store: &Store, name: &str) -> Option<String> {
    let path = store.root().join(FOLDER).join(name);
    let text = fs_err::read_to_string(path).ok()?;
    let (content, digest) = text.trim_end().rsplit_once('\n')?;
    (Sha256::of(content.as_bytes()).to_string() == digest).then(|| content.to_owned())
}

/// Answers by their keys.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers {
    answers: BTreeMap<String, String>,
    changed: bool,
}

impl KeptAnswers {
    pub(super) fn read(store: &Store, name: &str) -> Self {
        let text = read(store, name).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Self {
            answers: lines
                .map(|(key, answer)| (key.to_owned(), answer.to_owned()))
                .collect(),
            changed: false,
        }
    }

    pub(super) fn get(&self, key: Sha256) -> Option<&str> {
        self.answers.get(&key.to_string()).map(String::as_str)
    }

    pub(super) fn insert(&mut self, key: Sha256, answer: &str) {
        self.answers.insert(key.to_string(), answer.to_owned());
        self.changed = true;
    }

    /// Writes new answers, and those that another process has written since.
    pub(super) fn write(mut self, store: &Store, name: &str) {
        if !self.changed {
            return;
        }
        if self.answers.len() < MANY {
            let others = Self::read(store, name).answers;
            self.answers.extend(others);
        }
        let lines: Vec<String> = self
            .answers
            .into_iter()
            .map(|(key, answer)| format!("{key} {answer}"))
            .collect();
        let content = lines.join("\n");
        let digest = Sha256::of(content.as_bytes());
        // It is only a cache: without it, the next build asks again.
        let _ = store.put(FOLDER, name, format!("{content}\n{digest}\n").as_bytes());
    }
}
