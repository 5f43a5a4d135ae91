//! Tests of the search for libraries on this host.

mod run_time;

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::Finder;
use super::flags::hex;
use super::found::{HostModules, Need};
use super::{Requirements, canonical_name, find};
use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::CompileProbe;
use crate::host::module_probes::{PROBES, Probe};
use crate::host::packages::Capability;
use crate::host::testing::write_program;
use crate::host::toolchain::Toolchain;
use crate::plan::compat::CompatPolicy;
use crate::plan::{DebugInfo, ModulePolicy};

fn policy(required: &[&str], may_be_missing: &[&str]) -> ModulePolicy {
    let set = |names: &[&str]| {
        names
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    ModulePolicy {
        required: set(required),
        may_be_missing: set(may_be_missing),
        left_out: BTreeSet::new(),
    }
}

fn requirements<'a>(python: &str, modules: &'a ModulePolicy) -> Requirements<'a> {
    Requirements {
        python: python.parse().unwrap(),
        modules,
        configure_args: &[],
        compat: &CompatPolicy::All,
    }
}

fn host(extra: &[(&str, &str)]) -> (tempfile::TempDir, Environment, BuildEnvironment) {
    let dir = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let variables = [("PATH", path.as_str())]
        .into_iter()
        .chain(extra.iter().copied());
    let caller = Environment::with_variables(dir.path(), variables);
    let environment = BuildEnvironment::new(&caller, dir.path());
    (dir, caller, environment)
}

const BOGUS: Probe = Probe {
    names: &["bogus"],
    series: ((0, 0), (9, 0)),
    capability: Capability::Zlib,
    feature: "nothing",
    includes: "#include <pybuild-has-no-such-header.h>",
    symbols: &["main"],
    version: "\"\"",
    runtime_version: "",
    flags: &[""],
    pkg_config: "",
    pkg_config_first: (0, 0),
};

const STANDARD: Probe = Probe {
    names: &["standard"],
    includes: "#include <math.h>",
    symbols: &["atan2"],
    flags: &["-lm"],
    ..BOGUS
};

#[test]
fn present_and_missing_libraries_are_distinguished() {
    let (dir, caller, environment) = host(&[]);
    let toolchain = Toolchain::find(&caller, &environment, DebugInfo::None, dir.path()).unwrap();
    let modules = policy(&[], &[]);
    let compile = CompileProbe {
        compiler: &toolchain.compiler.words,
        environment: &environment,
        folder: dir.path(),
    };
    let finder = Finder::new(requirements("3.11.2", &modules), None, compile);
    let present = Probe {
        version: "\"1.2\"",
        ..STANDARD
    };
    let found = finder.look_for(&present).unwrap().unwrap();
    assert_eq!(found.library.as_deref(), Some("1.2"));
    let missing = finder.look_for(&BOGUS).unwrap().unwrap_err();
    assert_eq!(missing.why, "no pybuild-has-no-such-header.h");
    let no_library = Probe {
        flags: &["-lpybuild-has-no-such-library"],
        ..STANDARD
    };
    let missing = finder.look_for(&no_library).unwrap().unwrap_err();
    assert_eq!(missing.why, "no library -lpybuild-has-no-such-library");
    let no_symbol = Probe {
        includes: "#include <math.h>\nextern int no_such_symbol(void);",
        symbols: &["no_such_symbol"],
        ..STANDARD
    };
    let missing = finder.look_for(&no_symbol).unwrap().unwrap_err();
    assert!(missing.why.contains("lacks"), "{missing:?}");
    assert!(missing.detail.contains("no_such_symbol"), "{missing:?}");
    let too_old = Probe {
        includes: "#include <math.h>\n#if PYTHON_HEX == 0x030B02\n#error \"too old\"\n#endif",
        ..present
    };
    let missing = finder.look_for(&too_old).unwrap().unwrap_err();
    assert_eq!(
        (missing.why.as_str(), missing.unsuitable),
        ("too old", true)
    );
    let ssl = PROBES.iter().find(|probe| probe.name() == "ssl").unwrap();
    let args = ["--with-openssl=/no/such/folder".to_owned()];
    let requirements = Requirements {
        configure_args: &args,
        ..requirements("3.11.2", &modules)
    };
    let elsewhere = Finder::new(requirements, None, compile);
    let missing = elsewhere.look_for(ssl).unwrap().unwrap_err();
    assert_eq!(missing.why, "no /no/such/folder/include/openssl/ssl.h");
    assert!(
        missing.unsuitable,
        "no package fixes an argument of configure"
    );
}

