//! The dialect of INI that pip's configuration files are written in: what Python's `RawConfigParser`
//! reads (<https://docs.python.org/3/library/configparser.html#supported-ini-file-structure>). Other
//! readers forgive what Python refuses, or refuse what it takes: then a file would mean something else
//! here than it means to pip.

/// A section of its own name, and its options in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub name: String,
    /// Names in lower case, and values; the lines of a value are joined with line feeds.
    pub options: Vec<(String, String)>,
}

/// Why a text is not a configuration. Values are not shown: they may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
    /// How to fix it.
    pub fix: &'static str,
}

/// The section whose options count as options of all others.
const DEFAULT: &str = "DEFAULT";

/// The sections of a text, without `[DEFAULT]`, whose options stand in each of them.
pub(super) fn read(text: &str) -> Result<Vec<Section>, Problem> {
    let mut reader = Reader::default();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (number, line) in text.split('\n').enumerate() {
        reader.take(line).map_err(|(what, fix)| Problem {
            line: number + 1,
            what,
            fix,
        })?;
    }
    Ok(reader.finish())
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    defaults: Vec<(String, String)>,
    at: Place,
    /// How far the line of the last option or section is indented.
    indent: usize,
}

/// What the next line may belong to.
#[derive(Default, PartialEq, Eq)]
enum Place {
    /// No section has begun.
    #[default]
    Before,
    /// The section that began last; whether one of its options can be continued.
    Section { in_option: bool },
    /// The same in `[DEFAULT]`.
    Defaults { in_option: bool },
}

impl Reader {
    fn options(&mut self) -> &mut Vec<(String, String)> {
        match self.sections.last_mut() {
            Some(section) if matches!(self.at, Place::Section { .. }) => &mut section.options,
            _ => &mut self.defaults,
        }
    }

    fn in_option(&self) -> bool {
        match self.at {
            Place::Before => false,
            Place::Section { in_option } | Place::Defaults { in_option } => in_option,
        }
    }

    fn take(&mut self, line: &str) -> Result<(), (String, &'static str)> {
        let text = line.trim();
        let is_comment = text.starts_with(['#', ';']);
        if is_comment || text.is_empty() {
            if !is_comment && self.in_option() {
                self.continue_with("");
            }
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if self.in_option() && indent > self.indent {
            self.continue_with(text);
            return Ok(());
        }
        self.indent = indent;
        let header = text
            .strip_prefix('[')
            .and_then(|rest| Some(&rest[..rest.rfind(']')?]))
            .filter(|name| !name.is_empty());
        match header {
            Some(name) => self.begin(name),
            None if text.starts_with('\u{feff}') => Err((
                "it begins with a byte order mark, where pip expects a section".to_owned(),
                "save it as UTF-8 without a byte order mark",
            )),
            None if self.at == Place::Before => Err((
                "a line before the first section".to_owned(),
                "put `[global]` above it",
            )),
            None => self.set(text),
        }
    }

    fn begin(&mut self, name: &str) -> Result<(), (String, &'static str)> {
        if name == DEFAULT {
            self.at = Place::Defaults { in_option: false };
            return Ok(());
        }
        if self.sections.iter().any(|section| section.name == name) {
            return Err((
                format!("the section [{name}] a second time"),
                "join the two sections",
            ));
        }
        self.sections.push(Section {
            name: name.to_owned(),
            options: Vec::new(),
        });
        self.at = Place::Section { in_option: false };
        Ok(())
    }

    fn set(&mut self, text: &str) -> Result<(), (String, &'static str)> {
        let option = text.split_once(['=', ':']);
        let Some((name, value)) = option.filter(|(name, _)| !name.trim().is_empty()) else {
            return Err((
                "neither a section nor a setting".to_owned(),
                "write settings as NAME = VALUE",
            ));
        };
        let name = name.trim_end().to_lowercase();
        if self.options().iter().any(|(earlier, _)| *earlier == name) {
            return Err((
                format!("`{name}` a second time in its section"),
                "leave one of the two",
            ));
        }
        self.options().push((name, value.trim().to_owned()));
        if let Place::Section { in_option } | Place::Defaults { in_option } = &mut self.at {
            *in_option = true;
        }
        Ok(())
    }

    fn continue_with(&mut self, text: &str) {
        if let Some((_, value)) = self.options().last_mut() {
            value.push('\n');
            value.push_str(text);
        }
    }

    fn finish(mut self) -> Vec<Section> {
        for section in &mut self.sections {
            let own = std::mem::take(&mut section.options);
            let defaults = self.defaults.iter();
            let missing = defaults.filter(|(name, _)| own.iter().all(|(other, _)| other != name));
            section.options = missing.cloned().chain(own.iter().cloned()).collect();
            for (_, value) in &mut section.options {
                value.truncate(value.trim_end().len());
            }
        }
        self.sections
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn value(text: &str, option: &str) -> Option<String> {
        let sections = read(text).unwrap();
        let global = sections
            .into_iter()
            .find(|section| section.name == "global")?;
        let mut options = global.options.into_iter();
        options
            .find(|(name, _)| name == option)
            .map(|(_, value)| value)
    }

    // The expected values are what Python 3.11's RawConfigParser gives.
    #[test]
    fn values_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("[global]\nx = 1\n", "1"),
            ("[global]\nX:1", "1"),
            ("  [global]  # c\r\n  x=  1  \r\n", "1"),
            ("[global]\rx = 1", "1"),
            ("[global]\nx = a ; b # c\n", "a ; b # c"),
            ("[global]\nx = %(a)s %% %\n", "%(a)s %% %"),
            ("[global]\nx =\n  a\n # c\n\n\tb\ny = 1\n", "\na\n\nb"),
            ("[global]\nx = a\n\n\n[other]\nx = 2\n", "a"),
            ("[global]\nx = a\n  [other]\n  y = 2\n", "a\n[other]\ny = 2"),
            ("[DEFAULT]\nx = 1\n[global]\n", "1"),
            ("[DEFAULT]\nx = 1\n[DEFAULT]\n[global]\nx = 2\n", "2"),
            ("[global]\nx = a=b:c\n", "a=b:c"),
            ("[global]\nx =\n", ""),
        ] {
            assert_eq!(value(text, "x").as_deref(), Some(expected), "{text:?}");
        }
        assert_eq!(value("[Global]\nx = 1\n", "x"), None);
        assert_eq!(value("[a]\n[global]]\nx = 1\n", "x"), None);
    }

    #[test]
    fn a_text_that_python_refuses_is_refused_with_its_line_and_without_its_values() {
        for (text, line, what) in [
            ("# c\n\nx = secret\n", 3, "before the first section"),
            ("\u{feff}[global]\nx = secret\n", 1, "byte order mark"),
            (
                "[global]\nx = 1\nsecret\n",
                3,
                "neither a section nor a setting",
            ),
            ("[global\nx = secret\n", 1, "before the first section"),
            ("[a]\n[global\n", 2, "neither a section nor a setting"),
            ("[a]\n= secret\n", 2, "neither a section nor a setting"),
            ("[a]\nx = secret\nX = secret\n", 3, "`x` a second time"),
            ("[a]\n[b]\n[a]\n", 3, "[a] a second time"),
            ("[]\n", 1, "before the first section"),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!(problem.line, line, "{text:?}");
            assert!(problem.what.contains(what), "{problem:?}");
            assert!(!problem.what.contains("secret"), "{problem:?}");
        }
    }
}
