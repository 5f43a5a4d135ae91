use std::fs::{Permissions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use super::{Keeping, Kind};
use crate::digest::Sha256;
use crate::store::{BuiltEntry, Corrupt, Store};

const CONTENT: &[u8] = b"a staged tree";

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
    key: Sha256,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store: Store::at(dir.path().to_owned()),
            dir,
            key: Sha256::of(b"key"),
        }
    }

    /// A bench whose store has an entry.
    fn with_entry() -> Self {
        let bench = Self::new();
        assert_eq!(bench.keep(CONTENT).unwrap(), Keeping::Kept);
        bench
    }

    fn keep(&self, content: &[u8]) -> io::Result<Keeping> {
        let cost = Duration::from_secs(100);
        self.store.keep_built(Kind::Compile, self.key, cost, |to| {
            to.write_all(content)?;
            Ok(content.len())
        })
    }

    fn entry(&self) -> Result<Option<BuiltEntry>, Corrupt> {
        self.store.built(Kind::Compile, self.key)
    }

    fn folder(&self) -> PathBuf {
        self.dir
            .path()
            .join("compiles-1")
            .join(self.key.to_string())
    }

    /// Asserts that the entry has this content, and that there are no leftover files.
    #[track_caller]
    fn assert_has(&self, content: &[u8]) {
        let entry = self.entry().unwrap().expect("an entry");
        assert_eq!(read(&entry).unwrap(), content);
        assert_eq!(entry.about::<usize>().unwrap(), content.len());
        self.assert_no_scratch();
    }

    #[track_caller]
    fn assert_no_scratch(&self) {
        let scratch = fs_err::read_dir(self.dir.path().join("scratch")).unwrap();
        assert_eq!(scratch.count(), 0);
    }
}

fn read(entry: &BuiltEntry) -> Result<Vec<u8>, Corrupt> {
    let mut reader = entry.payload()?;
    let mut content = Vec::new();
    reader.read_to_end(&mut content).unwrap();
    reader.finish().map(|()| content)
}

#[test]
fn a_kept_thing_is_found_with_its_description() {
    let bench = Bench::new();
    assert!(bench.entry().unwrap().is_none());
    assert_eq!(bench.keep(CONTENT).unwrap(), Keeping::Kept);
    bench.assert_has(CONTENT);
    let entry = bench.entry().unwrap().unwrap();
    assert_eq!(entry.cost(), Duration::from_secs(100));
    // A second reader begins at the beginning, and the first one read a part only.
    let mut part = [0; 3];
    let mut reader = entry.payload().unwrap();
    reader.read_exact(&mut part).unwrap();
    reader.finish().unwrap();
    assert_eq!(read(&entry).unwrap(), CONTENT);
    assert!(matches!(
        entry.about::<String>(),
        Err(Corrupt::Malformed { .. })
    ));
}

#[test]
fn a_flipped_bit_is_found_when_the_payload_ends() {
    let bench = Bench::with_entry();
    let payload = bench.folder().join("payload");
    let mut content = CONTENT.to_vec();
    content[5] ^= 1;
    fs_err::write(&payload, content).unwrap();
    let entry = bench.entry().unwrap().unwrap();
    assert!(matches!(read(&entry), Err(Corrupt::Damaged { path }) if path == payload));
    bench.store.discard_built(entry);
    assert!(bench.entry().unwrap().is_none());
    bench.assert_no_scratch();
    assert_eq!(bench.keep(CONTENT).unwrap(), Keeping::Kept);
    bench.assert_has(CONTENT);
}

