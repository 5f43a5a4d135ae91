//! One job budget for several builds: the jobserver of GNU make (its manual, "POSIX Jobserver").
//!
//! A named pipe holds one byte for each free job. Whoever starts a job takes a byte and puts it back at
//! the end. Each `make` may run one job without a byte, so pybuild takes one before it starts a `make`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::command::Command;

/// `make` inherits the pipe as these descriptors, which no shell uses for itself.
const READ: u32 = 8;
const WRITE: u32 = 9;

/// The number of bytes that every pipe can hold.
const MOST: usize = 4096;

/// Opens the pipe and starts the other words in place of the shell.
const OPEN_AND_START: &str = "pipe=$1; shift; exec \"$@\" 8<>\"$pipe\" 9<>\"$pipe\"";

#[derive(Debug)]
pub struct JobPool {
    path: PathBuf,
    jobs: usize,
    /// Its reads wait for a byte. The open pipe keeps the bytes while no other process has it open.
    pipe: File,
    /// Its reads never wait. Each `make` sets that for its own descriptors.
    trying: File,
}

impl JobPool {
    /// A pool of `jobs` jobs, with a new pipe in `folder`.
    pub fn new(folder: &Path, jobs: usize) -> io::Result<Self> {
        let path = folder.join("jobs");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let mut pipe = options.open(&path)?;
        let jobs = jobs.min(MOST);
        pipe.write_all(&vec![b'+'; jobs])?;
        let trying = options.custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
        Ok(Self {
            path,
            jobs,
            pipe,
            trying,
        })
    }

    /// The number of jobs, free or not.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Waits for a free job.
    pub fn take(&self) -> io::Result<Job<'_>> {
        let mut byte = [0];
        (&self.pipe).read_exact(&mut byte)?;
        Ok(Job { pool: self, byte })
    }

    /// The jobs that are free now, at most `most`.
    pub fn take_free(&self, most: usize) -> Vec<Job<'_>> {
        let mut bytes = vec![0; most];
        let read = (&self.trying).read(&mut bytes).unwrap_or_default();
        let job = |byte| Job {
            pool: self,
            byte: [byte],
        };
        bytes.into_iter().take(read).map(job).collect()
    }

    /// Makes `make` take its jobs from the pool, except its first one. A program that reads make's flags
    /// finds that it may run one job.
    pub fn shared_with(&self, make: Command) -> Command {
        let starter = ["/bin/sh", "-c", OPEN_AND_START, "sh"].map(OsString::from);
        let starter = [&starter[..], &[self.path.clone().into_os_string()]].concat();
        let pipe = format!("{READ},{WRITE}");
        // The second option is for make before 4.2.
        let flags = format!("-j1 --jobserver-auth={pipe} --jobserver-fds={pipe}");
        make.first_started_by(&starter)
            .with_variable("MAKEFLAGS", flags)
    }
}

/// One job of a pool, free again when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Job<'a> {
    pool: &'a JobPool,
    byte: [u8; 1],
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        let _ = (&self.pool.pipe).write_all(&self.byte);
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, JobPool};

    /// Runs a make of ten jobs; returns the largest number that ran at once.
    fn most_at_once(pool: &JobPool) -> usize {
        let dir = tempfile::tempdir().unwrap();
        let makefile = "all: 0 1 2 3 4 5 6 7 8 9\n%:\n\t@echo begin; sleep 0.1; echo end\n";
        fs_err::write(dir.path().join("Makefile"), makefile).unwrap();
        let path = std::env::var("PATH").unwrap();
        let make = Command::new("make", dir.path()).with_variable("PATH", path);
        let answer = pool.shared_with(make).read().unwrap();
        assert!(answer.status.success(), "{}", answer.stderr);
        assert_eq!(answer.stderr, "");
        let (mut running, mut most) = (0, 0);
        for line in answer.stdout.lines() {
            running = if line == "begin" {
                running + 1
            } else {
                running - 1
            };
            most = most.max(running);
        }
        most
    }

    #[test]
    fn make_uses_the_free_jobs_and_gives_them_back() {
        let dir = tempfile::tempdir().unwrap();
        let pool = JobPool::new(dir.path(), 4).unwrap();
        let own = pool.take().unwrap();
        let other = pool.take().unwrap();
        assert_eq!(most_at_once(&pool), 3);
        drop(other);
        for _ in 0..2 {
            assert_eq!(most_at_once(&pool), 4);
        }
        let all = pool.take_free(9);
        assert_eq!(all.len(), 3);
        assert!(pool.take_free(9).is_empty());
        assert_eq!(most_at_once(&pool), 1);
        drop((own, all));
        assert_eq!(pool.take_free(9).len(), 4);
    }
}
