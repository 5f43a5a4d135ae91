//! Tests of the whole check, on a fake host whose package manager installs a real compiler.

use super::{PrerequisiteCheck, ReadyHost, Remedy};
use crate::environment::Environment;
use crate::error::{ExitStatus, Explain as _};
use crate::host::Error;
use crate::host::build_environment::BuildEnvironment;
use crate::host::distribution::Distribution;
use crate::host::modules::Requirements;
use crate::host::testing::write_program;
use crate::plan::DebugInfo;
use crate::plan::ModulePolicy;
use crate::plan::compat::CompatPolicy;
use crate::process::Runner;
use crate::progress::SilentReporter;

/// A fake `apt-get`: `install` creates links to the real tools in `PATH`.
const APT: &str = "#!/bin/sh
[ \"$1\" = update ] && exit 0
here=$(dirname \"$0\")
for tool in cc make ar ld as; do
    real=$(PATH=$REAL_PATH command -v $tool) && ln -sf \"$real\" \"$here/$tool\"
done
echo installed
";

/// A fake sudo: it drops its options and runs the rest.
const SUDO: &str = "#!/bin/sh
while case $1 in -*) true;; *) false;; esac; do shift; done
[ \"$1\" = true ] && exit 0
exec \"$@\"
";

fn check(install: bool) -> (Result<ReadyHost, Error>, String) {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    let scratch = dir.path().join("scratch");
    fs_err::create_dir(&bin).unwrap();
    fs_err::create_dir(&scratch).unwrap();
    let real_path = std::env::var("PATH").unwrap();
    write_program(
        &bin.join("apt-get"),
        &APT.replace("$REAL_PATH", &format!("'{real_path}'")),
    );
    write_program(&bin.join("sudo"), SUDO);
    for (name, real) in [("sh", "sh"), ("dirname", "dirname"), ("ln", "ln")] {
        let real = std::env::split_paths(&real_path)
            .map(|dir| dir.join(real))
            .find(|path| path.exists());
        std::os::unix::fs::symlink(real.unwrap(), bin.join(name)).unwrap();
    }
    let caller = Environment::with_variables(dir.path(), [("PATH", bin.as_os_str())]);
    // The host that runs this test may lack any library.
    let modules = ModulePolicy {
        may_be_missing: ModulePolicy::ESSENTIAL.map(ToOwned::to_owned).into(),
        ..ModulePolicy::default()
    };
    let distribution = Distribution::from_os_release("ID=debian\n", &caller);
    let environment = BuildEnvironment::new(&caller, &scratch);
    let check = PrerequisiteCheck {
        requirements: Requirements {
            python: "3.11.2".parse().unwrap(),
            modules: &modules,
            configure_args: &[],
            compat: &CompatPolicy::All,
        },
        debug_info: DebugInfo::None,
        distribution: &distribution,
        caller: &caller,
        environment: &environment,
        scratch: &scratch,
    };
    let log = dir.path().join("log");
    let runner = Runner::with_log([log.clone()]);
    let remedy = if install {
        Remedy::Install(&runner)
    } else {
        Remedy::Print
    };
    let result = check.run(remedy, &SilentReporter);
    (result, fs_err::read_to_string(log).unwrap_or_default())
}

#[test]
fn a_host_without_a_compiler_gets_one_command_for_everything() {
    let (result, log) = check(false);
    let error = result.unwrap_err();
    assert_eq!(error.exit_status(), ExitStatus::Prerequisite);
    assert!(error.to_string().contains("no C compiler"), "{error}");
    let hint = error.hint().unwrap();
    for package in ["gcc", "make", "libsqlite3-dev", "--install-deps"] {
        assert!(hint.contains(package), "{package} in {hint}");
    }
    assert!(!hint.contains("zlib1g-dev"), "waived: {hint}");
    assert_eq!(log, "", "nothing was run");
}

#[test]
fn with_install_deps_packages_are_installed_and_the_host_is_checked_again() {
    let (result, log) = check(true);
    let ready = result.unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(ready.toolchain.compiler.command, "cc");
    assert!(log.contains("installed"), "{log}");
}
