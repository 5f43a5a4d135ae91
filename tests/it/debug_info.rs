//! `--debug-info` with miniature releases: the flag, the record and the tool. `tests/long/debug-info` splits
//! the debug information of a real interpreter.

use crate::fixture::Fixture;

/// The `OPT` of the installed Makefile.
fn flags(fixture: &Fixture) -> String {
    let makefile = fixture.prefix().join("lib/python3.99/config/Makefile");
    let makefile = fs_err::read_to_string(makefile).unwrap();
    let value = makefile.lines().find_map(|line| line.strip_prefix("OPT="));
    value.unwrap().trim().to_owned()
}

#[test]
fn a_build_has_no_debug_flag_unless_it_is_requested() {
    let fixture = Fixture::new();
    fixture.build(&[]).success();
    assert_eq!(flags(&fixture), "-O3 -Wall");
    fixture
        .build(&["--debug-info"])
        .success()
        .says(["only --debug-info is different"]);
    assert_eq!(flags(&fixture), "-g -O3 -Wall");
    fixture.build(&["--configure-arg=--with-pydebug"]).success();
    assert_eq!(flags(&fixture), "-g -O0 -Wall");
    fixture.build(&["--configure-arg=OPT=-g -O1"]).success();
    assert_eq!(flags(&fixture), "-g -O1");
}

#[test]
fn an_installation_of_an_earlier_version_counts_as_one_with_debug_information() {
    let fixture = Fixture::new();
    fixture.build(&["--debug-info"]).success();
    let record = format!("share/pybuild/{}/record.json", fixture.version());
    let record = fixture.prefix().join(record);
    let text = fs_err::read_to_string(&record).unwrap();
    // As earlier versions wrote it.
    assert!(!text.contains("debug_info"), "{text}");
    fixture
        .build(&["--debug-info=in-files"])
        .success()
        .says(["nothing to do"]);
    fixture
        .build(&[])
        .success()
        .says(["only --debug-info is different"]);
    let text = fs_err::read_to_string(&record).unwrap();
    assert!(text.contains(r#""debug_info": "none""#), "{text}");
}

#[test]
fn debug_information_is_not_split_without_objcopy() {
    let fixture = Fixture::new();
    let outcome = fixture.build(&["--debug-info=split"]).exits(5);
    outcome
        .says(["objcopy", "binutils"])
        .has_one_error_with_a_hint();
    assert!(!fixture.prefix().exists());
}
