//! Recipes, their locks, and bundles.

use std::path::PathBuf;

use crate::fixture::{Fixture, LATEST_PIP};
use crate::mini_cpython::VERSION;
use crate::outcome::Outcome;
use crate::server::Answer;
use crate::wheels::{IndexForm, Wheel};

const RECIPE: &str = "work/recipe.toml";

/// Writes a recipe of the fixture's release with more lines.
fn write_recipe(fixture: &Fixture, more: &str) -> PathBuf {
    let (archive, sha256) = (fixture.release.tgz_name(), fixture.release.sha256());
    fixture.context.write(
        RECIPE,
        format!("python = \"{VERSION}\"\nsource = \"../releases/{archive}\"\nsha256 = \"{sha256}\"\n{more}"),
    )
}

fn run(fixture: &Fixture, arguments: &[&str]) -> Outcome {
    fixture.context.run(arguments)
}

fn lock_text(fixture: &Fixture) -> String {
    fs_err::read_to_string(fixture.context.path("work/recipe.toml.lock")).unwrap()
}

/// Replaces the content of the index.
fn serve(fixture: &Fixture, wheels: &[Wheel]) {
    fixture.server.put_index(IndexForm::Json, wheels);
}

#[test]
fn a_recipe_and_the_same_options_have_the_same_plan() {
    let fixture = Fixture::new();
    fixture
        .context
        .write("work/fix.patch", "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n");
    write_recipe(
        &fixture,
        "pip = \"<24\"\nprefix = \"/opt/python\"\nbytecode = \"default\"\ndebug-info = \"in-files\"\n\
         enable-shared = true\nunversioned-links = true\nconfigure-arg = [\"--without-doc-strings\"]\n\
         require = [\"sqlite3\"]\nallow-missing = [\"tkinter\"]\npatch = [\"fix.patch\"]\n\
         no-compat-patches = true\nverify = \"digest\"\n[environment]\nCFLAGS = \"-O1\"\n",
    );
    let of_recipe = run(&fixture, &["recipe.toml", "--dry-run"]).success();
    let options = [
        "--pip",
        "<24",
        "--prefix",
        "/opt/python",
        "--bytecode",
        "default",
        "--debug-info",
        "--enable-shared",
        "--unversioned-links",
        "--configure-arg=--without-doc-strings",
        "--require",
        "sqlite3",
        "--allow-missing",
        "tkinter",
        "--patch",
        "fix.patch",
        "--no-compat-patches",
        "--verify",
        "digest",
        "--configure-arg",
        "CFLAGS=-O1",
        "--dry-run",
    ];
    let of_options = fixture.build(&options).success();
    assert_eq!(of_recipe.stdout, of_options.stdout);
}

#[test]
fn a_wrong_recipe_is_refused_and_the_key_is_named() {
    let fixture = Fixture::new();
    let refused = |more: &str| {
        write_recipe(&fixture, more);
        run(&fixture, &["recipe.toml"])
            .exits(2)
            .has_one_error_with_a_hint()
    };
    refused("pipp = \"24.0\"\n").says(["recipe.toml", "`pipp`", "did you mean `pip`?"]);
    refused("[matrix]\npython = [\"3.13\"]\n").says(["`python`"]);
    refused("[[matrix.options]]\nmatrix = {}\n").says(["`matrix.options.matrix`"]);
    refused("optimize = \"yes\"\n").says(["line 4"]);
    refused("[environment]\nLC_ALL = \"C\"\n").says(["`LC_ALL`"]);
    write_recipe(&fixture, "");
    run(&fixture, &["recipe.toml", "--pip", "latest"])
        .exits(2)
        .says(["--pip"]);
    run(&fixture, &["recipe.toml", VERSION]).exits(2);
    run(&fixture, &["other.toml"])
        .exits(4)
        .says(["other.toml"])
        .has_one_error_with_a_hint();
    run(&fixture, &[VERSION, "--locked"])
        .exits(2)
        .says(["--locked"]);
    assert!(!fixture.prefix().exists());
}

#[test]
fn a_matrix_is_built_in_one_run() {
    let fixture = Fixture::new();
    write_recipe(
        &fixture,
        "[matrix]\npip = [\"23.3.2\", \"latest\"]\n\
         [[matrix.options]]\nprefix = \"a-{pip}\"\n[[matrix.options]]\nprefix = \"b-{pip}\"\nenable-shared = true\n",
    );
    let outcome = run(&fixture, &["recipe.toml"]).success();
    assert_eq!(outcome.stdout.lines().count(), 4);
    for (name, pip) in [("a-23.3.2", "23.3.2"), ("b-24.0", LATEST_PIP)] {
        assert_eq!(fixture.pip(&fixture.context.path("work").join(name)), pip);
    }
}

