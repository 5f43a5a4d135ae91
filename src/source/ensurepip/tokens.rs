//! Just enough of Python's grammar to find a statement in a file and change it where it stands.

use std::ops::Range;

/// A Python file, cut into tokens. Comments and blanks are between the tokens and never looked at.
pub(super) struct Python<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A name, a keyword or a number.
    Word,
    /// One character of an operator or a bracket.
    Sign,
    /// A string literal, with the span of what stands between its quotes.
    Text(Range<usize>),
    /// The end of a logical line.
    LineEnd,
}

/// A statement `NAME = VALUE` at the file's outermost level.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    /// The tokens right of the equals sign.
    pub(super) value: Range<usize>,
    /// The whole statement's tokens, its line end included.
    pub(super) statement: Range<usize>,
}

/// A string or a bracket without its other end: not Python as far as it is known here.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotPython {
    /// Counted from 1.
    pub(super) line: usize,
}

impl<'a> Python<'a> {
    /// Cuts `text` into tokens.
    pub(super) fn read(text: &'a str) -> Result<Self, NotPython> {
        let mut tokens = Vec::new();
        let bytes = text.as_bytes();
        let mut depth = 0_usize;
        let mut at = 0;
        let fail = |at: usize| NotPython {
            line: 1 + text[..at].matches('\n').count(),
        };
        while at < bytes.len() {
            let from = at;
            let kind = match bytes[at] {
                b'#' => {
                    at = line_end(bytes, at);
                    continue;
                }
                b'\\' if bytes[at + 1..].starts_with(b"\n") => {
                    at += 2;
                    continue;
                }
                b'\n' if depth == 0 => {
                    at += 1;
                    // Blank lines and lines that only hold a comment are no statements.
                    if matches!(
                        tokens.last(),
                        None | Some(Token {
                            kind: Kind::LineEnd,
                            ..
                        })
                    ) {
                        continue;
                    }
                    Kind::LineEnd
                }
                byte if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                b'\'' | b'"' => {
                    let inner = string_body(bytes, at).ok_or_else(|| fail(from))?;
                    at = inner.end + quote_length(bytes, at);
                    Kind::Text(inner)
                }
                byte if is_word(byte) => {
                    while at < bytes.len() && is_word(bytes[at]) {
                        at += 1;
                    }
                    let is_prefix = at - from <= 2
                        && bytes[from..at].iter().all(|c| b"rRbBuUfF".contains(c))
                        && matches!(bytes.get(at), Some(b'\'' | b'"'));
                    if is_prefix {
                        let inner = string_body(bytes, at).ok_or_else(|| fail(from))?;
                        at = inner.end + quote_length(bytes, at);
                        Kind::Text(inner)
                    } else {
                        Kind::Word
                    }
                }
                byte => {
                    at += 1;
                    match byte {
                        b'(' | b'[' | b'{' => depth += 1,
                        b')' | b']' | b'}' => {
                            depth = depth.checked_sub(1).ok_or_else(|| fail(from))?;
                        }
                        _ => {}
                    }
                    Kind::Sign
                }
            };
            tokens.push(Token {
                kind,
                span: from..at,
            });
        }
        if depth > 0 {
            return Err(fail(at));
        }
        Ok(Self { text, tokens })
    }

    /// The file itself.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// A token as it stands in the file; empty beyond the last one.
    pub(super) fn word(&self, index: usize) -> &'a str {
        self.tokens
            .get(index)
            .map_or("", |token| &self.text[token.span.clone()])
    }

    /// Where the tokens stand in the file.
    pub(super) fn span(&self, tokens: Range<usize>) -> Range<usize> {
        self.tokens[tokens.start].span.start..self.tokens[tokens.end - 1].span.end
    }

    /// What a string literal holds, escapes as they are written.
    pub(super) fn string(&self, index: usize) -> Option<&'a str> {
        self.string_span(index).map(|span| &self.text[span])
    }

    /// Where that stands in the file.
    pub(super) fn string_span(&self, index: usize) -> Option<Range<usize>> {
        match &self.tokens.get(index)?.kind {
            Kind::Text(inner) => Some(inner.clone()),
            _ => None,
        }
    }

    /// The letters before a string literal's quotes, and its quotes: `f"`, `'`.
    pub(super) fn opening(&self, index: usize) -> Option<&'a str> {
        let inner = self.string_span(index)?;
        Some(&self.text[self.tokens[index].span.start..inner.start])
    }

    /// Whether the token is a name (or a number), rather than a sign or a string.
    pub(super) fn is_name(&self, index: usize) -> bool {
        matches!(self.tokens.get(index), Some(token) if token.kind == Kind::Word)
    }

    /// Whether the tokens from `index` on are these, whatever stands between them.
    pub(super) fn matches(&self, index: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| {
            self.word(index + offset) == *word && self.is_code(index + offset)
        })
    }

    /// Every place where a name stands in the code.
    pub(super) fn uses(&self, name: &str) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(move |index| self.matches(*index, &[name]))
    }

    /// The tokens of the statement that begins at the outermost level with these words, to its line
    /// end; for `def` and its like to the next statement at that level.
    pub(super) fn block(&self, words: &[&str]) -> Option<Range<usize>> {
        let start = (0..self.len())
            .find(|index| self.begins_outermost(*index) && self.matches(*index, words))?;
        let end = (start + 1..self.len())
            .find(|index| self.begins_outermost(*index))
            .unwrap_or(self.len());
        Some(start..end)
    }

    /// The statements that give `name` a value at the outermost level.
    pub(super) fn assignments(&self, name: &str) -> Vec<Assignment> {
        (0..self.len())
            .filter(|index| self.begins_outermost(*index))
            .filter(|index| self.matches(*index, &[name, "="]) && self.word(index + 2) != "=")
            .map(|start| {
                let end = self.line_end(start);
                Assignment {
                    value: start + 2..end,
                    statement: start..(end + 1).min(self.len()),
                }
            })
            .collect()
    }

    /// The line-end token that the logical line of `index` ends with.
    pub(super) fn line_end(&self, index: usize) -> usize {
        (index..self.len())
            .find(|index| self.tokens[*index].kind == Kind::LineEnd)
            .unwrap_or(self.len())
    }

    /// The lines, as a span of the file, that hold these tokens and nothing else but blanks and
    /// comments; `None` when something else stands there too.
    pub(super) fn whole_lines(&self, tokens: Range<usize>) -> Option<Range<usize>> {
        let span = self.span(tokens.clone());
        let start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = line_after(self.text, span.end.saturating_sub(1).max(span.start));
        let before = tokens.start.checked_sub(1).map(|index| &self.tokens[index]);
        let after = self.tokens.get(tokens.end);
        let alone = before.is_none_or(|token| token.span.end <= start)
            && after.is_none_or(|token| token.span.start >= end || token.kind == Kind::LineEnd);
        alone.then_some(start..end)
    }

    fn is_code(&self, index: usize) -> bool {
        matches!(self.tokens[index].kind, Kind::Word | Kind::Sign)
    }

    fn begins_outermost(&self, index: usize) -> bool {
        let start = self.tokens[index].span.start;
        let at_margin = start == 0 || self.text.as_bytes()[start - 1] == b'\n';
        let begins_line = index == 0 || self.tokens[index - 1].kind == Kind::LineEnd;
        at_margin && begins_line && self.tokens[index].kind != Kind::LineEnd
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |offset| from + offset)
}

