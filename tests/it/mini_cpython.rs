//! A miniature CPython release: a tarball that is configured, compiled and installed in a fraction of a
//! second, and whose interpreter is a shell script.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use diffy::Line;
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use pybuild::digest::Sha256;
use pybuild::plan::compat;
use pybuild::plan::version::PythonVersion;
use rand::{RngCore as _, SeedableRng as _};

use crate::wheels::Wheel;

/// The version of most tests, which CPython will never release.
pub const VERSION: &str = "3.99.1";

/// The pip that the miniature bundles.
pub const BUNDLED_PIP: &str = "23.0";

/// The setuptools that the miniature with setuptools bundles.
pub const BUNDLED_SETUPTOOLS: &str = "65.5.0";

/// A fault of a miniature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `configure` ends with an error of its own.
    Configure,
    /// A source file does not compile.
    Make,
    /// `make` never ends.
    MakeHangs,
    /// `make` never ends, and starts processes that ignore signals: one whose parent is gone, and one
    /// that has closed make's output. Their ids are written to files in this folder.
    MakeLeavesOthers(PathBuf),
    /// `make install` dies halfway.
    Install,
    /// `make` reports that it could not build this module.
    NotBuilt(&'static str),
    /// The interpreter cannot import this module.
    Missing(&'static str),
    /// The interpreter cannot import this module without the library in this file.
    NeedsLibrary(&'static str, PathBuf),
    /// A venv gets this pip, whatever `ensurepip` bundles.
    VenvPip(&'static str),
    /// Making a venv never ends and ignores signals. Its id is written to this file.
    VenvHangs(PathBuf),
    /// pip's scripts start this interpreter in `bin`.
    ScriptInterpreter(&'static str),
    /// The interpreter reports this version.
    Version(&'static str),
}

/// A miniature release, to be packed or unpacked.
#[derive(Debug, Clone)]
pub struct MiniCpython {
    version: String,
    with_setuptools: bool,
    ensurepip: Option<String>,
    faults: Vec<Fault>,
    modules: usize,
    ballast: usize,
    with_defects: bool,
    with_checks: bool,
}

impl MiniCpython {
    /// A release that bundles pip alone, like from 3.12 on.
    pub fn new(version: &str) -> Self {
        Self {
            version: version.into(),
            with_setuptools: false,
            ensurepip: None,
            faults: Vec::new(),
            modules: 0,
            ballast: 0,
            with_defects: true,
            with_checks: false,
        }
    }

    /// Bundles setuptools too, like up to 3.11.
    pub fn with_setuptools(mut self) -> Self {
        self.with_setuptools = true;
        self
    }

    /// Sets another text of `Lib/ensurepip/__init__.py`.
    pub fn with_ensurepip(mut self, text: &str) -> Self {
        self.ensurepip = Some(text.into());
        self
    }

    /// Adds modules to the standard library, for tests in which time matters.
    pub fn with_modules(mut self, count: usize) -> Self {
        self.modules = count;
        self
    }

    /// Adds bytes that do not compress, for an archive as large as a real one.
    pub fn with_ballast(mut self, bytes: usize) -> Self {
        self.ballast = bytes;
        self
    }

    /// Omits the lines that pybuild's own patches fix: a tree that was fixed another way.
    pub fn without_defects(mut self) -> Self {
        self.with_defects = false;
        self
    }

    /// Its configure makes checks in Autoconf's form.
    pub fn with_checks(mut self) -> Self {
        self.with_checks = true;
        self
    }

    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// `Python-V`.
    pub fn top(&self) -> String {
        format!("Python-{}", self.version)
    }

    /// `Python-V.tgz`, as python.org names it.
    pub fn tgz_name(&self) -> String {
        format!("{}.tgz", self.top())
    }

    /// `Python-V.tar.xz`.
    pub fn txz_name(&self) -> String {
        format!("{}.tar.xz", self.top())
    }

    /// The release packed with gzip; the same bytes each time.
    pub fn tgz(&self) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&self.tar()).expect("memory");
        packer.finish().expect("memory")
    }

    /// The release packed with xz; the same bytes each time.
    pub fn txz(&self) -> Vec<u8> {
        let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
        packer.write_all(&self.tar()).expect("memory");
        packer.finish().expect("memory")
    }

    /// The digest of [`MiniCpython::tgz`].
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.tgz())
    }

    /// Writes `Python-V.tgz` into `folder`.
    pub fn write_tgz(&self, folder: &Path) -> PathBuf {
        let path = folder.join(self.tgz_name());
        fs_err::create_dir_all(folder).expect("a folder of the test's own");
        fs_err::write(&path, self.tgz()).expect("a file of the test's own");
        path
    }

    /// Writes the tree `Python-V` into `folder`.
    pub fn write_tree(&self, folder: &Path) -> PathBuf {
        let packed = self.tar();
        let mut archive = tar::Archive::new(packed.as_slice());
        archive.unpack(folder).expect("a folder of the test's own");
        folder.join(self.top())
    }

    fn tar(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut folders = std::collections::BTreeSet::new();
        for (path, mode, content) in self.files() {
            let path = format!("{}/{path}", self.top());
            for (end, _) in path.match_indices('/') {
                if folders.insert(path[..=end].to_owned()) {
                    append(&mut archive, &path[..=end], 0o755, &[]);
                }
            }
            append(&mut archive, &path, mode, &content);
        }
        archive.into_inner().expect("memory")
    }

    fn files(&self) -> Vec<(String, u32, Vec<u8>)> {
        let mut files: Vec<(String, u32, Vec<u8>)> = Vec::new();
        let mut add = |path: &str, mode: u32, text: &str| {
            files.push((path.into(), mode, text.as_bytes().to_vec()));
        };
        let mut configure = self.fill(include_str!("mini/configure.sh"));
        if self.with_checks {
            configure.insert_str(
                0,
                &format!("{}# {}\n", include_str!("mini/checks.sh"), self.version),
            );
        }
        add("configure", 0o755, &configure);
        add(
            "Makefile.pre.in",
            0o644,
            &self.fill(include_str!("mini/Makefile.pre.in")),
        );
        add(
            "Programs/python.sh",
            0o755,
            &self.fill(include_str!("mini/python.sh")),
        );
        add("Include/patchlevel.h", 0o644, &self.patchlevel());
        add("README.rst", 0o644, "A miniature of CPython, for tests.\n");
        for object in [
            "Objects/one",
            "Objects/two",
            "Objects/three",
            "Objects/four",
        ] {
            add(
                &format!("{object}.c"),
                0o644,
                "int mini(void) { return 0; }\n",
            );
        }
        add("Parser/five.c", 0o644, "int mini(void) { return 5; }\n");
        add("Python/six.c", 0o644, "int mini(void) { return 6; }\n");
        add("Lib/os.py", 0o644, "sep = '/'\n");
        // The real one has this line too.
        let venv = "# see Programs/python.sh\nclass EnvBuilder:\n    def __init__(self, with_pip=False):\n        \
                    self.with_pip = with_pip\n";
        add("Lib/venv/__init__.py", 0o644, venv);
        add("Lib/ensurepip/__init__.py", 0o644, &self.ensurepip());
        for number in 0..self.modules {
            let path = format!("Lib/modules/module{number}.py");
            add(&path, 0o644, &format!("number = {number}\n"));
        }
        add("Lib/ensurepip/__main__.py", 0o644, "import ensurepip\n");
        if self.ballast > 0 {
            let mut ballast = vec![0; self.ballast];
            rand::rngs::StdRng::seed_from_u64(7).fill_bytes(&mut ballast);
            files.push(("Lib/ballast".into(), 0o644, ballast));
        }
        let mut wheels = vec![Wheel::pip(BUNDLED_PIP)];
        if self.with_setuptools {
            wheels.push(Wheel::setuptools(BUNDLED_SETUPTOOLS));
        }
        for wheel in wheels {
            let path = format!("Lib/ensurepip/_bundled/{}", wheel.file_name());
            files.push((path, 0o644, wheel.bytes()));
        }
        if self.with_defects {
            for (path, text) in self.defects() {
                match files.iter_mut().find(|(known, ..)| *known == path) {
                    // Behind the end of a script it has no effect.
                    Some((.., content)) => content.extend([b"exit 0\n", text.as_slice()].concat()),
                    None => files.push((path, 0o644, text)),
                }
            }
        }
        files
    }

    /// The lines that pybuild's own patches for this version change, by file.
    fn defects(&self) -> BTreeMap<String, Vec<u8>> {
        let version: PythonVersion = self.version.parse().expect("a version");
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for patch in compat::built_in().expect("a test proves them") {
            if patch.header.range_of(version).is_none() {
                continue;
            }
            for (path, lines, _) in sides(patch.diff) {
                files.entry(path).or_default().extend(lines);
            }
        }
        files
    }

    fn ensurepip(&self) -> String {
        let text = match (&self.ensurepip, self.with_setuptools) {
            (Some(text), _) => text,
            (None, false) => include_str!("mini/ensurepip_pip_only.py"),
            (None, true) => include_str!("mini/ensurepip_with_setuptools.py"),
        };
        text.replace("@PIP@", BUNDLED_PIP)
            .replace("@SETUPTOOLS@", BUNDLED_SETUPTOOLS)
    }

    fn patchlevel(&self) -> String {
        let version = &self.version;
        let mut numbers = version.split('.');
        let mut number = || numbers.next().unwrap_or("0");
        format!(
            "#define PY_MAJOR_VERSION {}\n#define PY_MINOR_VERSION {}\n#define PY_MICRO_VERSION {}\n\
             #define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_FINAL\n#define PY_RELEASE_SERIAL 0\n\n\
             #define PY_VERSION \"{version}\"\n",
            number(),
            number(),
            number(),
        )
    }

    /// A template with this release's version and faults.
    fn fill(&self, template: &str) -> String {
        let short = self.version.rsplit_once('.').map_or("", |(short, _)| short);
        let mut missing = Vec::new();
        let mut text = template.replace("@SHORT@", short);
        for fault in &self.faults {
            let (place, script) = match fault {
                Fault::Configure => (
                    "@CONFIGURE_FAULT@",
                    "echo 'configure: error: the mini compiler lacks stdmini.h' >&2; exit 1".into(),
                ),
                Fault::Make => (
                    "@MAKE_FAULT@",
                    "@echo \"Objects/broken.c:7:3: error: 'Py_Broken' undeclared\"; \
                     for i in 1 2 3 4 5 6 7 8 9; do echo \"note $$i: noise\"; done; exit 1"
                        .into(),
                ),
                Fault::MakeHangs => ("@MAKE_FAULT@", "exec sleep 600".into()),
                Fault::MakeLeavesOthers(folder) => {
                    let folder = folder.display();
                    let stubborn = |name: &str, first: &str| {
                        format!(
                            "sh -c 'trap \"\" TERM INT HUP; {first}echo $$$$ >{folder}/{name}; while :; do sleep 1; done'"
                        )
                    };
                    let orphan = stubborn("orphan", "");
                    let silent = stubborn("silent", "exec >/dev/null 2>&1; ");
                    (
                        "@MAKE_FAULT@",
                        format!(
                            "@({orphan} &); {silent} & echo $$$$ >{folder}/plain; exec sleep 600"
                        ),
                    )
                }
                Fault::Install => (
                    "@INSTALL_FAULT@",
                    "@echo 'install: error: cannot copy the mini library'; exit 1".into(),
                ),
                Fault::NotBuilt(module) => {
                    missing.push(*module);
                    let heading =
                        "The necessary bits to build these optional modules were not found:";
                    (
                        "@UNBUILT@",
                        format!("@echo '{heading}'; echo {module}; echo"),
                    )
                }
                Fault::Missing(module) => {
                    missing.push(*module);
                    continue;
                }
                Fault::NeedsLibrary(module, library) => (
                    "@LIBRARY_FAULT@",
                    format!(
                        "[ \"$1\" != {module} ] || [ -f {path} ] || echo 'ImportError: {name}: cannot open shared object file'",
                        path = library.display(),
                        name = library.file_name().unwrap().display(),
                    ),
                ),
                Fault::VenvPip(version) => (
                    "@VENV_FAULT@",
                    format!(
                        "echo '__version__ = \"{version}\"' >\"$dir/lib/python$short/site-packages/pip/__init__.py\""
                    ),
                ),
                Fault::VenvHangs(file) => (
                    "@VENV_FAULT@",
                    format!(
                        "trap '' TERM INT HUP; echo $$ >{}; while :; do sleep 1; done",
                        file.display()
                    ),
                ),
                Fault::ScriptInterpreter(name) => {
                    ("@SCRIPT_FAULT@", format!("first=\"#!${{5%/*}}/{name}\""))
                }
                Fault::Version(version) => ("@VERSION_FAULT@", format!("echo '{version}'; return")),
            };
            text = text.replace(place, &script);
        }
        for place in [
            "@CONFIGURE_FAULT@",
            "@MAKE_FAULT@",
            "@INSTALL_FAULT@",
            "@UNBUILT@",
            "@SCRIPT_FAULT@",
            "@LIBRARY_FAULT@",
            "@VENV_FAULT@",
            "@VERSION_FAULT@",
        ] {
            text = text.replace(place, ":");
        }
        text.replace("@MISSING@", &missing.join(" "))
    }
}

/// The old and the new lines of each file in a diff.
pub fn sides(diff: &[u8]) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let is_git = diff.starts_with(b"diff --git");
    let options = if is_git {
        ParseOptions::gitdiff()
    } else {
        ParseOptions::unidiff()
    };
    let mut files = Vec::new();
    for file in PatchSet::parse_bytes(diff, options) {
        let file = file.expect("a test proves them");
        let FileOperation::Modify { original, .. } = file.operation() else {
            continue;
        };
        let path = String::from_utf8_lossy(original);
        let path = path.trim_start_matches("a/").to_owned();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let hunks = file.patch().as_text().map_or(&[][..], |text| text.hunks());
        for line in hunks.iter().flat_map(diffy::Hunk::lines) {
            match line {
                Line::Context(text) => {
                    old.extend_from_slice(text);
                    new.extend_from_slice(text);
                }
                Line::Delete(text) => old.extend_from_slice(text),
                Line::Insert(text) => new.extend_from_slice(text),
            }
        }
        files.push((path, old, new));
    }
    files
}

