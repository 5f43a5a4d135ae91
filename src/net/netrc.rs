//! Passwords from a `.netrc` file, in the form that Python's `netrc` module reads
//! (<https://docs.python.org/3/library/netrc.html>).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::path::PathBuf;
use std::str::Chars;

use crate::environment::Environment;

/// User and password for a host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// The logins of a file, by host.
#[derive(Debug, Default)]
pub(super) struct Netrc(BTreeMap<String, Login>);

const DEFAULT: &str = "default";

impl Netrc {
    /// The file that `NETRC` names, or `~/.netrc`. A file that cannot be read or parsed counts as
    /// empty, as with pip: it may be meant for other tools.
    pub(super) fn of(environment: &Environment) -> Self {
        let named = environment.variable_os("NETRC").map(PathBuf::from);
        named
            .or_else(|| Some(environment.home()?.join(".netrc")))
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|bytes| Self::parse(&String::from_utf8_lossy(&bytes)))
            .unwrap_or_default()
    }

    pub(super) fn login(&self, host: &str) -> Option<&Login> {
        self.0.get(host).or_else(|| self.0.get(DEFAULT))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut tokens = Tokens(text.chars().peekable());
        let mut logins = BTreeMap::new();
        let mut host: Option<String> = None;
        while let Some(token) = tokens.next() {
            match token.as_str() {
                comment if comment.starts_with('#') => drop(tokens.line()),
                "machine" | DEFAULT => {
                    let name = if token == DEFAULT {
                        token
                    } else {
                        tokens.next()?
                    };
                    logins.insert(name.clone(), Login::default());
                    host = Some(name);
                }
                // A macro ends with an empty line.
                "macdef" => {
                    tokens.line();
                    while !tokens.line().trim().is_empty() {}
                    host = None;
                }
                "login" | "user" => logins.get_mut(host.as_ref()?)?.user = tokens.next()?,
                "password" => logins.get_mut(host.as_ref()?)?.password = tokens.next()?,
                "account" if host.is_some() => drop(tokens.next()?),
                _ => return None,
            }
        }
        Some(Self(logins))
    }
}

/// Words between white space; a word may stand in double quotes, and `\` escapes a character.
struct Tokens<'a>(Peekable<Chars<'a>>);

impl Tokens<'_> {
    /// The rest of the line.
    fn line(&mut self) -> String {
        self.0.by_ref().take_while(|c| *c != '\n').collect()
    }
}

impl Iterator for Tokens<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
        self.0.peek()?;
        let is_quoted = self.0.next_if_eq(&'"').is_some();
        let mut token = String::new();
        while let Some(c) = self.0.next_if(|c| is_quoted || !c.is_whitespace()) {
            match c {
                '"' if is_quoted => break,
                '\\' => token.extend(self.0.next()),
                _ => token.push(c),
            }
        }
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::{Login, Netrc};

    #[test]
    fn logins_are_read_as_python_reads_them() {
        let text = "# a comment of several words\n\
             machine a.example\n  login me\n  password \"se cr\\\"et\"\n\n\
             machine b.example user you account x password #a\\ b # comment\n#c\n\
             macdef init\nmachine c.example login no\n\n\
             machine d.example\ndefault login anonymous password \"\"\n";
        let netrc = Netrc::parse(text).unwrap();
        for (host, user, password) in [
            ("a.example", "me", "se cr\"et"),
            ("b.example", "you", "#a b"),
            ("c.example", "anonymous", ""),
            ("d.example", "", ""),
        ] {
            let expected = Login {
                user: user.to_owned(),
                password: password.to_owned(),
            };
            assert_eq!(netrc.login(host), Some(&expected), "{host}");
        }
        let netrc = Netrc::parse("machine a.example login me password x").unwrap();
        assert_eq!(netrc.login("b.example"), None);
    }

    #[test]
    fn a_file_with_an_error_counts_as_empty() {
        for text in [
            "login me",
            "machine",
            "machine a.example login",
            "machine a.example secret x",
            "macdef init\nx\n\nlogin me",
        ] {
            assert!(Netrc::parse(text).is_none(), "{text}");
        }
    }
}
