//! The same patch for GNU patch, which refuses git's binary hunks ("git binary diffs are not
//! supported"): a wheel's bytes stand in an ordinary hunk, cut at line feeds, as `diff --text` writes it
//! (<https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html>).

use super::{Item, git};

/// One file's part of the patch.
pub(super) fn hunks(item: &Item) -> Vec<u8> {
    if let Some(diff) = &item.diff {
        return diff.clone().into_bytes();
    }
    let name = item.path.display().to_string();
    let side = |letter: char, content: bool| {
        if content {
            format!("{letter}/{name}")
        } else {
            "/dev/null".to_owned()
        }
    };
    let lines = |content: &Option<super::Content>| {
        let bytes = content.as_ref().map_or(&[][..], |it| &it.bytes);
        bytes.split_inclusive(|byte| *byte == b'\n').count()
    };
    let (before, after) = (lines(&item.before), lines(&item.after));
    let header = format!("diff --git a/{name} b/{name}\n{}", git::existence(item));
    if before + after == 0 {
        return header.into_bytes();
    }
    let text = format!(
        "{header}--- {}\n+++ {}\n@@ {} {} @@\n",
        side('a', item.before.is_some()),
        side('b', item.after.is_some()),
        range('-', before),
        range('+', after),
    );
    let mut text = text.into_bytes();
    for (mark, content) in [(b'-', &item.before), (b'+', &item.after)] {
        let bytes = content.as_ref().map_or(&[][..], |it| &it.bytes);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            text.push(mark);
            text.extend(line);
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            text.extend(b"\n\\ No newline at end of file\n");
        }
    }
    text
}

/// The first line and how many there are; no line at all is counted from zero.
fn range(mark: char, lines: usize) -> String {
    match lines {
        0 => format!("{mark}0,0"),
        lines => format!("{mark}1,{lines}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::item;
    use super::hunks;

    #[test]
    fn bytes_are_cut_at_line_feeds_and_nowhere_else() {
        let patch = hunks(&item("a.whl", None, Some(b"PK\r\x00\n-- \nend")));
        let expected = b"diff --git a/a.whl b/a.whl\nnew file mode 100644\n--- /dev/null\n\
            +++ b/a.whl\n@@ -0,0 +1,3 @@\n+PK\r\x00\n+-- \n+end\n\\ No newline at end of file\n";
        assert_eq!(patch, expected);
    }

    #[test]
    fn a_file_that_goes_is_there_line_by_line() {
        let patch = hunks(&item("a.whl", Some(b"x\ny\n"), None));
        let expected = b"diff --git a/a.whl b/a.whl\ndeleted file mode 100644\n--- a/a.whl\n\
            +++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n";
        assert_eq!(patch, expected);
    }
}
