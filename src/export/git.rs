//! git's own form of a patch: blob ids in every header, wheels as binary hunks (`git diff --full-index
//! --binary`; <https://git-scm.com/docs/git-diff>, git's `diff.c` and `apply.c`).
//!
//! Binary hunks carry what comes and what goes, so that `git apply -R` has all it needs.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

use super::{Content, Item, base85};

/// The id that git gives to no file at all.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// The bytes that stand on one line of a binary hunk (git's `emit_binary_diff_body`).
const LINE: usize = 52;

/// One file's part of the patch.
pub(super) fn hunks(item: &Item) -> Vec<u8> {
    match &item.diff {
        Some(diff) => with_index(diff, item),
        None => binary(item),
    }
}

/// The header that git writes for a file that is made or removed; empty for one that changes.
pub(super) fn existence(item: &Item) -> String {
    match (&item.before, &item.after) {
        (None, Some(after)) => format!("new file mode {}\n", mode(after)),
        (Some(before), None) => format!("deleted file mode {}\n", mode(before)),
        _ => String::new(),
    }
}

/// A unified diff with the line that says which blob becomes which, so that `git apply --3way` can
/// look them up.
fn with_index(diff: &str, item: &Item) -> Vec<u8> {
    let (header, hunks) = diff.split_once('\n').unwrap_or((diff, ""));
    format!("{header}\n{}{hunks}", index(item)).into_bytes()
}

fn binary(item: &Item) -> Vec<u8> {
    let name = item.path.display();
    let mut text = format!(
        "diff --git a/{name} b/{name}\n{}{}GIT binary patch\n",
        existence(item),
        index(item)
    )
    .into_bytes();
    literal(item.after.as_ref(), &mut text);
    literal(item.before.as_ref(), &mut text);
    text
}

fn index(item: &Item) -> String {
    let id = |content: &Option<Content>| match content {
        Some(content) => blob_id(&content.bytes),
        None => NOTHING.to_owned(),
    };
    // The mode stands here when it stays, and in a line of its own when it does not.
    let mode = match (&item.before, &item.after) {
        (Some(_), Some(after)) => format!(" {}", mode(after)),
        _ => String::new(),
    };
    format!("index {}..{}{mode}\n", id(&item.before), id(&item.after))
}

fn mode(content: &Content) -> &'static str {
    if content.executable {
        "100755"
    } else {
        "100644"
    }
}

/// The name of a content in git's store: the SHA-1 of its kind, its size and itself
/// (<https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>).
fn blob_id(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex::encode(hasher.finalize())
}

/// The whole content in one direction, deflated; each line begins with a letter for its length.
fn literal(content: Option<&Content>, text: &mut Vec<u8>) {
    let bytes = content.map_or(&[][..], |content| &content.bytes);
    text.extend(format!("literal {}\n", bytes.len()).bytes());
    for line in deflated(bytes).chunks(LINE) {
        text.push(length_letter(line.len()));
        base85::encode(line, text);
        text.push(b'\n');
    }
    text.push(b'\n');
}

/// `A` to `Z` for 1 to 26, `a` to `z` for 27 to 52.
fn length_letter(length: usize) -> u8 {
    // A line has 52 bytes at most.
    let length = u8::try_from(length).unwrap_or_default();
    match length {
        0..=26 => b'A' - 1 + length,
        _ => b'a' - 27 + length,
    }
}

/// A zlib stream (RFC 1950) of a fixed level, which the same bytes always give.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::{item, text_item};
    use super::{blob_id, hunks, length_letter};

    #[test]
    fn a_blob_has_the_id_that_git_gives_it() {
        // `git hash-object` of an empty file, and of one with `hello`.
        assert_eq!(blob_id(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(
            blob_id(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
    }

    #[test]
    fn lengths_are_letters() {
        let letters: Vec<u8> = [1, 26, 27, 52].map(length_letter).into();
        assert_eq!(letters, b"AZaz");
    }

    #[test]
    fn a_new_file_can_be_taken_back() {
        let patch = String::from_utf8(hunks(&item("a.whl", None, Some(b"hello\n")))).unwrap();
        let mut lines = patch.lines();
        for expected in [
            "diff --git a/a.whl b/a.whl",
            "new file mode 100644",
            "index 0000000000000000000000000000000000000000..ce013625030ba8dba906f756967f9e9ca394464a",
            "GIT binary patch",
            "literal 6",
        ] {
            assert_eq!(lines.next(), Some(expected));
        }
        assert!(patch.contains("\n\nliteral 0\n") && patch.ends_with("\n\n"));
    }

    #[test]
    fn a_text_keeps_its_hunks_and_gets_the_blobs() {
        let item = text_item(&PathBuf::from("x.py"), "a\n", "b\n");
        let patch = String::from_utf8(hunks(&item)).unwrap();
        assert!(
            patch.starts_with(
                "diff --git a/x.py b/x.py\nindex \
                 78981922613b2afb6025042ff6bd878ac1994e85..61780798228d17af2d34fce4cfbdf35556832472 \
                 100644\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
            ),
            "{patch}"
        );
    }
}
