//! Checks that each script of an installation starts an interpreter that will exist.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// The longest `#!` line that every kernel reads, without its end (`BINPRM_BUF_SIZE`, execve(2)).
const LONGEST_FIRST_LINE: usize = 126;

/// Why a script will not run.
#[derive(Debug, thiserror::Error)]
#[error("{} will not run: {why}", script.display())]
pub struct DeadScript {
    /// The script, where it will be.
    script: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("its interpreter {} does not exist", .0.display())]
    NoInterpreter(PathBuf),
    #[error("it is a link, and {} does not exist", .0.display())]
    NoTarget(PathBuf),
    #[error("its first line is longer than {LONGEST_FIRST_LINE} bytes: {0}")]
    TooLong(String),
}

/// The reason why the script at its final path `script` will not run; `None` if it will, or if it is no
/// script. `now` returns the present path of a file by its final path; `None` if it will not exist.
pub(crate) fn dead_script(
    script: &Path,
    now: &dyn Fn(&Path) -> Option<PathBuf>,
) -> io::Result<Option<DeadScript>> {
    let dead = |why| {
        Ok(Some(DeadScript {
            script: script.to_owned(),
            why,
        }))
    };
    let file = match followed(script, now) {
        Ok(file) => file,
        Err(missing) => return dead(Why::NoTarget(missing)),
    };
    if !file.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    let opened = fs_err::File::open(file)?;
    opened.take(4096).read_to_end(&mut head)?;
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let Some(command) = first.strip_prefix(b"#!") else {
        return Ok(None);
    };
    if first.len() > LONGEST_FIRST_LINE {
        return dead(Why::TooLong(String::from_utf8_lossy(first).into_owned()));
    }
    // pip's form for a long path has the interpreter in the second line.
    let second = lines.next().unwrap_or_default();
    let second = second.strip_prefix(b"'''exec' ").unwrap_or_default();
    let mut interpreters: Vec<PathBuf> = words(command).take(1).map(PathBuf::from).collect();
    interpreters.extend(words(second).take(1).map(PathBuf::from));
    if interpreters.iter().any(|path| path.ends_with("env")) {
        let named = words(command).nth(1);
        let named = named.filter(|name| name.as_bytes().starts_with(b"python"));
        interpreters.extend(named.map(|name| script.with_file_name(name)));
    }
    for interpreter in interpreters {
        if followed(&interpreter, now).is_err() {
            return dead(Why::NoInterpreter(interpreter));
        }
    }
    Ok(None)
}

fn words(line: &[u8]) -> impl Iterator<Item = &OsStr> {
    line.split(|byte| b" \t\r".contains(byte))
        .filter(|word| !word.is_empty())
        .map(OsStr::from_bytes)
}

/// The present path of the file at a final path. Links are followed by their final paths: an absolute
/// one leads into the prefix. The error is the path that does not exist.
fn followed(path: &Path, now: &dyn Fn(&Path) -> Option<PathBuf>) -> Result<PathBuf, PathBuf> {
    /// As many links as Linux follows.
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        let Some(here) = now(&path) else { break };
        let Ok(target) = std::fs::read_link(&here) else {
            return if here.exists() { Ok(here) } else { Err(path) };
        };
        path = clean(&path.parent().unwrap_or(Path::new("/")).join(target));
    }
    Err(path)
}

/// The path without `.` and `..`.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            other => clean.push(other),
        }
    }
    clean
}