#[test]
fn a_truncated_or_malformed_entry_is_reported_and_replaced() {
    let damages: [fn(&Bench); 7] = [
        |bench| fs_err::write(bench.folder().join("payload"), &CONTENT[1..]).unwrap(),
        |bench| fs_err::remove_file(bench.folder().join("payload")).unwrap(),
        |bench| {
            fs_err::remove_file(bench.folder().join("payload")).unwrap();
            fs_err::create_dir(bench.folder().join("payload")).unwrap();
        },
        |bench| fs_err::remove_file(bench.folder().join("entry.json")).unwrap(),
        |bench| fs_err::write(bench.folder().join("entry.json"), "").unwrap(),
        |bench| fs_err::write(bench.folder().join("entry.json"), "{\"payload\": 7}").unwrap(),
        |bench| {
            fs_err::remove_dir_all(bench.folder()).unwrap();
            fs_err::write(bench.folder(), "").unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        let bench = Bench::with_entry();
        damage(&bench);
        assert!(bench.entry().is_err(), "damage {number}");
        assert_eq!(
            bench.keep(CONTENT).unwrap(),
            Keeping::Kept,
            "damage {number}"
        );
        bench.assert_has(CONTENT);
    }
}

#[test]
fn an_entry_with_more_fields_is_read_and_other_formats_are_not_seen() {
    let bench = Bench::with_entry();
    let path = bench.folder().join("entry.json");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(
        &path,
        text.replacen('{', "{\"of a newer pybuild\": [], ", 1),
    )
    .unwrap();
    bench.assert_has(CONTENT);
    let newer = bench.dir.path().join("compiles-2");
    fs_err::rename(bench.dir.path().join("compiles-1"), &newer).unwrap();
    assert!(bench.entry().unwrap().is_none());
    assert_eq!(bench.keep(CONTENT).unwrap(), Keeping::Kept);
    assert!(newer.join(bench.key.to_string()).join("payload").exists());
}

#[test]
fn the_first_of_several_keepers_of_one_key_wins() {
    let bench = Bench::new();
    let (keepers, all_have_written) = (4, Barrier::new(4));
    let outcomes: Vec<Keeping> = std::thread::scope(|scope| {
        let keep = |_| {
            scope.spawn(|| {
                let cost = Duration::ZERO;
                let kept = bench
                    .store
                    .keep_built(Kind::Compile, bench.key, cost, |to| {
                        to.write_all(CONTENT)?;
                        all_have_written.wait();
                        Ok(CONTENT.len())
                    });
                kept.unwrap()
            })
        };
        let threads: Vec<_> = (0..keepers).map(keep).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let kept = outcomes.iter().filter(|it| **it == Keeping::Kept).count();
    assert_eq!(kept, 1, "{outcomes:?}");
    bench.assert_has(CONTENT);
    // A sound entry is not written again.
    let cost = Duration::ZERO;
    let again = bench
        .store
        .keep_built(Kind::Compile, bench.key, cost, |_| -> io::Result<()> {
            panic!("it is there")
        });
    assert_eq!(again.unwrap(), Keeping::Present);
}

#[test]
fn a_failure_to_write_leaves_no_part() {
    let bench = Bench::new();
    let cost = Duration::ZERO;
    let full = |to: &mut dyn io::Write| {
        to.write_all(CONTENT)?;
        Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull))
    };
    let error = bench
        .store
        .keep_built(Kind::Compile, bench.key, cost, full)
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    bench.assert_no_scratch();
    assert!(bench.entry().unwrap().is_none() && !bench.folder().exists());
}

#[test]
fn an_entry_is_locked_while_it_is_used_and_marked_as_used() {
    let bench = Bench::with_entry();
    let path = bench.folder().join("entry.json");
    let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
    file.file().set_modified(long_ago).unwrap();
    let (one, two) = (bench.entry().unwrap(), bench.entry().unwrap());
    assert!(path.metadata().unwrap().modified().unwrap() > long_ago + Duration::from_secs(1));
    assert!(matches!(
        file.file().try_lock(),
        Err(TryLockError::WouldBlock)
    ));
    drop((one, two));
    file.file().try_lock().unwrap();
    // A process that removes it has the lock alone.
    assert!(bench.entry().unwrap().is_none());
}

#[test]
fn a_read_only_store_is_read_and_nothing_is_kept() {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; the integration tests mount a read-only disk.
        return;
    }
    let bench = Bench::with_entry();
    let mode = |mode| fs_err::set_permissions(bench.dir.path(), Permissions::from_mode(mode));
    fs_err::remove_dir(bench.dir.path().join("scratch")).unwrap();
    mode(0o555).unwrap();
    let entry = bench.entry().unwrap().unwrap();
    assert_eq!(read(&entry).unwrap(), CONTENT);
    entry.record_use(Duration::from_secs(1));
    let other = Sha256::of(b"other");
    let write = |_: &mut dyn io::Write| Ok(());
    let kept = bench
        .store
        .keep_built(Kind::Compile, other, Duration::ZERO, write);
    mode(0o755).unwrap();
    assert_eq!(kept.unwrap(), Keeping::ReadOnly);
}
