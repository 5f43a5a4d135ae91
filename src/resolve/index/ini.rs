//! The dialect of INI in pip's configuration files: what Python's `RawConfigParser` reads
//! (<https://docs.python.org/3/library/configparser.html#supported-ini-file-structure>). Other
//! readers accept files that Python refuses, or refuse files that it accepts: then pybuild would
//! understand a file differently than pip.

/// A section and its options.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    /// Names in lower case, and values; the lines of a value are joined with line feeds.
    pub(super) options: Vec<(String, String)>,
}

/// An error in a configuration. Values are not shown: they may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1 on.
    pub(super) line: usize,
    pub(super) what: String,
    /// The next step.
    pub(super) fix: &'static str,
}

/// The section whose options belong to all other sections too.
const DEFAULT: &str = "DEFAULT";

/// The sections of a text, without `[DEFAULT]`, whose options are in each of them.
pub(super) fn read(text: &str) -> Result<Vec<Section>, Problem> {
    let mut reader = Reader {
        sections: vec![Section::new(DEFAULT)],
        current: None,
        in_option: false,
        indent: 0,
    };
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

impl Section {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            options: Vec::new(),
        }
    }
}

struct Reader {
    /// The first one is `[DEFAULT]`.
    sections: Vec<Section>,
    /// The index of the section that began last.
    current: Option<usize>,
    /// Whether the next line may continue an option.
    in_option: bool,
    /// The indentation of the last option or section.
    indent: usize,
}

type Taken = Result<(), (String, &'static str)>;

impl Reader {
    fn take(&mut self, line: &str) -> Taken {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if text.is_empty() || (self.in_option && indent > self.indent) {
            self.continue_with(text);
            return Ok(());
        }
        self.indent = indent;
        let header = text
            .strip_prefix('[')
            .and_then(|rest| Some(&rest[..rest.rfind(']')?]))
            .filter(|name| !name.is_empty());
        match (header, self.current) {
            (Some(name), _) => self.begin(name),
            (None, _) if text.starts_with('\u{feff}') => Err((
                "it begins with a byte order mark, where pip expects a section".to_owned(),
                "save it as UTF-8 without a byte order mark",
            )),
            (None, None) => Err((
                "a line before the first section".to_owned(),
                "put `[global]` above it",
            )),
            (None, Some(current)) => self.set(current, text),
        }
    }

    fn begin(&mut self, name: &str) -> Taken {
        self.in_option = false;
        if name == DEFAULT {
            self.current = Some(0);
            return Ok(());
        }
        if self.sections.iter().any(|section| section.name == name) {
            return Err((
                format!("the section [{name}] a second time"),
                "join the two sections",
            ));
        }
        self.current = Some(self.sections.len());
        self.sections.push(Section::new(name));
        Ok(())
    }

    fn set(&mut self, current: usize, text: &str) -> Taken {
        let option = text.split_once(['=', ':']);
        let Some((name, value)) = option.filter(|(name, _)| !name.trim().is_empty()) else {
            return Err((
                "neither a section nor a setting".to_owned(),
                "write settings as NAME = VALUE",
            ));
        };
        let name = name.trim_end().to_lowercase();
        let options = &mut self.sections[current].options;
        if options.iter().any(|(earlier, _)| *earlier == name) {
            return Err((
                format!("`{name}` a second time in its section"),
                "remove one of the two",
            ));
        }
        options.push((name, value.trim().to_owned()));
        self.in_option = true;
        Ok(())
    }

    fn continue_with(&mut self, text: &str) {
        let current = self.current.filter(|_| self.in_option);
        let option = current.and_then(|current| self.sections[current].options.last_mut());
        if let Some((_, value)) = option {
            value.push('\n');
            value.push_str(text);
        }
    }

    fn finish(mut self) -> Vec<Section> {
        let defaults = self.sections.remove(0).options;
        for Section { options, .. } in &mut self.sections {
            let missing = defaults
                .iter()
                .filter(|(name, _)| options.iter().all(|(own, _)| own != name));
            let missing: Vec<_> = missing.cloned().collect();
            options.splice(0..0, missing);
            for (_, value) in options {
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
    fn an_error_names_its_line_and_shows_no_value() {
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
