//! The compiler runs of a build. Each run is one line of JSON in a file that [`super::compiler_timer`]
//! appends to.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One run of the compiler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CompilerRun {
    /// The source file, or the output of another run, relative to the source tree.
    pub(super) file: String,
    pub(super) kind: Kind,
    pub(super) start: f64,
    pub(super) end: f64,
    /// CPU seconds on this host, of the launcher as well.
    pub(super) user: f64,
    pub(super) system: f64,
    /// The job of `make`, from 0 on.
    #[serde(default)]
    pub(super) job: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Compile,
    /// A run without `-c`: it links, or answers a question.
    Link,
}

impl CompilerRun {
    pub(super) fn duration(&self) -> f64 {
        self.end - self.start
    }

    pub(super) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// What a compiler command makes: the file that names it, and the kind.
pub(super) fn describe(arguments: &[OsString], folder: &Path) -> (String, Kind) {
    const SOURCES: [&str; 8] = ["c", "cc", "cpp", "cxx", "C", "m", "s", "S"];
    let is_source = |argument: &&OsString| {
        let ending = Path::new(argument).extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| SOURCES.contains(&ending))
    };
    let (file, kind) = if arguments.iter().any(|argument| argument == "-c") {
        (arguments.iter().rfind(is_source), Kind::Compile)
    } else {
        let option = arguments.iter().position(|argument| argument == "-o");
        let output = option.and_then(|at| arguments.get(at + 1));
        // `gcc --print-multiarch` has no output.
        (output.or(arguments.last()), Kind::Link)
    };
    let path = Path::new(file.map_or(OsStr::new("?"), OsString::as_os_str));
    let path = path.strip_prefix(folder).unwrap_or(path);
    let path = path.strip_prefix(".").unwrap_or(path);
    (path.display().to_string(), kind)
}

/// The runs in a file that the build user can write: it may have anything in it, or be anything.
pub(super) fn read(file: &Path) -> Vec<CompilerRun> {
    /// A hundred thousand runs.
    const LARGEST: u64 = 32 << 20;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = std::fs::File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(file);
    let Ok(opened) = opened else {
        return Vec::new();
    };
    if !opened.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Vec::new();
    }
    let lines = BufReader::new(opened.take(LARGEST)).split(b'\n');
    let runs = lines.map_while(Result::ok);
    let runs = runs.filter_map(|line| serde_json::from_slice::<CompilerRun>(&line).ok());
    let is_possible =
        |run: &CompilerRun| run.start <= run.end && run.user >= 0.0 && run.system >= 0.0;
    runs.filter(is_possible).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use super::{Kind, describe, read};

    #[test]
    fn a_run_is_named_by_its_source_or_its_output() {
        let name = |command: &str| {
            let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
            describe(&words, Path::new("/scratch/source"))
        };
        let compile = |file: &str| (file.to_owned(), Kind::Compile);
        let link = |file: &str| (file.to_owned(), Kind::Link);
        assert_eq!(
            name("gcc -c -O2 -o Objects/a.o Objects/a.c"),
            compile("Objects/a.c")
        );
        assert_eq!(
            name("ccache gcc -c /scratch/source/Modules/_json.c -o build/x/_json.o"),
            compile("Modules/_json.c")
        );
        assert_eq!(
            name("gcc -c ./Modules/a.c -o Modules/a.o"),
            compile("Modules/a.c")
        );
        assert_eq!(name("gcc -shared a.o -o build/a.so"), link("build/a.so"));
        assert_eq!(name("gcc --version"), link("--version"));
    }

    #[test]
    fn lines_that_are_no_runs_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("runs");
        let good =
            r#"{"file":"a.c","kind":"compile","start":1.0,"end":2.5,"user":1.0,"system":0.2}"#;
        let backward = good.replace("2.5", "0.5");
        fs_err::write(
            &file,
            format!("{good}\n{backward}\nnot JSON\n{{\"file\":\n"),
        )
        .unwrap();
        let runs = read(&file);
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!((runs[0].duration(), runs[0].cpu()), (1.5, 1.2));
        assert!(read(&dir.path().join("absent")).is_empty());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(
            read(&link).is_empty(),
            "the build user may not choose the file that is read"
        );
        assert!(read(dir.path()).is_empty());
    }
}
