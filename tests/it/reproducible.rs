//! The tree digest, `pybuild verify` and `pybuild reproduce`, and interpreters without pip.

use crate::fixture::Fixture;
use crate::mini_cpython::{MiniCpython, VERSION};

fn digest_in(stderr: &str) -> String {
    let line = stderr
        .lines()
        .find_map(|line| line.strip_prefix("tree digest: sha256:"));
    line.unwrap().to_owned()
}

#[test]
fn verify_finds_every_change_of_an_installation() {
    let fixture = Fixture::new();
    let digest = digest_in(&fixture.build(&[]).success().stderr);
    assert_eq!(fixture.record()["tree"], digest.as_str());
    let verify = || fixture.context.run(["verify", VERSION]);
    let verified = verify().success();
    assert_eq!(verified.stdout.trim(), format!("sha256:{digest}"));
    // A file that came later is not part of the installation.
    fs_err::write(fixture.prefix().join("lib/python3.99/later.py"), "").unwrap();
    assert_eq!(verify().success().stdout, verified.stdout);
    fs_err::write(fixture.prefix().join("lib/python3.99/os.py"), "changed").unwrap();
    fs_err::remove_file(fixture.prefix().join("bin/python3")).unwrap();
    let differs = verify().exits(6).has_one_error_with_a_hint();
    assert_eq!(
        differs.stdout,
        "missing bin/python3\nchanged lib/python3.99/os.py\n"
    );
    fixture.context.run(["verify", "3.7"]).exits(3);
}

#[test]
fn installed_files_have_the_date_of_the_release_or_of_the_caller() {
    use std::os::unix::fs::MetadataExt as _;
    let mut fixture = Fixture::new();
    let times = |fixture: &Fixture| -> std::collections::BTreeSet<i64> {
        let files = walkdir::WalkDir::new(fixture.prefix())
            .into_iter()
            .map(Result::unwrap);
        let files = files.filter(|entry| {
            entry.file_type().is_file()
                && !entry
                    .path()
                    .starts_with(fixture.prefix().join("share/pybuild"))
        });
        files
            .map(|entry| entry.metadata().unwrap().mtime())
            .collect()
    };
    fixture.build(&[]).success();
    let released = times(&fixture);
    assert_eq!(released.len(), 1);
    fixture.context.set("SOURCE_DATE_EPOCH", "86400");
    fixture.build(&["--force"]).success();
    assert_eq!(times(&fixture), [86_400].into());
    fixture.context.set("SOURCE_DATE_EPOCH", "yesterday");
    fixture
        .build(&["--force"])
        .exits(2)
        .says(["SOURCE_DATE_EPOCH"])
        .has_one_error_with_a_hint();
}

#[test]
fn byte_code_that_python_wrote_does_not_outlive_its_source() {
    let fixture = Fixture::new();
    fixture
        .build(&["--pip", "23.3.2", "--bytecode", "none"])
        .success();
    let cache = fixture
        .prefix()
        .join("lib/python3.99/ensurepip/__pycache__");
    fs_err::create_dir_all(&cache).unwrap();
    let [stale, other] =
        ["__init__.cpython-399.pyc", "other.cpython-399.pyc"].map(|name| cache.join(name));
    for path in [&stale, &other] {
        fs_err::write(path, "code").unwrap();
    }
    fixture
        .build(&["--pip", "24.0", "--bytecode", "none"])
        .success();
    assert!(!stale.exists() && other.exists());
}

#[test]
fn a_repeated_build_is_compared_with_the_first() {
    let fixture = Fixture::new();
    fixture.build(&["--prefix", "prefix"]).success();
    let prefix = fixture.context.path("work/prefix");
    let before = crate::context::snapshot(&prefix);
    let outcome = fixture.context.run(["reproduce", "prefix"]);
    // The miniature writes its environment into a file, with the path of the build folder.
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(outcome.code, Some(6), "{outcome}");
    assert!(
        lines.iter().all(|line| line.contains("/config/")),
        "{lines:?}"
    );
    assert!(
        lines[0].ends_with(": the path of the build folder"),
        "{lines:?}"
    );
    assert_eq!(crate::context::snapshot(&prefix), before);

    fs_err::write(prefix.join("lib/python3.99/os.py"), "changed").unwrap();
    let record = format!("prefix/share/pybuild/{VERSION}/record.json");
    let text = fs_err::read_to_string(fixture.context.path("work").join(&record)).unwrap();
    let other = text.replace("glibc 2.36", "glibc 2.31");
    assert_ne!(other, text);
    fixture.context.write(&format!("work/{record}"), other);
    fixture
        .context
        .run(["reproduce", &record])
        .exits(6)
        .says(["C library: glibc 2.31, now glibc 2.36"])
        .has_one_error_with_a_hint();
    fixture
        .context
        .run(["reproduce", "prefix", "--build-dir", "a b"])
        .exits(2)
        .says(["--build-dir"])
        .has_one_error_with_a_hint();
    fixture
        .context
        .run(["reproduce", "absent.json"])
        .exits(4)
        .has_one_error_with_a_hint();
    fixture.assert_nothing_is_left_behind();
}

