//! git's form of a patch: blob ids in every header, wheels as binary hunks (`git diff --full-index
//! --binary`; <https://git-scm.com/docs/git-diff>, git's `diff.c` and `apply.c`).
//!
//! A binary hunk has the old and the new content, so that `git apply -R` works.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

use super::base85;
use super::changed_file::{ChangedFile, Content, bytes_of};

/// The number of bytes on one line of a binary hunk (git's `emit_binary_diff_body`).
const LINE: usize = 52;

/// One file's part of the patch.
pub(super) fn hunks(file: &ChangedFile) -> Vec<u8> {
    if let Some(diff) = &file.diff {
        // `git apply --3way` looks up the blobs.
        let (header, hunks) = diff.split_once('\n').unwrap_or((diff, ""));
        return format!("{header}\n{}{hunks}", index(file)).into_bytes();
    }
    let mut text = format!("{}{}GIT binary patch\n", file.header(), index(file)).into_bytes();
    literal(bytes_of(file.after.as_ref()), &mut text);
    literal(bytes_of(file.before.as_ref()), &mut text);
    text
}

fn index(file: &ChangedFile) -> String {
    let id = |content: &Option<Content>| match content {
        Some(content) => blob_id(&content.bytes),
        None => "0".repeat(40),
    };
    // The mode is written here if it stays, and in a line of its own if it does not.
    let mode = match (&file.before, &file.after) {
        (Some(_), Some(after)) => format!(" {}", after.mode()),
        _ => String::new(),
    };
    format!("index {}..{}{mode}\n", id(&file.before), id(&file.after))
}

/// The name of a content in git's store: the SHA-1 of its kind, its size and itself
/// (<https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>).
fn blob_id(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex::encode(hasher.finalize())
}

/// One content, deflated. Each line begins with a letter for its length.
fn literal(bytes: &[u8], text: &mut Vec<u8>) {
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
    let length = u8::try_from(length).unwrap_or_default();
    match length {
        0..=26 => b'A' - 1 + length,
        _ => b'a' - 27 + length,
    }
}

/// A zlib stream (RFC 1950) of a fixed level, so that it is reproducible.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::changed_file::tests::{text, wheel};
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
    fn the_patch_of_a_new_file_can_be_reversed() {
        let patch = String::from_utf8(hunks(&wheel("a.whl", None, Some(b"hello\n")))).unwrap();
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
    fn a_text_keeps_its_hunks_and_has_the_ids_of_its_blobs() {
        let file = text(&PathBuf::from("x.py"), "a\n", "b\n");
        let patch = String::from_utf8(hunks(&file)).unwrap();
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
