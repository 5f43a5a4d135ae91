//! The two formats that a wheel's `*.dist-info` is written in.

/// The fields at the beginning of `METADATA` and `WHEEL`, in the form of RFC 822.
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) fn parse(text: &str) -> Self {
        let fields = text
            .lines()
            .take_while(|line| !line.trim().is_empty())
            // Continued lines belong to descriptions, which are not asked for.
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self(fields)
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = name.to_ascii_lowercase();
        self.0
            .iter()
            .filter(move |(field, _)| *field == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// One line of `RECORD`: path, hash, size, as comma-separated values.
pub(super) struct RecordEntry {
    pub(super) file: String,
    pub(super) hash: String,
    pub(super) size: String,
}

impl RecordEntry {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.rsplitn(3, ',');
        let (size, hash, file) = (parts.next()?, parts.next()?, parts.next()?);
        let file = match file.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?.replace("\"\"", "\""),
            None => file.to_owned(),
        };
        Some(Self {
            file,
            hash: hash.to_owned(),
            size: size.to_owned(),
        })
    }
}