#[test]
fn a_lock_fixes_the_inputs_until_it_is_upgraded() {
    let fixture = Fixture::new();
    write_recipe(&fixture, "pip = \"latest\"\n");
    run(&fixture, &["recipe.toml", "--locked"])
        .exits(3)
        .says(["recipe.toml.lock"])
        .has_one_error_with_a_hint();
    serve(&fixture, &[Wheel::pip("23.3.2")]);
    run(&fixture, &["lock", "recipe.toml"]).success();
    let first = lock_text(&fixture);
    let sha256 = Wheel::pip("23.3.2").sha256().to_string();
    for part in [
        "version = \"23.3.2\"",
        &sha256,
        &fixture.release.sha256().to_string(),
        "`latest` for CPython",
    ] {
        assert!(first.contains(part), "{part} in:\n{first}");
    }
    assert!(
        !first.contains(&*fixture.context.path("").display().to_string()),
        "{first}"
    );

    serve(&fixture, &[Wheel::pip("23.3.2"), Wheel::pip(LATEST_PIP)]);
    run(&fixture, &["recipe.toml", "--locked"]).success();
    assert_eq!(fixture.pip(&fixture.prefix()), "23.3.2");
    run(&fixture, &["lock", "recipe.toml"])
        .success()
        .says(["up to date"]);
    run(&fixture, &["lock", "recipe.toml", "--upgrade", "cpython"]).success();
    run(&fixture, &["lock", "recipe.toml", "--upgrade", "pip"]).success();
    let second = lock_text(&fixture);
    assert!(second.contains("version = \"24.0\""), "{second}");
    run(&fixture, &["recipe.toml"]).success();
    assert_eq!(fixture.pip(&fixture.prefix()), LATEST_PIP);
}

#[test]
fn a_lock_that_does_not_fit_stops_the_build_before_it_compiles() {
    let mut fixture = Fixture::new();
    let refused = |fixture: &Fixture, key: &str| {
        run(fixture, &["recipe.toml"])
            .exits(3)
            .says(["recipe.toml.lock", key])
            .has_one_error_with_a_hint();
        assert!(!fixture.prefix().exists());
    };
    write_recipe(&fixture, "pip = \"latest\"\n");
    run(&fixture, &["lock", "recipe.toml"]).success();
    write_recipe(&fixture, "pip = \"23.3.2\"\n");
    refused(&fixture, "`pip`");
    write_recipe(&fixture, "pip = \"latest\"\nrequire = [\"ssl\"]\n");
    refused(&fixture, "`require`");
    write_recipe(&fixture, "pip = \"latest\"\n");
    fixture.context.set("CFLAGS", "-O1");
    refused(&fixture, "`environment.CFLAGS`");
    fixture.context.unset("CFLAGS");

    let lock = lock_text(&fixture);
    let sha256 = Wheel::pip(LATEST_PIP).sha256().to_string();
    let path = "work/recipe.toml.lock";
    fixture
        .context
        .write(path, lock.replace(&sha256, &"0".repeat(64)));
    // The index serves another file for that version.
    refused(&fixture, "`pip.sha256`");
    fixture
        .context
        .write(path, lock.replace("format = 1", "format = 2"));
    refused(&fixture, "the format 2");
    fixture.context.write(path, "format = 1\n[[build]]\n");
    refused(&fixture, "python");
}

