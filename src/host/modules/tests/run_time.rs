//! Tests of libraries that programs are linked with, but do not find at run time.

use std::path::Path;

use super::super::Requirements;
use super::super::finding::Finder;
use super::super::found::{MissingModule, PresentModule};
use super::BOGUS;
use crate::environment::Environment;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::CompileProbe;
use crate::host::module_probes::{PROBES, Probe};
use crate::plan::ModulePolicy;
use crate::plan::compat::CompatPolicy;

const CURL: Probe = Probe {
    names: &["curl"],
    includes: "int pybuild_curl(void);",
    symbols: &["pybuild_curl"],
    flags: &["-lpybuildcurl"],
    ..BOGUS
};

fn cc(folder: &Path, source: &str, arguments: &[&str]) {
    fs_err::create_dir_all(folder).unwrap();
    fs_err::write(folder.join("library.c"), source).unwrap();
    let mut compiler = std::process::Command::new("cc");
    let compiler = compiler.args(["-fPIC", "library.c"]).args(arguments);
    assert!(compiler.current_dir(folder).status().unwrap().success());
}

/// A folder with `libpybuildcurl.so`, which is not in the loader's path.
fn private_library(source: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let shared = ["-shared", "-o", "libpybuildcurl.so"];
    cc(
        dir.path(),
        source,
        &[&shared[..], &["-Wl,-soname,libpybuildcurl.so.77"]].concat(),
    );
    let link = dir.path().join("libpybuildcurl.so.77");
    std::os::unix::fs::symlink("libpybuildcurl.so", link).unwrap();
    dir
}

fn look_for(
    probe: &Probe,
    python: &str,
    configure_args: &[String],
    variables: &[(&str, &str)],
) -> Result<PresentModule, MissingModule> {
    let dir = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let all = [("PATH", path.as_str())].into_iter();
    let caller = Environment::with_variables(dir.path(), all.chain(variables.iter().copied()));
    let environment = BuildEnvironment::new(&caller, dir.path());
    let requirements = Requirements {
        python: python.parse().unwrap(),
        modules: &ModulePolicy::default(),
        configure_args,
        compat: &CompatPolicy::All,
    };
    let compile = CompileProbe {
        compiler: &["cc".to_owned()],
        environment: &environment,
        folder: dir.path(),
    };
    let finder = Finder::new(requirements, None, compile);
    finder.look_for(probe).unwrap()
}

fn look_for_curl(variables: &[(&str, &str)]) -> Result<PresentModule, MissingModule> {
    look_for(&CURL, "3.11.2", &[], variables)
}

#[test]
fn a_library_that_does_not_load_is_missing_unless_a_variable_names_its_folder() {
    let library = private_library("int pybuild_curl(void) { return 1; }");
    let folder = library.path().to_str().unwrap();
    let link = format!("-L{folder}");
    for find in [("LDFLAGS", link.as_str()), ("LIBRARY_PATH", folder)] {
        let missing = look_for_curl(&[find]).unwrap_err();
        assert!(
            missing.why.starts_with(
                "error while loading shared libraries: libpybuildcurl.so.77: cannot open shared object"
            ),
            "{missing:?}"
        );
        let hint = missing.at_run_time.unwrap();
        assert!(hint.contains(&format!("`-Wl,-rpath,{folder}`")), "{hint}");
        assert!(missing.unsuitable, "no package helps");
        for found in [("LD_RUN_PATH", folder), ("LD_LIBRARY_PATH", folder)] {
            look_for_curl(&[find, found]).unwrap();
        }
    }
    let with_rpath = format!("{link} -Wl,-rpath,{folder}");
    look_for_curl(&[("LDFLAGS", &with_rpath)]).unwrap();

    fs_err::remove_file(library.path().join("libpybuildcurl.so")).unwrap();
    cc(
        library.path(),
        "int pybuild_curl(void) { return 1; }",
        &["-c"],
    );
    let mut archiver = std::process::Command::new("ar");
    archiver.args(["rcs", "libpybuildcurl.a", "library.o"]);
    assert!(
        archiver
            .current_dir(library.path())
            .status()
            .unwrap()
            .success()
    );
    look_for_curl(&[("LDFLAGS", &link)]).unwrap();
}

