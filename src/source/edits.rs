//! Replacements at spans of a text.

use std::ops::Range;

/// Replacements that may be added in any order and must not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Replaces the text at `span`; an empty span inserts.
    pub(super) fn replace(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.0.push((span, text.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    pub(super) fn delete(&mut self, span: Range<usize>) {
        self.replace(span, "");
    }

    pub(super) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let mut result = String::with_capacity(text.len());
        let mut at = 0;
        for (span, new) in self.0 {
            debug_assert!(at <= span.start, "edits overlap");
            result.push_str(&text[at..span.start]);
            result.push_str(&new);
            at = span.end;
        }
        result.push_str(&text[at..]);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn edits_are_applied_at_their_spans() {
        let mut edits = Edits::default();
        edits.replace(4..5, "Z");
        edits.delete(0..2);
        edits.insert(5, "!");
        assert_eq!(edits.apply("abcdef"), "cdZ!f");
    }
}
