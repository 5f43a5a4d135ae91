//! Reads the members of a static library: `ar`'s format with GNU's symbol table and long names.

use std::io;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// The contents of the object files, in order.
pub(super) fn members(library: &[u8]) -> io::Result<Vec<&[u8]>> {
    let mut rest = library.strip_prefix(MAGIC).ok_or_else(malformed)?;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER).ok_or_else(malformed)?;
        let size = str::from_utf8(&header[48..58]).ok();
        let size: usize = size
            .and_then(|size| size.trim_end().parse().ok())
            .ok_or_else(malformed)?;
        let (content, after) = after.split_at_checked(size).ok_or_else(malformed)?;
        // `/` and `/SYM64/` are symbol tables and `//` is the table of long names; `/12` is a long name.
        let is_table = header[0] == b'/' && !header[1].is_ascii_digit();
        if !is_table {
            members.push(content);
        }
        rest = &after[(size % 2).min(after.len())..];
    }
    Ok(members)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a static library")
}

#[cfg(test)]
mod tests {
    use super::members;

    fn member(name: &str, content: &str) -> String {
        let size = content.len();
        let padding = if size % 2 == 1 { "\n" } else { "" };
        format!("{name:<48}{size:<10}`\n{content}{padding}")
    }

    #[test]
    fn tables_are_left_out() {
        let parts = [
            member("/", "symbols"),
            member("//", "a_very_long_name.o/\n"),
            member("main.o/", "first"),
            member("/0", "second"),
        ];
        let library = format!("!<arch>\n{}", parts.concat());
        let found = members(library.as_bytes()).unwrap();
        assert_eq!(found, [b"first".as_slice(), b"second"]);
        for wrong in [
            &library[1..],
            &library[..library.len() - 3],
            &library[..100],
        ] {
            let error = members(wrong.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "it is not a static library");
        }
    }
}
