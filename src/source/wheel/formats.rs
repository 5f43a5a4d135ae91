//! The format of a wheel's `RECORD`.

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
