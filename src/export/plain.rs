//! The same patch for GNU patch, which refuses git's binary hunks ("git binary diffs are not supported"):
//! an ordinary hunk holds a wheel's bytes, cut at line feeds, like in the output of `diff --text`
//! (<https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html>).

use super::changed_file::{ChangedFile, Content, bytes_of};

/// One file's part of the patch.
pub(super) fn hunks(file: &ChangedFile) -> Vec<u8> {
    if let Some(diff) = &file.diff {
        return diff.clone().into_bytes();
    }
    let side = |letter: char, content: &Option<Content>| match content {
        Some(_) => format!("{letter}/{}", file.path.display()),
        None => "/dev/null".to_owned(),
    };
    let (before, after) = (
        bytes_of(file.before.as_ref()),
        bytes_of(file.after.as_ref()),
    );
    let mut text = file.header().into_bytes();
    if before.is_empty() && after.is_empty() {
        return text;
    }
    let names = (side('a', &file.before), side('b', &file.after));
    let ranges = (range('-', before), range('+', after));
    let header = format!(
        "--- {}\n+++ {}\n@@ {} {} @@\n",
        names.0, names.1, ranges.0, ranges.1
    );
    text.extend(header.bytes());
    for (mark, bytes) in [(b'-', before), (b'+', after)] {
        for line in lines(bytes) {
            text.push(mark);
            text.extend(line);
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            text.extend(b"\n\\ No newline at end of file\n");
        }
    }
    text
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// The first line and the number of lines. An empty range begins at zero.
fn range(mark: char, bytes: &[u8]) -> String {
    match lines(bytes).count() {
        0 => format!("{mark}0,0"),
        lines => format!("{mark}1,{lines}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::changed_file::tests::wheel;
    use super::hunks;

    #[test]
    fn bytes_are_cut_at_line_feeds_and_nowhere_else() {
        let patch = hunks(&wheel("a.whl", None, Some(b"PK\r\x00\n-- \nend")));
        let expected = b"diff --git a/a.whl b/a.whl\nnew file mode 100644\n--- /dev/null\n\
            +++ b/a.whl\n@@ -0,0 +1,3 @@\n+PK\r\x00\n+-- \n+end\n\\ No newline at end of file\n";
        assert_eq!(patch, expected);
    }

    #[test]
    fn a_deleted_file_is_listed_line_by_line() {
        let patch = hunks(&wheel("a.whl", Some(b"x\ny\n"), None));
        let expected = b"diff --git a/a.whl b/a.whl\ndeleted file mode 100644\n--- a/a.whl\n\
            +++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n";
        assert_eq!(patch, expected);
    }
}
