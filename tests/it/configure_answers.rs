//! Answers of `configure`'s checks: the same as without them, renewed when the host changes.

use std::path::PathBuf;

use crate::fixture::Fixture;
use crate::mini_cpython::MiniCpython;

/// A release with checks, and a compiler with a folder for development files.
fn fixture(version: &str) -> Fixture {
    let mut fixture = Fixture::of(MiniCpython::new(version).with_checks());
    let path = format!("{}:/usr/bin:/bin", fixture.context.path("bin").display());
    fixture.context.set("PATH", path);
    fixture.context.set("CC", "/usr/bin/cc");
    let headers = fixture.context.path("include");
    fs_err::create_dir(&headers).unwrap();
    fixture.context.set("CPATH", headers);
    fixture
}

/// What `configure` found, and the number of times that it called the compiler.
#[track_caller]
fn configure(fixture: &Fixture, more: &[&str]) -> (String, usize) {
    let arguments = [&["--force", "--keep-build"], more].concat();
    fixture.build(&arguments).success();
    let builds = fixture.context.path("cache/build");
    let kept = fs_err::read_dir(&builds).unwrap();
    let trees: Vec<PathBuf> = kept
        .map(|entry| entry.unwrap().path().join("source"))
        .collect();
    assert_eq!(trees.len(), 1);
    let read = |name: &str| fs_err::read_to_string(trees[0].join(name)).unwrap();
    let (found, calls) = (read("pyconfig.h"), read("compiler-calls").lines().count());
    assert!(!trees[0].join(".configure-answers").exists());
    fs_err::remove_dir_all(builds).unwrap();
    (found, calls)
}

fn files(fixture: &Fixture) -> Vec<PathBuf> {
    let folder = fixture.context.path("cache/configure-1");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_first_build_asks_for_many_answers_at_once_and_the_next_one_asks_for_almost_none() {
    let fixture = fixture("3.99.1");
    let (plain, plain_calls) = configure(&fixture, &["--no-configure-cache"]);
    assert_eq!(plain_calls, 15);
    assert!(files(&fixture).is_empty());
    for wrong in [
        "ac_cv_header_no_such_h yes",
        "ac_cv_func_no_such_function yes",
        "looks no",
    ] {
        assert!(!plain.contains(wrong), "{plain}");
    }
    let (first, calls) = configure(&fixture, &[]);
    assert_eq!(first, plain);
    // The first three checks of headers, the first one of a function, and the two that are not standard.
    assert_eq!(calls, 6);
    // One check needs the object file.
    for more in [&[][..], &["--configure-arg", "--with-other"]] {
        assert_eq!(configure(&fixture, more), (plain.clone(), 1));
    }
}

#[test]
fn another_release_uses_the_answers_of_checks() {
    let first = fixture("3.98.1");
    configure(&first, &[]);
    let other = Fixture {
        release: MiniCpython::new("3.99.1").with_checks(),
        ..first
    };
    other.release.write_tgz(&other.context.path("releases"));
    let (plain, _) = configure(&other, &["--no-configure-cache"]);
    assert_eq!(configure(&other, &[]), (plain, 1));
}

#[test]
fn a_new_and_a_removed_development_file_are_seen_by_the_next_build() {
    let fixture = fixture("3.99.1");
    let header = fixture.context.path("include/miniature.h");
    let finds = |answer: &str| {
        let (found, _) = configure(&fixture, &[]);
        for line in [
            format!("ac_cv_header_miniature_h {answer}"),
            format!("plain {answer}"),
        ] {
            assert!(found.contains(&line), "{found}");
        }
    };
    finds("no");
    finds("no");
    fs_err::write(&header, "int miniature;\n").unwrap();
    finds("yes");
    fs_err::remove_file(&header).unwrap();
    finds("no");
}

/// Damages the content of a file.
type Damage = fn(Vec<u8>) -> Vec<u8>;

#[test]
fn damaged_answers_and_those_of_another_format_are_made_again() {
    let fixture = fixture("3.99.1");
    let (plain, _) = configure(&fixture, &[]);
    let sound = files(&fixture);
    assert_eq!(sound.len(), 1, "{sound:?}");
    let damages: [Damage; 3] = [
        |content| [b"=no\n", &content[4..]].concat(),
        |content| content[..content.len() / 2].to_vec(),
        |_| b"\xff version 2".to_vec(),
    ];
    for damage in damages {
        for file in &sound {
            let content = fs_err::read(file).unwrap();
            fs_err::remove_file(file).unwrap();
            fs_err::write(file, damage(content)).unwrap();
        }
        assert_eq!(configure(&fixture, &[]), (plain.clone(), 6));
        assert_eq!(configure(&fixture, &[]), (plain.clone(), 1));
    }
}

#[test]
fn a_failed_configure_leaves_no_answers() {
    let release = MiniCpython::new("3.99.1").with_checks();
    let release = release.with_fault(crate::mini_cpython::Fault::Configure);
    let fixture = Fixture {
        release,
        ..fixture("3.99.1")
    };
    fixture.release.write_tgz(&fixture.context.path("releases"));
    fixture.build(&[]).exits(1);
    assert!(files(&fixture).is_empty());
}
