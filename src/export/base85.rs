//! The base 85 of git's binary hunks: RFC 1924's alphabet, four bytes in five digits, the highest first
//! (git's `base85.c`).

const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// Appends `bytes` to `text`. The last group is filled with zeros, like in git.
pub(super) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    for group in bytes.chunks(4) {
        let mut full = [0; 4];
        full[..group.len()].copy_from_slice(group);
        let mut rest = u32::from_be_bytes(full);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(rest % 85) as usize];
            rest /= 85;
        }
        text.extend(digits);
    }
}

#[cfg(test)]
mod tests {
    fn encoded(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        super::encode(bytes, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn groups_are_as_git_writes_them() {
        assert_eq!(encoded(&[0; 4]), "00000");
        assert_eq!(encoded(&[0xff; 4]), "|NsC0");
        // The zlib stream of no data, which is in every git patch that creates a binary file.
        assert_eq!(encoded(&[0x78, 1, 3, 0, 0, 0, 0, 1]), "cmV?d00001");
    }

    #[test]
    fn the_last_group_is_filled() {
        assert_eq!(encoded(&[0xff]), encoded(&[0xff, 0, 0, 0]));
        assert_eq!(encoded(&[1, 2, 3, 4, 5]).len(), 10);
    }
}