#[test]
fn a_bundle_is_all_that_a_host_without_network_needs() {
    let mut fixture = Fixture::new();
    fixture.context.write(
        "work/fix.patch",
        "--- /dev/null\n+++ b/NEW\n@@ -0,0 +1 @@\n+x\n",
    );
    let archive = fixture.release.tgz_name();
    fs_err::copy(
        fixture.context.path("releases").join(&archive),
        fixture.context.path("work").join(&archive),
    )
    .unwrap();
    fixture.context.write(
        RECIPE,
        format!(
            "python = \"{VERSION}\"\nsource = \"{archive}\"\nsha256 = \"{}\"\npip = \"latest\"\npatch = [\"fix.patch\"]\n",
            fixture.release.sha256()
        ),
    );
    run(&fixture, &["bundle", "recipe.toml", "-o", "b"])
        .exits(3)
        .says(["recipe.toml.lock"]);
    run(&fixture, &["lock", "recipe.toml"]).success();
    run(&fixture, &["bundle", "recipe.toml", "-o", "b"]).success();
    let first = fs_err::read(fixture.context.path("work/b")).unwrap();
    run(&fixture, &["bundle", "recipe.toml", "-o", "b"]).success();
    assert_eq!(fs_err::read(fixture.context.path("work/b")).unwrap(), first);

    // Another host.
    for name in [
        "work/fix.patch",
        "work/recipe.toml",
        "work/recipe.toml.lock",
    ] {
        fs_err::remove_file(fixture.context.path(name)).unwrap();
    }
    fs_err::remove_file(fixture.context.path("work").join(&archive)).unwrap();
    fs_err::remove_dir_all(fixture.context.path("releases")).unwrap();
    fs_err::remove_dir_all(fixture.context.path("cache")).unwrap();
    fixture
        .context
        .set("PIP_INDEX_URL", "http://127.0.0.1:9/simple/");
    let build = ["recipe.toml", "--bundle", "b", "--offline"];
    run(&fixture, &build).success();
    assert_eq!(fixture.pip(&fixture.prefix()), LATEST_PIP);
    fixture.assert_nothing_is_left_behind();

    fixture.context.write(RECIPE, "python = \"3.13\"\n");
    run(&fixture, &build)
        .exits(2)
        .says(["another recipe.toml"])
        .has_one_error_with_a_hint();
    fs_err::remove_file(fixture.context.path(RECIPE)).unwrap();
    fixture.context.write("work/b", &first[..first.len() / 2]);
    run(&fixture, &build).exits(4).has_one_error_with_a_hint();
}

#[test]
fn the_schema_has_every_key() {
    let fixture = Fixture::new();
    let schema = run(&fixture, &["schema"]).success().stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    for key in ["python", "pip", "configure-arg", "environment", "matrix"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn wheels_and_patches_come_from_files_and_from_addresses_with_a_digest() {
    let fixture = Fixture::new();
    let served = Wheel::of("served", "2.0");
    let own = Wheel::of("own", "1.0");
    let patch = "--- /dev/null\n+++ b/Lib/NEW\n@@ -0,0 +1 @@\n+x\n";
    fixture
        .context
        .write(&format!("work/{}", own.file_name()), own.bytes());
    fixture.server.put(
        &format!("/files/{}", served.file_name()),
        Answer::bytes(served.bytes()),
    );
    fixture
        .server
        .put("/files/new.patch", Answer::bytes(patch.as_bytes().to_vec()));
    let of_wheel = fixture
        .server
        .url(&format!("/files/{}", served.file_name()));
    let of_patch = fixture.server.url("/files/new.patch");
    let digest = pybuild::digest::Sha256::of(patch.as_bytes());
    let recipe = format!(
        "pip = \"latest\"\npatch = [\"{of_patch}#sha256={digest}\"]\nwheel = [\"{}\", \"{of_wheel}#sha256={}\"]\n",
        own.file_name(),
        served.sha256(),
    );
    write_recipe(&fixture, &recipe);
    run(&fixture, &["recipe.toml", "--dry-run"]).success();
    run(&fixture, &["lock", "recipe.toml"]).success();
    run(&fixture, &["bundle", "recipe.toml", "-o", "b"])
        .exits(2)
        .says(["outside"]);
    run(&fixture, &["recipe.toml", "--offline"]).success();
    let library = fixture.prefix().join("lib/python3.99");
    for name in ["own-1.0", "served-2.0", "pip-24.0"] {
        assert!(
            library
                .join(format!("site-packages/{name}.dist-info"))
                .is_dir(),
            "{name}"
        );
    }
    assert!(library.join("NEW").exists());
    // From the kept compile too, and not without them.
    fs_err::remove_dir_all(fixture.prefix()).unwrap();
    run(&fixture, &["recipe.toml", "--offline"])
        .success()
        .never_says("files compiled");
    assert!(library.join("site-packages/own-1.0.dist-info").is_dir());
    fixture.build(&["--pip", "24.0"]).success();
    assert!(!library.join("site-packages/own-1.0.dist-info").exists());

    let refused = |more: &str, text: &str| {
        write_recipe(&fixture, more);
        drop(fs_err::remove_file(
            fixture.context.path("work/recipe.toml.lock"),
        ));
        run(&fixture, &["recipe.toml"])
            .exits(2)
            .says([text])
            .has_one_error_with_a_hint();
    };
    refused(&format!("patch = [\"{of_patch}\"]\n"), "has no digest");
    refused("wheel = [\"recipe.toml\"]\n", "--wheel");
    refused(
        &format!("pip = \"none\"\nwheel = [\"{}\"]\n", own.file_name()),
        "--wheel",
    );
    let other = "0".repeat(64);
    write_recipe(
        &fixture,
        &format!("wheel = [\"{of_wheel}#sha256={other}\"]\n"),
    );
    run(&fixture, &["recipe.toml"])
        .exits(4)
        .has_one_error_with_a_hint();
}
