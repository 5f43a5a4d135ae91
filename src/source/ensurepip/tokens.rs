//! Finds statements in a Python file: just enough of the language to edit a file in place.

use std::ops::Range;

use super::error::UnknownForm;

/// A Python file as tokens. Blanks and comments are not tokens.
pub(super) struct Tokens<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
}

#[derive(Debug, PartialEq, Eq)]
struct Token {
    kind: TokenKind,
    span: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
enum TokenKind {
    /// A name, a keyword or a number.
    Word,
    /// One character of an operator or a bracket.
    Sign,
    /// A string literal, with the span between its quotes.
    Text(Range<usize>),
    /// The end of a logical line.
    LineEnd,
}

/// A statement `NAME = VALUE` at the outermost level.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    /// The tokens right of the equals sign.
    pub(super) value: Range<usize>,
    /// All tokens, with the line end.
    pub(super) statement: Range<usize>,
}

impl<'a> Tokens<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, UnknownForm> {
        let bytes = text.as_bytes();
        let unbalanced = |at: usize| {
            let line = 1 + text[..at].matches('\n').count();
            UnknownForm::new(format!(
                "line {line} is not Python that pybuild can read: a string or bracket is not closed"
            ))
        };
        let mut tokens: Vec<Token> = Vec::new();
        let (mut depth, mut at) = (0_usize, 0);
        while at < bytes.len() {
            let start = at;
            let kind = match bytes[at] {
                b'#' => {
                    at += bytes[at..]
                        .iter()
                        .take_while(|byte| **byte != b'\n')
                        .count();
                    continue;
                }
                b'\\' if bytes[at + 1..].starts_with(b"\n") => {
                    at += 2;
                    continue;
                }
                b'\n' if depth == 0 => {
                    at += 1;
                    // Blank lines and comment lines are no statements.
                    if tokens
                        .last()
                        .is_none_or(|last| last.kind == TokenKind::LineEnd)
                    {
                        continue;
                    }
                    TokenKind::LineEnd
                }
                byte if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                _ => {
                    let word = bytes[at..]
                        .iter()
                        .take_while(|byte| is_word(**byte))
                        .count();
                    at += word;
                    let is_string_prefix =
                        word <= 2 && bytes[start..at].iter().all(|c| b"rRbBuUfF".contains(c));
                    if is_string_prefix && matches!(bytes.get(at), Some(b'\'' | b'"')) {
                        let body = string_body(bytes, at).ok_or_else(|| unbalanced(start))?;
                        at = body.end + (body.start - at);
                        TokenKind::Text(body)
                    } else if word > 0 {
                        TokenKind::Word
                    } else {
                        match bytes[at] {
                            b'(' | b'[' | b'{' => depth += 1,
                            b')' | b']' | b'}' => {
                                depth = depth.checked_sub(1).ok_or_else(|| unbalanced(start))?;
                            }
                            _ => {}
                        }
                        at += 1;
                        TokenKind::Sign
                    }
                }
            };
            let span = start..at;
            tokens.push(Token { kind, span });
        }
        if depth > 0 {
            return Err(unbalanced(at));
        }
        Ok(Self { text, tokens })
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// A token as it is written; empty beyond the last one.
    pub(super) fn word(&self, index: usize) -> &'a str {
        let token = self.tokens.get(index);
        token.map_or("", |token| &self.text[token.span.clone()])
    }

    /// The span of the file from the first to the last of the tokens.
    pub(super) fn span(&self, tokens: Range<usize>) -> Range<usize> {
        self.tokens[tokens.start].span.start..self.tokens[tokens.end - 1].span.end
    }

    /// The content of a string literal, with its escapes as they are written.
    pub(super) fn string(&self, index: usize) -> Option<&'a str> {
        self.string_span(index).map(|span| &self.text[span])
    }

    /// The span of that content in the file.
    pub(super) fn string_span(&self, index: usize) -> Option<Range<usize>> {
        match &self.tokens.get(index)?.kind {
            TokenKind::Text(body) => Some(body.clone()),
            _ => None,
        }
    }

    /// A string literal's prefix and opening quotes: `f"`, `'`.
    pub(super) fn opening(&self, index: usize) -> Option<&'a str> {
        let body = self.string_span(index)?;
        Some(&self.text[self.tokens[index].span.start..body.start])
    }

    /// Whether the token is a name or a number, rather than a sign or a string.
    pub(super) fn is_name(&self, index: usize) -> bool {
        matches!(self.tokens.get(index), Some(token) if token.kind == TokenKind::Word)
    }

    /// Whether the tokens from `index` on are these words and signs.
    pub(super) fn matches(&self, index: usize, words: &[&str]) -> bool {
        words.iter().zip(index..).all(|(word, index)| {
            self.word(index) == *word
                && matches!(self.tokens[index].kind, TokenKind::Word | TokenKind::Sign)
        })
    }

    /// Every use of a name in the code.
    pub(super) fn uses(&self, name: &str) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(move |index| self.matches(*index, &[name]))
    }

    /// The tokens of the block that begins at the outermost level with these words, up to the next
    /// statement at that level.
    pub(super) fn block(&self, words: &[&str]) -> Option<Range<usize>> {
        let mut starts = self.outermost();
        let start = starts.find(|index| self.matches(*index, words))?;
        Some(start..starts.next().unwrap_or(self.len()))
    }

    /// The statements that assign to `name` at the outermost level.
    pub(super) fn assignments(&self, name: &str) -> Vec<Assignment> {
        self.outermost()
            .filter(|index| self.matches(*index, &[name, "="]) && self.word(index + 2) != "=")
            .map(|start| {
                let end = (start..self.len())
                    .find(|index| self.tokens[*index].kind == TokenKind::LineEnd)
                    .unwrap_or(self.len());
                Assignment {
                    value: start + 2..end,
                    statement: start..(end + 1).min(self.len()),
                }
            })
            .collect()
    }

    /// The lines, as a span of the file, that hold these tokens and no others; `None` when other
    /// tokens share the lines.
    pub(super) fn whole_lines(&self, tokens: Range<usize>) -> Option<Range<usize>> {
        let span = self.span(tokens.clone());
        let start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = if self.text[..span.end].ends_with('\n') {
            span.end
        } else {
            let rest = self.text[span.end..].find('\n');
            rest.map_or(self.text.len(), |at| span.end + at + 1)
        };
        let before = tokens.start.checked_sub(1).map(|index| &self.tokens[index]);
        let after = self.tokens.get(tokens.end);
        let is_alone = before.is_none_or(|token| token.span.end <= start)
            && after
                .is_none_or(|token| token.span.start >= end || token.kind == TokenKind::LineEnd);
        is_alone.then_some(start..end)
    }

    /// The first token of each statement at the outermost level.
    fn outermost(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|index| {
            let Token { kind, span } = &self.tokens[*index];
            let is_at_margin = span.start == 0 || self.text[..span.start].ends_with('\n');
            let begins_line = *index == 0 || self.tokens[index - 1].kind == TokenKind::LineEnd;
            is_at_margin && begins_line && *kind != TokenKind::LineEnd
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The span between the quotes that open at `at`.
fn string_body(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let quote = bytes[at];
    let is_triple = bytes[at..].starts_with(&[quote; 3]);
    let closing = &[quote; 3][..if is_triple { 3 } else { 1 }];
    let start = at + closing.len();
    let mut end = start;
    while end < bytes.len() {
        match bytes[end] {
            // In a raw string too, a quote behind a backslash does not close it.
            b'\\' => end += 2,
            b'\n' if !is_triple => return None,
            _ if bytes[end..].starts_with(closing) => return Some(start..end),
            _ => end += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Tokens;

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
        let tokens = Tokens::read(TEXT).unwrap();
        let found = tokens.assignments("A");
        assert_eq!(found.len(), 1);
        assert_eq!(tokens.string(found[0].value.start), Some("it's"));
        assert_eq!(tokens.opening(found[0].value.start), Some("\""));
        assert_eq!(tokens.uses("A").count(), 3);
    }

    #[test]
    fn a_block_ends_where_the_next_statement_begins() {
        let tokens = Tokens::read(TEXT).unwrap();
        let block = tokens.block(&["def", "f", "("]).unwrap();
        assert!(TEXT[tokens.span(block.clone())].ends_with("r'\\\\'\n"));
        assert_eq!(tokens.word(block.end), "B");
    }

    #[test]
    fn only_lines_without_other_code_are_whole() {
        let tokens = Tokens::read(TEXT).unwrap();
        let entry = tokens.uses("A").nth(2).unwrap();
        let span = tokens.whole_lines(entry - 3..entry + 3).unwrap();
        assert_eq!(&TEXT[span], "    ('x', A),  # ]\n");
        assert_eq!(tokens.whole_lines(entry..entry + 1), None);
    }

    #[test]
    fn an_unbalanced_string_or_bracket_is_reported_with_its_line() {
        for (text, line) in [("a = 1\nb = 'x\n", 2), ("a = 1)\n", 1), ("a = (1\n", 2)] {
            let error = Tokens::read(text).err().unwrap().to_string();
            assert!(error.starts_with(&format!("line {line} ")), "{error}");
        }
    }
}
