//! Moves byte-code files: the name of the source file in code objects is the only part of a byte-code file
//! that follows from the prefix.
//!
//! A file name is a string item of the marshal format (`Python/marshal.c`): a type, a length, the text.
//! Items have no offsets of other items in them, so one can be replaced by a longer one.

use memchr::memmem;

/// Set in the type of an item that later items refer to.
const FLAG_REF: u8 = 0x80;

/// The old prefix is in a place that is not a file name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherText;

/// The byte code with `to` for the source file's name `from`; `None` if it does not contain `prefix`. Each
/// occurrence of `prefix`, with which `from` begins, must be part of a whole item `from`.
pub(super) fn renamed(
    bytecode: &[u8],
    prefix: &str,
    from: &str,
    to: &str,
) -> Result<Option<Vec<u8>>, OtherText> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut new = Vec::with_capacity(bytecode.len() + to.len() + 16);
    let mut copied = 0;
    for start in memmem::find_iter(bytecode, prefix.as_bytes()) {
        let end = start + from.len();
        if start < copied || bytecode.get(start..end) != Some(from) {
            return Err(OtherText);
        }
        let before = &bytecode[copied..start];
        let (kept, item_type) = header(before, from.len()).ok_or(OtherText)?;
        new.extend_from_slice(&before[..kept]);
        push_item(&mut new, item_type, to);
        copied = end;
    }
    if copied == 0 {
        return Ok(None);
    }
    new.extend_from_slice(&bytecode[copied..]);
    Ok(Some(new))
}

/// The position and the type of the item whose text of `length` bytes follows after `before`.
fn header(before: &[u8], length: usize) -> Option<(usize, u8)> {
    let length = u32::try_from(length).ok()?.to_le_bytes();
    let is = |position: usize, types: &[u8]| types.contains(&(before[position] & !FLAG_REF));
    let long = before.len().checked_sub(5);
    let long = long.filter(|at| before[at + 1..] == length && is(*at, b"aAuts"));
    let short = before.len().checked_sub(2);
    let short =
        short.filter(|at| length[1..] == [0; 3] && before[at + 1] == length[0] && is(*at, b"zZ"));
    let position = long.or(short)?;
    Some((position, before[position]))
}

/// Writes an item. ASCII strings have a type of their own from 3.4 on, and another one for lengths that
/// fit into one byte.
fn push_item(new: &mut Vec<u8>, item_type: u8, text: &[u8]) {
    let flag = item_type & FLAG_REF;
    let length = u32::try_from(text.len())
        .expect("a path has less than 4 GiB")
        .to_le_bytes();
    let is_short = length[1..] == [0; 3];
    match (item_type & !FLAG_REF, is_short) {
        (b'a' | b'z', true) => new.extend([b'z' | flag, length[0]]),
        (b'A' | b'Z', true) => new.extend([b'Z' | flag, length[0]]),
        (b'a' | b'z', false) => {
            new.push(b'a' | flag);
            new.extend(length);
        }
        (b'A' | b'Z', false) => {
            new.push(b'A' | flag);
            new.extend(length);
        }
        (other, _) => {
            new.push(other | flag);
            new.extend(length);
        }
    }
    new.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::{OtherText, renamed};

    const FROM: &str = "/a/lib/os.py";

    fn item(kind: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        let mut item = vec![kind];
        match kind & 0x7f {
            b'z' | b'Z' => item.push(length[0]),
            _ => item.extend(length),
        }
        item.extend(text.as_bytes());
        item
    }

    /// A file with an item between other bytes, twice, as Python 2.7 writes it.
    fn file(kind: u8, name: &str) -> Vec<u8> {
        let item = item(kind, name);
        [b"head".as_slice(), &item, b"(name)", &item, b"tail"].concat()
    }

    #[test]
    fn the_type_of_the_item_follows_the_length_of_the_name() {
        let long = format!("/{}/lib/os.py", "b".repeat(300));
        for (kind, short_kind, long_kind) in [
            (b'z', b'z', b'a'),
            (b'Z', b'Z', b'A'),
            (b'Z' | 0x80, b'Z' | 0x80, b'A' | 0x80),
            (b'u', b'u', b'u'),
            (b's', b's', b's'),
            (b't' | 0x80, b't' | 0x80, b't' | 0x80),
        ] {
            let moved =
                |from: &str, kind, to: &str| renamed(&file(kind, from), &from[..2], from, to);
            assert_eq!(
                moved(FROM, kind, "/b/os.py"),
                Ok(Some(file(short_kind, "/b/os.py")))
            );
            assert_eq!(moved(FROM, kind, &long), Ok(Some(file(long_kind, &long))));
            assert_eq!(
                moved(&long, long_kind, FROM),
                Ok(Some(file(short_kind, FROM)))
            );
        }
    }

    #[test]
    fn a_prefix_in_another_place_is_refused() {
        let moved = |bytecode: &[u8]| renamed(bytecode, "/a", FROM, "/b/lib/os.py");
        assert_eq!(moved(b"no name"), Ok(None));
        for other in [
            item(b'z', "/a/lib/site.py"),
            item(b'z', "see /a/lib/os.py"),
            item(b'(', FROM),
            FROM.as_bytes().to_vec(),
            b"z\x0c/a/lib/o".to_vec(),
        ] {
            let file = [file(b'z', FROM), other].concat();
            assert_eq!(moved(&file), Err(OtherText));
        }
    }
}