/// Gives scripts in `bin` with too long a first line the form that pip uses: a shell starts the
/// interpreter. CPython's own `make install` does not do that.
pub(super) fn shorten_first_lines(bin: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(bin)? {
        let path = entry?.path();
        if path.is_symlink() || !path.is_file() {
            continue;
        }
        let mut mark = [0; 2];
        let read = fs_err::File::open(&path)?.read(&mut mark)?;
        if &mark[..read] != b"#!" {
            continue;
        }
        let text = fs_err::read(&path)?;
        let end = text.iter().position(|byte| *byte == b'\n');
        let (first, rest) = text.split_at(end.unwrap_or(text.len()));
        let python = &first[2..];
        if first.len() > LONGEST_FIRST_LINE && words(python).count() == 1 {
            let new = [
                b"#!/bin/sh\n'''exec' ".as_slice(),
                python,
                b" \"$0\" \"$@\"\n' '''",
                rest,
            ];
            fs_err::write(&path, new.concat())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::{LONGEST_FIRST_LINE, dead_script, shorten_first_lines};

    /// The fault of a script of this text in a staged `/opt/p/bin`.
    fn wrong_with(text: &str) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("opt/p/bin");
        fs_err::create_dir_all(&bin).unwrap();
        fs_err::write(bin.join("python3.11"), "ELF").unwrap();
        symlink("python3.11", bin.join("python3")).unwrap();
        symlink("/opt/p/bin/python3", bin.join("absolute")).unwrap();
        symlink("python2", bin.join("dangling")).unwrap();
        symlink("loop", bin.join("loop")).unwrap();
        let scratch = dir.path().display().to_string();
        fs_err::write(bin.join("s"), text.replace("SCRATCH", &scratch)).unwrap();
        let script = if text.len() < 9 { text } else { "s" };
        let now = |path: &Path| -> Option<PathBuf> {
            match path.strip_prefix("/opt/p") {
                Ok(below) => Some(dir.path().join("opt/p").join(below)),
                Err(_) => (!path.starts_with(dir.path())).then(|| path.to_owned()),
            }
        };
        let dead = dead_script(&Path::new("/opt/p/bin").join(script), &now).unwrap();
        dead.map(|dead| dead.to_string())
    }

    #[test]
    fn a_script_whose_interpreter_will_not_exist_is_dead() {
        for sound in [
            "#!/opt/p/bin/python3.11\n",
            "#! /opt/p/bin/python3 -E\n",
            "#!/opt/p/bin/absolute\n",
            "#!/bin/sh\n'''exec' /opt/p/bin/python3.11 \"$0\" \"$@\"\n' '''\n",
            "#!/bin/sh\necho\n",
            "#!/usr/bin/env python3\n",
            "no script",
            "absolute",
        ] {
            assert_eq!(wrong_with(sound), None, "{sound}");
        }
        for (dead, why) in [
            ("#!/opt/p/bin/python\n", "interpreter /opt/p/bin/python "),
            ("#!/opt/p/bin/dangling\n", "/opt/p/bin/dangling"),
            ("#!SCRATCH/opt/p/bin/python3.11\n", "/opt/p/bin/python3.11"),
            ("#!/bin/sh\n'''exec' /opt/p/bin/python \"$0\"\n", "python "),
            ("#!/usr/bin/env python2\n", "/opt/p/bin/python2"),
            ("#!/nowhere/python3.11\n", "/nowhere/python3.11"),
            ("dangling", "link, and /opt/p/bin/python2 does not exist"),
            ("loop", "link, and /opt/p/bin/loop does not exist"),
        ] {
            let said = wrong_with(dead).unwrap_or_default();
            assert!(
                said.contains("will not run") && said.contains(why),
                "{dead}: {said}"
            );
        }
        let long = format!("#!/opt/p/bin/{}\n", "x".repeat(LONGEST_FIRST_LINE));
        assert!(wrong_with(&long).unwrap().contains("longer than 126 bytes"));
    }

    #[test]
    fn a_first_line_that_is_too_long_is_given_to_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let python = format!("/{}/python3.11", "x".repeat(LONGEST_FIRST_LINE));
        let script = dir.path().join("2to3");
        fs_err::write(&script, format!("#!{python}\nimport sys\n")).unwrap();
        fs_err::write(dir.path().join("short"), "#!/bin/sh\n").unwrap();
        shorten_first_lines(dir.path()).unwrap();
        assert_eq!(
            fs_err::read_to_string(script).unwrap(),
            format!("#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\nimport sys\n")
        );
        let short = fs_err::read_to_string(dir.path().join("short")).unwrap();
        assert_eq!(short, "#!/bin/sh\n");
    }
}