/// Behind the line feed that ends the line which `at` stands on.
fn line_after(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |offset| at + offset + 1)
}

fn quote_length(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    if bytes[at..].starts_with(&[quote, quote, quote]) {
        3
    } else {
        1
    }
}

/// What stands between the quotes that open at `at`.
fn string_body(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = quote_length(bytes, at);
    let closing = &bytes[at..at + length];
    let start = at + length;
    let mut end = start;
    while end < bytes.len() {
        match bytes[end] {
            // In a raw string too, the character behind a backslash does not close it.
            b'\\' => end += 2,
            b'\n' if length == 1 => return None,
            _ if bytes[end..].starts_with(closing) => return Some(start..end),
            _ => end += 1,
        }
    }
    None
}

/// Changes to a text, each where it stands, in any order, none within another.
#[derive(Debug, Default)]
pub(in crate::source) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Puts `text` in the place of what stands at `span`; an empty span inserts.
    pub(in crate::source) fn replace(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.0.push((span, text.into()));
    }

    /// Takes what stands at `span` out.
    pub(in crate::source) fn delete(&mut self, span: Range<usize>) {
        self.replace(span, "");
    }

    /// The text with all changes made.
    pub(in crate::source) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let mut result = String::with_capacity(text.len());
        let mut at = 0;
        for (span, new) in self.0 {
            debug_assert!(at <= span.start, "changes overlap");
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
    use super::{Edits, Python};

    const TEXT: &str = "\
\"\"\"A = 'not code'
\"\"\"
# A = 'comment'
A = \"it's\"  # B = 1
def f(x):
    A = 3
    return f'{x}' \\
        + r'\\\\'
B = [
    ('x', A),  # ]
]
";

    #[test]
    fn strings_and_comments_are_not_code() {
        let python = Python::read(TEXT).unwrap();
        let found = python.assignments("A");
        assert_eq!(found.len(), 1);
        assert_eq!(python.string(found[0].value.start), Some("it's"));
        assert_eq!(python.opening(found[0].value.start), Some("\""));
        assert_eq!(python.uses("A").count(), 3);
    }

    #[test]
    fn a_block_ends_where_the_next_statement_begins() {
        let python = Python::read(TEXT).unwrap();
        let block = python.block(&["def", "f", "("]).unwrap();
        assert!(TEXT[python.span(block.clone())].ends_with("r'\\\\'\n"));
        assert_eq!(python.word(block.end), "B");
    }

    #[test]
    fn only_lines_without_other_code_are_whole() {
        let python = Python::read(TEXT).unwrap();
        let entry = python.uses("A").nth(2).unwrap();
        let span = python.whole_lines(entry - 3..entry + 3).unwrap();
        assert_eq!(&TEXT[span], "    ('x', A),  # ]\n");
        assert_eq!(python.whole_lines(entry..entry + 1), None);
    }

    #[test]
    fn what_never_ends_is_named_by_its_line() {
        assert_eq!(Python::read("a = 1\nb = 'x\n").err().unwrap().line, 2);
        assert_eq!(Python::read("a = 1)\n").err().unwrap().line, 1);
        assert!(Python::read("a = (1\n").is_err());
    }

    #[test]
    fn edits_are_made_where_they_stand() {
        let mut edits = Edits::default();
        edits.replace(4..5, "Z");
        edits.delete(0..2);
        edits.replace(5..5, "!");
        assert_eq!(edits.apply("abcdef"), "cdZ!f");
    }
}