#[test]
fn every_probe_compiles_if_its_library_is_installed() {
    let (dir, caller, environment) = host(&[]);
    let toolchain = Toolchain::find(&caller, &environment, DebugInfo::None, dir.path()).unwrap();
    let modules = policy(&[], &[]);
    let mut probed = BTreeSet::new();
    for python in ["2.7.18", "3.14.0"] {
        let requirements = requirements(python, &modules);
        let found = find(requirements, &toolchain, &environment, dir.path());
        let HostModules { present, missing } = found.unwrap();
        // The host may lack any header or library, or have another version, but every program has
        // to compile.
        for missing in &missing {
            let why = &missing.why;
            assert!(
                why.starts_with("no ") || why.contains(" needs "),
                "{missing:?}"
            );
        }
        probed.extend(present.iter().map(|module| module.module));
        probed.extend(missing.iter().map(|module| module.module));
    }
    let all: BTreeSet<&str> = PROBES.iter().map(Probe::name).collect();
    assert_eq!(probed, all);
}

#[test]
fn flags_of_the_environment_are_used_and_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let include = folder.path().join("include");
    fs_err::create_dir(&include).unwrap();
    fs_err::write(
        include.join("elsewhere.h"),
        "#define ELSEWHERE \"4.5\"\n#include <math.h>\n",
    )
    .unwrap();
    let probe = Probe {
        includes: "#include <elsewhere.h>",
        version: "ELSEWHERE",
        pkg_config: "elsewhere",
        pkg_config_first: (3, 12),
        ..STANDARD
    };
    let modules = policy(&[], &[]);
    let flag = format!("-I{}", include.display());
    let look = |variables: &[(&str, &str)], python: &str, pkg_config: Option<&Path>| {
        let (dir, caller, environment) = host(variables);
        let toolchain =
            Toolchain::find(&caller, &environment, DebugInfo::None, dir.path()).unwrap();
        let compile = CompileProbe {
            compiler: &toolchain.compiler.words,
            environment: &environment,
            folder: dir.path(),
        };
        let finder = Finder::new(requirements(python, &modules), pkg_config, compile);
        finder.look_for(&probe).unwrap()
    };
    assert!(look(&[], "3.11.2", None).is_err());
    let found = look(&[("CPPFLAGS", &flag)], "3.11.2", None).unwrap();
    assert_eq!(found.library.as_deref(), Some("4.5"));
    assert!(found.flags.is_empty());
    let script = folder.path().join("pkg-config");
    write_program(&script, &format!("#!/bin/sh\necho {flag} -lm\n"));
    // From that series on, configure asks pkg-config itself; before it, pybuild passes the flags.
    assert!(look(&[], "3.12.1", Some(&script)).unwrap().flags.is_empty());
    assert_eq!(
        look(&[], "3.11.2", Some(&script)).unwrap().flags,
        std::slice::from_ref(&flag)
    );
}

