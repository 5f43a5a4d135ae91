//! Archives made entry by entry, and a folder to unpack them in.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use crate::archive::compression::Compression;
use crate::archive::tar::Error;
use crate::archive::tar::unpack_bytes;

/// One entry; its header's fields can be anything.
pub(super) struct Draft {
    pub(super) name: Vec<u8>,
    pub(super) kind: u8,
    pub(super) mode: &'static [u8],
    pub(super) size: Vec<u8>,
    pub(super) time: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) content: Vec<u8>,
    pub(super) checksum: Option<&'static [u8]>,
}

pub(super) fn entry(kind: u8, name: impl AsRef<[u8]>, content: &[u8]) -> Draft {
    Draft {
        name: name.as_ref().to_vec(),
        kind,
        mode: b"0000644\0",
        size: format!("{:011o}\0", content.len()).into_bytes(),
        time: b"00000000001\0".to_vec(),
        link: Vec::new(),
        content: content.to_vec(),
        checksum: None,
    }
}

pub(super) fn file(name: impl AsRef<[u8]>) -> Draft {
    entry(b'0', name, b"text\n")
}

pub(super) fn folder(name: &str) -> Draft {
    entry(b'5', name, b"")
}

pub(super) fn link(name: &str, target: impl AsRef<[u8]>) -> Draft {
    let mut draft = entry(b'2', name, b"");
    draft.link = target.as_ref().to_vec();
    draft
}

/// GNU's long name for the next entry.
pub(super) fn long(kind: u8, name: &[u8]) -> Draft {
    entry(kind, "././@LongLink", &[name, b"\0"].concat())
}

/// Records for the next entry, or for all.
pub(super) fn pax(kind: u8, records: &[u8]) -> Draft {
    entry(kind, "pax", records)
}

pub(super) fn record(key: &str, value: &str) -> Vec<u8> {
    let length = key.len() + value.len() + 3;
    let length = length + if length + 2 > 99 { 3 } else { 2 };
    format!("{length} {key}={value}\n").into_bytes()
}

pub(super) fn changed(mut draft: Draft, change: impl FnOnce(&mut Draft)) -> Draft {
    change(&mut draft);
    draft
}

impl Draft {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, self.mode);
        put(108, b"0000000\x000000000\0");
        put(124, &self.size);
        put(136, &self.time);
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link);
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let sum = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(self.checksum.unwrap_or(sum.as_bytes()));
        let mut bytes = [&header[..], &self.content].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

pub(super) fn open_tar(drafts: &[Draft]) -> Vec<u8> {
    drafts.iter().flat_map(Draft::bytes).collect()
}

pub(super) fn tar(drafts: &[Draft]) -> Vec<u8> {
    [open_tar(drafts), vec![0; 1024]].concat()
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

pub(super) fn xz(content: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

pub(super) fn good() -> Vec<Draft> {
    vec![
        folder("P/"),
        changed(file("P/configure"), |draft| draft.mode = b"0000775\0"),
        file("./P//Lib/os.py"),
        folder("P/Lib/a/b/"),
        link("P/Lib/a/b/l", "../../os.py"),
    ]
}

pub(super) fn with(more: impl IntoIterator<Item = Draft>) -> Vec<u8> {
    let mut drafts = good();
    drafts.extend(more);
    tar(&drafts)
}

/// Everything below a folder, by name: modes, contents, targets.
pub(super) fn snapshot(folder: &Path) -> BTreeMap<String, String> {
    walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            let content = match entry.file_type() {
                kind if kind.is_file() => std::fs::read_to_string(entry.path()).unwrap(),
                kind if kind.is_symlink() => {
                    let target = std::fs::read_link(entry.path()).unwrap();
                    format!("-> {}", target.display())
                }
                _ => "folder".to_owned(),
            };
            let name = entry.path().strip_prefix(folder).unwrap();
            (name.display().to_string(), format!("{mode:o} {content}"))
        })
        .collect()
}

pub(super) struct Place(pub(super) tempfile::TempDir);

impl Place {
    pub(super) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.0.path().join("evil"), "as it was").unwrap();
        place
    }

    pub(super) fn unpack(
        &self,
        content: &[u8],
        compression: Option<Compression>,
    ) -> Result<SystemTime, String> {
        unpack_bytes(content, compression, &self.0.path().join("tree"))
            .map_err(|error| said_of(&error))
    }

    /// Everything outside the tree.
    pub(super) fn outside(&self) -> BTreeMap<String, String> {
        let mut all = snapshot(self.0.path());
        all.retain(|name, _| !Path::new(name).starts_with("tree"));
        all
    }
}

pub(super) fn said_of(error: &Error) -> String {
    assert!(!matches!(error, Error::Write(_)), "{error:?}");
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