#[test]
fn an_interpreter_without_pip_says_what_is_missing() {
    for release in [
        MiniCpython::new(VERSION),
        MiniCpython::new(VERSION).with_setuptools(),
    ] {
        let fixture = Fixture::of(release);
        fixture
            .build(&["--pip", "none", "--setuptools", "bundled"])
            .success()
            .says(["no pip"]);
        let stdlib = fixture.prefix().join("lib/python3.99");
        assert!(!stdlib.join("ensurepip/_bundled").exists());
        assert!(
            fs_err::read_dir(stdlib.join("site-packages"))
                .unwrap()
                .next()
                .is_none()
        );
        assert_eq!(fixture.record()["checks"].get("pip"), None);
        let venv = fixture.context.path("venv").display().to_string();
        let mut with_pip = std::process::Command::new(fixture.prefix().join("bin/python3"));
        let refused = fixture
            .context
            .outcome(with_pip.args(["-m", "venv", &venv]));
        refused
            .exits(1)
            .says(["built without pip", "--without-pip"]);
        assert!(!fixture.context.path("venv").exists());
        fixture.python(&fixture.prefix(), &["-m", "venv", "--without-pip", &venv]);
        fixture
            .build(&["--pip", "none"])
            .success()
            .says(["nothing to do"]);
        // From the kept compile, and back.
        fixture
            .build(&["--pip", "24.0"])
            .success()
            .says(["with no pip"]);
        assert_eq!(fixture.venv_pip(&fixture.prefix()), "24.0");
        fixture.build(&["--pip", "none"]).success();
        fixture
            .build(&["--pip", "none", "--setuptools", "68.0.0"])
            .exits(2);
    }
}

#[test]
fn the_statements_name_the_parts_the_inputs_and_the_fixed_vulnerabilities() {
    let fixture = Fixture::new();
    let write_patch = |fixes: &str| {
        let header = format!(
            "what = \"x\"\nerror = \"y\"\npython = [\">=3\"]\nupstream = \"\"\nfixes = [{fixes}]\n"
        );
        let diff = "--- /dev/null\n+++ b/Lib/NEW\n@@ -0,0 +1 @@\n+x\n";
        fixture
            .context
            .write("work/fix.patch", format!("+++\n{header}+++\n{diff}"));
    };
    let statement = |name: &str| -> Option<serde_json::Value> {
        let folder = fixture.prefix().join("share/pybuild").join(VERSION);
        let text = fs_err::read(folder.join(name)).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    };
    fixture.build(&["--pip", "24.0"]).success();
    assert_eq!(statement("openvex.json"), None);
    write_patch("\"CVE-2023-24329\"");
    fixture
        .build(&["--pip", "24.0", "--patch", "fix.patch"])
        .success();
    let vex = statement("openvex.json").unwrap();
    assert_eq!(
        vex["statements"][0]["vulnerability"]["name"],
        "CVE-2023-24329"
    );
    let sbom = statement("sbom.cdx.json").unwrap();
    let components = sbom["components"].as_array().unwrap().iter();
    let named = |name: &str| {
        components
            .clone()
            .find(|part| part["name"] == name)
            .unwrap()
    };
    assert_eq!(named("python")["version"], VERSION);
    let patches = named("python")["pedigree"]["patches"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        patches.last().unwrap()["resolves"][0]["id"],
        "CVE-2023-24329"
    );
    assert_eq!(named("pip")["purl"], "pkg:pypi/pip@24.0");
    let provenance = statement("provenance.json").unwrap();
    assert_eq!(
        provenance["subject"][0]["digest"]["sha256"],
        fixture.record()["tree"]
    );
    let inputs = provenance["predicate"]["buildDefinition"]["resolvedDependencies"].clone();
    let inputs = inputs.as_array().unwrap().iter();
    let used: Vec<&str> = inputs
        .map(|input| input["name"].as_str().unwrap())
        .collect();
    for name in [
        "Python-3.99.1.tgz",
        "pip-24.0-py3-none-any.whl",
        "fix.patch",
    ] {
        assert!(used.contains(&name), "{name} in {used:?}");
    }
    fixture.context.run(["uninstall", VERSION]).success();
    assert!(!fixture.prefix().exists());
    write_patch("\"a bug\"");
    fixture
        .build(&["--patch", "fix.patch"])
        .exits(4)
        .says(["`a bug`", "CVE-2023-24329"])
        .has_one_error_with_a_hint();
}