#[test]
fn a_library_that_crashes_is_missing() {
    let library = private_library(
        "#include <stdlib.h>\n__attribute__((constructor)) static void fail(void) { abort(); }\n\
         int pybuild_curl(void) { return 1; }",
    );
    let folder = library.path().to_str().unwrap();
    let flags = format!("-L{folder} -Wl,-rpath,{folder}");
    let missing = look_for_curl(&[("LDFLAGS", &flags)]).unwrap_err();
    assert!(missing.why.contains("ended with signal: 6"), "{missing:?}");
    assert!(missing.at_run_time.unwrap().contains("made for this host"));
}

/// A fake OpenSSL in a folder of its own, with a soname that no host has.
fn private_openssl(libraries: &str, version_of_library: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let include = dir.path().join("include/openssl");
    fs_err::create_dir_all(&include).unwrap();
    let headers = "#define OPENSSL_VERSION_NUMBER 0x30200010L\n\
                   #define OPENSSL_VERSION_TEXT \"OpenSSL 3.2.1\"\n#define OPENSSL_VERSION 0\n\
                   int SSL_CTX_new(void);\nint EVP_DigestUpdate(void);\n\
                   const char *OpenSSL_version(int);\n";
    fs_err::write(include.join("ssl.h"), headers).unwrap();
    for name in ["evp.h", "crypto.h"] {
        fs_err::write(include.join(name), "").unwrap();
    }
    let folder = dir.path().join(libraries);
    let source = format!(
        "int SSL_CTX_new(void) {{ return 1; }}\nint EVP_DigestUpdate(void) {{ return 1; }}\n\
         const char *OpenSSL_version(int what) {{ return \"{version_of_library}\"; }}\n"
    );
    for name in ["libssl.so", "libcrypto.so"] {
        let soname = format!("-Wl,-soname,{name}.77");
        cc(&folder, &source, &["-shared", "-o", name, &soname]);
        std::os::unix::fs::symlink(name, folder.join(format!("{name}.77"))).unwrap();
    }
    dir
}

fn look_for_ssl(python: &str, args: &[String]) -> Result<PresentModule, MissingModule> {
    let ssl = PROBES.iter().find(|probe| probe.name() == "ssl").unwrap();
    look_for(ssl, python, args, &[])
}

#[test]
fn an_openssl_outside_the_loaders_path_needs_its_rpath_from_3_10_on() {
    let openssl = private_openssl("lib", "OpenSSL 3.2.1");
    let dir = openssl.path().display().to_string();
    let look = |python: &str, more: &[&str]| {
        let more = more.iter().map(|argument| argument.replace("DIR", &dir));
        let args: Vec<String> = [format!("--with-openssl={dir}")]
            .into_iter()
            .chain(more)
            .collect();
        look_for_ssl(python, &args)
    };
    for python in ["3.10.13", "3.11.2", "3.13.5"] {
        for without in [
            &[][..],
            &["--with-openssl-rpath=no"],
            &["--without-openssl-rpath"],
        ] {
            let missing = look(python, without).unwrap_err();
            assert!(
                missing.why.contains("libssl.so.77: cannot open"),
                "{missing:?}"
            );
            let hint = missing.at_run_time.unwrap();
            let named = hint.contains("--configure-arg=--with-openssl-rpath=auto");
            assert_eq!(named, without.is_empty(), "{hint}");
        }
        for with in ["--with-openssl-rpath=auto", "--with-openssl-rpath=DIR/lib"] {
            let found = look(python, &[with]).unwrap();
            assert_eq!(found.library_at_run_time, None, "{found:?}");
        }
    }
    // For these releases, pybuild itself sets the run path.
    for python in ["2.7.18", "3.6.12", "3.7.9", "3.9.2"] {
        look(python, &[]).unwrap();
    }
}

#[test]
fn headers_and_library_of_different_versions_and_a_lib64_folder_are_noticed() {
    let openssl = private_openssl("lib", "OpenSSL 3.0.1");
    let dir = openssl.path().display();
    let args = [
        format!("--with-openssl={dir}"),
        "--with-openssl-rpath=auto".to_owned(),
    ];
    let found = look_for_ssl("3.11.2", &args).unwrap();
    assert_eq!(found.library.as_deref(), Some("OpenSSL 3.2.1"));
    assert_eq!(found.library_at_run_time.as_deref(), Some("OpenSSL 3.0.1"));

    let openssl = private_openssl("lib64", "OpenSSL 3.2.1");
    let args = [format!("--with-openssl={}", openssl.path().display())];
    let missing = look_for_ssl("3.11.2", &args).unwrap_err();
    assert!(
        missing.why.contains("libssl is in its lib64 folder"),
        "{missing:?}"
    );
}
