//! Reader of a wheel's `METADATA`, and of `WHEEL`, which has the same form.

use crate::archive::zip;
use crate::archive::zip::Zip;
use crate::plan::requires_python::RequiresPython;

/// The fields of `METADATA` and `WHEEL`, in the form of RFC 822.
#[derive(Debug)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads the fields before the first empty line; the description follows that line.
    pub fn parse(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            // A line that begins with a space continues the field above it.
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self(fields)
    }

    /// The values of all fields of this name, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// Fields of `METADATA` (core metadata specification).
#[derive(Debug)]
pub struct Metadata {
    /// Empty when missing.
    pub name: String,
    /// Empty when missing.
    pub version: String,
    pub requires_python: Option<RequiresPython>,
    /// The values of `Requires-Dist`.
    pub requirements: Vec<String>,
}

impl Metadata {
    pub fn parse(text: &str) -> Self {
        let headers = Headers::parse(text);
        let text = |name| headers.first(name).unwrap_or_default();
        Self {
            name: text("Name").to_owned(),
            version: text("Version").to_owned(),
            requires_python: RequiresPython::read(text("Requires-Python")),
            requirements: headers.all("Requires-Dist").map(str::to_owned).collect(),
        }
    }

    /// The `METADATA` of a wheel; `None` when it has none.
    pub fn of(wheel: &Zip) -> Result<Option<Self>, zip::Error> {
        let Some(file) = wheel.files().find(|file| is_metadata(file)) else {
            return Ok(None);
        };
        let bytes = wheel.read(file)?.unwrap_or_default();
        // Old metadata may have an author's name in Latin-1; the fields read here are ASCII.
        Ok(Some(Self::parse(&String::from_utf8_lossy(&bytes))))
    }
}

/// Matches `pip-24.0.dist-info/METADATA`, but not the metadata of a vendored project.
fn is_metadata(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(folder, file)| folder.ends_with(".dist-info") && file == "METADATA")
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    fn requires(text: &str) -> Option<String> {
        Metadata::parse(text)
            .requires_python
            .map(|requires| requires.to_string())
    }

    #[test]
    fn folded_fields_are_joined_and_the_description_is_not_read() {
        let folded = "Name: pip\nRequires-Python:\n >=3.8,\n\t<4\n\nRequires-Python: >=4\n";
        assert_eq!(requires(folded).as_deref(), Some("needs Python >=3.8, <4"));
        // Metadata before 2.1 has its description in a folded field, with lines of spaces in it.
        let old = "Description: a\n        \n        b\nRequires-Python: >=3.10\n\n";
        assert_eq!(requires(old).as_deref(), Some("needs Python 3.10 or later"));
    }

    #[test]
    fn the_first_of_two_fields_counts_and_line_ends_do_not() {
        let text = "requires-python: >=3.10\r\nRequires-Python: >=3.7\r\n\r\nText\r\n";
        assert_eq!(
            requires(text).as_deref(),
            Some("needs Python 3.10 or later")
        );
        assert_eq!(requires("Name: pip\n\nRequires-Python: >=4\n"), None);
    }
}