#[test]
fn the_release_decides_which_modules_are_searched() {
    let modules = policy(&[], &["tkinter"]);
    let needs = |python: &str| requirements(python, &modules).capabilities();
    assert!(needs("3.12.0").contains(&Capability::Crypt));
    assert!(!needs("3.13.0").contains(&Capability::Crypt));
    assert!(!needs("3.6.15").contains(&Capability::Libffi));
    assert!(needs("3.7.1").contains(&Capability::Libffi));
    assert!(!needs("2.7.18").contains(&Capability::Lzma));
    assert!(!needs("3.13.0").contains(&Capability::Zstd));
    assert!(needs("3.14.0").contains(&Capability::Zstd));
    assert!(!needs("3.14.0").contains(&Capability::Tk), "waived");
    let args = [
        "--with-system-ffi".to_owned(),
        "--without-readline".to_owned(),
    ];
    let requirements = Requirements {
        configure_args: &args,
        ..requirements("2.7.18", &modules)
    };
    let needs = requirements.capabilities();
    assert!(needs.contains(&Capability::Libffi) && !needs.contains(&Capability::Readline));
}

#[test]
fn with_openssl_becomes_flags_if_configure_does_not_know_it() {
    let (dir, caller, environment) = host(&[]);
    let toolchain = Toolchain::find(&caller, &environment, DebugInfo::None, dir.path()).unwrap();
    let modules = ModulePolicy::default();
    let args = ["--with-openssl=/usr".to_owned()];
    let flags = |python: &str| {
        let requirements = Requirements {
            configure_args: &args,
            ..requirements(python, &modules)
        };
        let found = find(requirements, &toolchain, &environment, dir.path());
        let present = found.unwrap().present;
        let ssl = present.into_iter().find(|module| module.module == "ssl");
        ssl.expect("OpenSSL's headers, which every test of a build needs")
            .flags
    };
    assert_eq!(
        flags("3.6.12"),
        ["-Wl,-rpath,/usr/lib", "-I/usr/include", "-L/usr/lib"]
    );
    assert_eq!(flags("3.9.2"), ["-Wl,-rpath,/usr/lib"]);
    assert!(flags("3.11.2").is_empty());
}

#[test]
fn an_openssl_that_needs_a_patch_is_rejected_without_the_patch() {
    let (dir, caller, environment) = host(&[]);
    let toolchain = Toolchain::find(&caller, &environment, DebugInfo::None, dir.path()).unwrap();
    let modules = ModulePolicy::default();
    let missing = |compat: &CompatPolicy| {
        let requirements = Requirements {
            compat,
            ..requirements("3.4.10", &modules)
        };
        let found = find(requirements, &toolchain, &environment, dir.path());
        let missing = found.unwrap().missing;
        missing.into_iter().find(|module| module.module == "ssl")
    };
    assert!(missing(&CompatPolicy::All).is_none());
    let refused = missing(&CompatPolicy::None).expect("OpenSSL is 1.1 or later");
    assert!(refused.unsuitable && refused.why.contains("or the patch ssl-openssl-1.1"));
}

#[test]
fn modules_are_known_by_all_their_names() {
    let probe = |name: &str| PROBES.iter().find(|probe| probe.name() == name).unwrap();
    let need = |module: &str, required: &[&str], may_be_missing: &[&str]| {
        let policy = policy(required, may_be_missing);
        requirements("3.11.2", &policy).need(probe(module))
    };
    assert_eq!(need("ssl", &[], &[]), Need::Required);
    assert_eq!(need("ctypes", &[], &["_ctypes"]), Need::Waived);
    assert_eq!(need("sqlite3", &["_sqlite3"], &[]), Need::Required);
    assert_eq!(need("sqlite3", &[], &[]), Need::Wanted);
    assert_eq!(need("dbm.gnu", &["_gdbm"], &["dbm.gnu"]), Need::Required);
    assert_eq!(canonical_name("_lzma"), "lzma");
    assert_eq!(canonical_name("json"), "json");
    let mut names: Vec<_> = PROBES.iter().flat_map(|probe| probe.names).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name means one module");
}

#[test]
fn a_version_has_the_form_of_sys_hexversion() {
    assert_eq!(hex("3.11.2".parse().unwrap()), "0x030B02");
}
