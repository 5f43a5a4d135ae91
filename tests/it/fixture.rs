//! The fixture of most tests: a miniature release on disk, and an index with a few pips.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::mini_cpython::{MiniCpython, VERSION};
use crate::outcome::Outcome;
use crate::python_org::ftp_path;
use crate::server::{Answer, Server};
use crate::wheels::{IndexForm, Wheel};

/// The pip that `latest` resolves to in a [`Fixture`].
pub const LATEST_PIP: &str = "24.0";

/// A [`Context`] with a release and an index.
pub struct Fixture {
    pub context: Context,
    /// Serves the index below `/simple/`.
    pub server: Server,
    /// The release that [`Fixture::build`] builds.
    pub release: MiniCpython,
}

impl Fixture {
    pub fn new() -> Self {
        Self::of(MiniCpython::new(VERSION))
    }

    /// The release is downloaded from a server that replaces python.org.
    pub fn online() -> Self {
        let mut fixture = Self::new();
        let python_org = fixture.server.url("/");
        fixture.context.set("PYBUILD_PYTHON_ORG", python_org);
        let archive = Answer::bytes(fixture.release.tgz());
        fixture.server.put(&fixture.archive_path(), archive);
        fixture
    }

    /// Lets the download of the archive stall after 1,000 bytes; returns its path and the whole answer.
    pub fn stall_archive(&self) -> (String, Answer) {
        let (path, whole) = (self.archive_path(), Answer::bytes(self.release.tgz()));
        self.server.put(&path, whole.clone().stalling_after(1000));
        (path, whole)
    }

    /// The path of the release's archive on python.org.
    pub fn archive_path(&self) -> String {
        ftp_path(&self.release, &self.release.tgz_name())
    }

    pub fn of(release: MiniCpython) -> Self {
        let server = Server::start();
        let wheels = [
            Wheel::pip("23.3.2"),
            Wheel::pip(LATEST_PIP),
            Wheel::pip("24.1b1"),
            Wheel::pip("25.0").yanked("broken"),
            Wheel::pip("26.3").with_requires_python(">=3.100"),
            Wheel::setuptools("68.0.0"),
        ];
        server.put_index(IndexForm::Json, &wheels);
        let mut context = Context::new();
        context.set("PIP_INDEX_URL", server.url("/simple/"));
        release.write_tgz(&context.path("releases"));
        Self {
            context,
            server,
            release,
        }
    }

    pub fn version(&self) -> String {
        self.release.top().trim_start_matches("Python-").to_owned()
    }

    /// The arguments of a build of the release file, with `more` at the end.
    pub fn arguments(&self, more: &[&str]) -> Vec<OsString> {
        let file = self.context.path("releases").join(self.release.tgz_name());
        let mut arguments: Vec<OsString> = vec![
            self.version().into(),
            "--source".into(),
            file.into(),
            "--sha256".into(),
            self.release.sha256().to_string().into(),
        ];
        arguments.extend(more.iter().map(OsString::from));
        arguments
    }

    /// Builds the release from its file.
    pub fn build(&self, more: &[&str]) -> Outcome {
        self.context.run(self.arguments(more))
    }

    /// Builds the same release without its fault, and asserts that no files of the failed build are left.
    #[track_caller]
    pub fn builds_without_its_fault(self) -> Self {
        let sound = Self {
            release: MiniCpython::new(&self.version()),
            ..self
        };
        sound.release.write_tgz(&sound.context.path("releases"));
        sound.build(&[]).success();
        sound.assert_nothing_is_left_behind();
        sound
    }

    /// The record of the installation in the default prefix.
    #[track_caller]
    pub fn record(&self) -> serde_json::Value {
        let folder = self.prefix().join("share/pybuild").join(self.version());
        serde_json::from_slice(&fs_err::read(folder.join("record.json")).unwrap()).unwrap()
    }

    pub fn prefix(&self) -> PathBuf {
        self.context.default_prefix(&self.version())
    }

    /// The files of the installation that contain `needle`, without the record and the list of the
    /// environment that the miniature's `make install` writes.
    pub fn installed_files_with(&self, needle: &str) -> Vec<String> {
        let prefix = self.prefix();
        let files = self.context.files_with(needle).into_iter();
        files
            .filter_map(|path| Some(path.strip_prefix(&prefix).ok()?.display().to_string()))
            .filter(|path| {
                !path.starts_with("share/pybuild") && !path.ends_with("make-install.env")
            })
            .collect()
    }

    /// Runs the interpreter in `prefix`; returns its standard output, trimmed.
    #[track_caller]
    pub fn python(&self, prefix: &Path, arguments: &[&str]) -> String {
        let mut command = std::process::Command::new(prefix.join("bin/python3"));
        command
            .args(arguments)
            .current_dir(self.context.path("work"));
        let outcome = self.context.outcome(&mut command).success();
        outcome.stdout.trim().to_owned()
    }

    /// The version of the pip in `prefix`.
    #[track_caller]
    pub fn pip(&self, prefix: &Path) -> String {
        let said = self.python(prefix, &["-m", "pip", "--version"]);
        said.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The version of the pip in a new venv of the interpreter in `prefix`.
    #[track_caller]
    pub fn venv_pip(&self, prefix: &Path) -> String {
        let venv = self.context.path("venv");
        drop(fs_err::remove_dir_all(&venv));
        self.python(prefix, &["-m", "venv", &venv.display().to_string()]);
        self.pip(&venv)
    }

    /// Asserts that all content of the store has its digest, and that the cache and the folder for
    /// temporary files hold no partial files.
    #[track_caller]
    pub fn assert_nothing_is_left_behind(&self) {
        for (name, content) in self.context.snapshot("cache/sha256") {
            let sound = content == "folder" || name == content;
            assert!(sound, "{name} holds {content}");
        }
        for folder in [
            "cache/partial",
            "cache/build",
            "cache/scratch",
            "cache/changes",
            "tmp",
        ] {
            let left = self.context.snapshot(folder);
            let names: Vec<_> = left.keys().skip(1).take(5).collect();
            assert!(names.is_empty(), "left in {folder}: {names:?} …");
        }
    }
}