/// Adds one entry with a fixed time; a path that ends in a slash is a folder.
fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(1_700_000_000);
    header.set_entry_type(if path.ends_with('/') {
        tar::EntryType::Directory
    } else {
        tar::EntryType::Regular
    });
    // Not `append_data`, which refuses some paths that tests need.
    let name = path.as_bytes();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    archive.append(&header, content).expect("memory");
}

/// A `.tgz` of these paths and texts, valid or not.
pub fn tgz_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in entries {
        append(&mut archive, path, 0o644, text.as_bytes());
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer
        .write_all(&archive.into_inner().expect("memory"))
        .expect("memory");
    packer.finish().expect("memory")
}

mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{BUNDLED_PIP, Fault, MiniCpython, VERSION};

    fn said(program: &Path, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// Configures, makes and installs a tree by hand; returns the staged prefix, or the output.
    fn built(release: &MiniCpython, dir: &Path) -> Result<std::path::PathBuf, String> {
        let tree = release.write_tree(dir);
        let script = format!(
            "cd '{0}' && ./configure --prefix=/opt/mini --with-ensurepip=upgrade && make -j2 \
             && make install DESTDIR='{1}'",
            tree.display(),
            dir.join("stage").display()
        );
        match said(Path::new("/bin/sh"), &["-c", &script]) {
            (true, _) => Ok(dir.join("stage/opt/mini")),
            (false, text) => Err(text),
        }
    }

    #[test]
    fn the_miniature_builds_and_has_the_pip_that_ensurepip_bundles() {
        for release in [
            MiniCpython::new(VERSION),
            MiniCpython::new("3.11.99").with_setuptools(),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let prefix = built(&release, dir.path()).unwrap();
            let python = prefix.join("bin/python3");
            assert_eq!(
                said(&python, &["-V"]).1,
                format!("Python {}\n", release.version)
            );
            let pip = said(&python, &["-m", "pip", "--version"]).1;
            assert!(
                pip.starts_with(&format!("pip {BUNDLED_PIP} from {}", prefix.display())),
                "{pip}"
            );
            let venv = dir.path().join("venv");
            assert!(said(&python, &["-m", "venv", venv.to_str().unwrap()]).0);
            let pip = said(&venv.join("bin/pip"), &["-V"]).1;
            assert!(
                pip.starts_with(&format!("pip {BUNDLED_PIP} from {}", venv.display())),
                "{pip}"
            );
        }
    }

    #[test]
    fn a_pin_without_its_wheel_breaks_the_miniature_like_a_real_release() {
        let dir = tempfile::tempdir().unwrap();
        let text = include_str!("mini/ensurepip_pip_only.py").replace("@PIP@", "24.0");
        let release = MiniCpython::new(VERSION).with_ensurepip(&text);
        let failed = built(&release, dir.path()).unwrap_err();
        assert!(failed.contains("FileNotFoundError"), "{failed}");
    }

    #[test]
    fn every_fault_fails_the_build() {
        for (fault, text) in [
            (Fault::Configure, "configure: error:"),
            (Fault::Make, "broken.c:7:3: error:"),
            (Fault::Install, "install: error:"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let failed = built(&MiniCpython::new(VERSION).with_fault(fault), dir.path());
            assert!(failed.unwrap_err().contains(text));
        }
    }
}
