//! Tests of the search for tools, with fake compilers and the real one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Family, Toolchain, ToolchainError, not_started};
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain as _};
use crate::host::build_environment::BuildEnvironment;
use crate::host::packages::Capability;
use crate::plan::DebugInfo;
use crate::process::CommandError;

struct Bench {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
    debug_info: DebugInfo,
}

impl Bench {
    fn new() -> Self {
        let path = std::env::var("PATH").unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: vec![("PATH".to_owned(), path)],
            debug_info: DebugInfo::None,
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A script to be run as `sh SCRIPT`: children of other tests inherit a file that this process
    /// has open, and a file that is open for writing cannot be executed.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs_err::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn find(&self) -> Result<Toolchain, ToolchainError> {
        let scratch = self.dir.path().join("scratch");
        fs_err::create_dir_all(&scratch).unwrap();
        let caller = Environment::with_variables(self.dir.path(), self.variables.clone());
        let environment = BuildEnvironment::new(&caller, &scratch);
        Toolchain::find(&caller, &environment, self.debug_info, &scratch)
    }
}

#[test]
fn the_hosts_compiler_is_found_and_works() {
    let toolchain = Bench::new().find().unwrap();
    assert_ne!(toolchain.compiler.family, Family::Other);
    assert!(
        toolchain
            .compiler
            .version
            .starts_with(|c: char| c.is_ascii_digit())
    );
    assert!(!toolchain.compiler.machine.is_empty());
    assert!(toolchain.make.version.contains("GNU Make"));
    let text = serde_json::to_string(&toolchain).unwrap();
    assert_eq!(serde_json::from_str::<Toolchain>(&text).unwrap(), toolchain);
}

#[test]
fn objcopy_is_searched_only_for_a_build_that_splits_debug_information() {
    let mut bench = Bench::new();
    assert_eq!(bench.find().unwrap().objcopy, None);
    bench.debug_info = DebugInfo::Split;
    let objcopy = bench.find().unwrap().objcopy.unwrap();
    assert!(objcopy.version.contains("objcopy"), "{objcopy:?}");
}

#[test]
fn cc_may_hold_a_launcher_and_arguments() {
    let mut bench = Bench::new();
    bench.set("CC", "env cc -g0");
    let toolchain = bench.find().unwrap();
    assert_eq!(toolchain.compiler.words[1..], ["cc", "-g0"]);
    let mut environment = BuildEnvironment::new(
        &Environment::with_variables::<&str, &str>(Path::new("/"), []),
        Path::new("/"),
    );
    toolchain.complete(&mut environment);
    assert!(environment.variable("CC").unwrap().ends_with("env cc -g0"));
}

#[test]
fn a_missing_compiler_and_a_wrong_cc_are_different_errors() {
    let mut bench = Bench::new();
    bench.set(
        "PATH",
        bench.dir.path().to_str().unwrap().to_owned().as_str(),
    );
    let error = bench.find().unwrap_err();
    assert!(matches!(error, ToolchainError::NoCompiler), "{error}");
    assert_eq!(error.fixed_by(), Some(Capability::Compiler));
    bench.set("CC", "no-such-compiler -O2");
    let error = bench.find().unwrap_err();
    assert!(error.to_string().contains("`no-such-compiler`"), "{error}");
    assert_eq!(error.fixed_by(), None);
}

#[test]
fn a_compiler_that_fails_is_shown_with_its_first_error() {
    let mut bench = Bench::new();
    let broken = bench.script("broken-cc", "echo 'cc1: error: out of order' >&2; exit 1");
    bench.set("CC", &format!("sh {}", broken.display()));
    let error = bench.find().unwrap_err();
    assert!(
        error.to_string().ends_with("cc1: error: out of order"),
        "{error}"
    );
    assert_eq!(error.fixed_by(), None);
    assert_eq!(error.exit_status(), ExitStatus::Prerequisite);
}

#[test]
fn a_compiler_without_the_c_library_is_not_a_broken_one() {
    let mut bench = Bench::new();
    let bare = bench.script(
        "bare-cc",
        "echo 'proof.c:2:10: fatal error: stdio.h: No such file or directory' >&2; exit 1",
    );
    bench.set("CC", &format!("sh {}", bare.display()));
    let error = bench.find().unwrap_err();
    assert_eq!(error.fixed_by(), Some(Capability::LibcHeaders));
}

#[test]
fn a_program_that_fails_is_not_taken_for_a_noexec_mount() {
    let mut bench = Bench::new();
    let odd = bench.script(
        "odd-cc",
        "while [ \"$1\" != -o ]; do shift; done; printf '#!/bin/sh\\nexit 7\\n' > \"$2\"; chmod 755 \"$2\"",
    );
    bench.set("CC", &format!("sh {}", odd.display()));
    let error = bench.find().unwrap_err();
    assert!(error.to_string().contains("exit status: 7"), "{error}");
}

#[test]
fn another_make_is_not_enough() {
    let mut bench = Bench::new();
    bench.set("MAKE", "echo");
    let error = bench.find().unwrap_err();
    assert!(matches!(error, ToolchainError::NoMake { .. }), "{error}");
}

#[test]
fn if_an_executable_file_may_not_be_started_the_folder_is_the_cause() {
    let bench = Bench::new();
    let denied = || CommandError::NotStarted {
        command: "proof".to_owned(),
        dir: bench.dir.path().to_owned(),
        source: std::io::ErrorKind::PermissionDenied.into(),
    };
    let program = bench.script("proof", "exit 0");
    let error = not_started(denied(), "cc", &program);
    assert!(
        matches!(&error, ToolchainError::NotExecutable { noexec: false, .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--build-dir"));
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = not_started(denied(), "cc", &program);
    assert!(
        matches!(error, ToolchainError::ProgramFails { .. }),
        "{error}"
    );
}
