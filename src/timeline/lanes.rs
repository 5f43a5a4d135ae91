//! Which job of `make` ran which compiler. `make` does not print it: runs that overlap are of different jobs.

use super::compiler_runs::CompilerRun;

/// Sorts the runs by their start and gives each the first job that is free; returns the number of jobs.
pub(super) fn assign(runs: &mut [CompilerRun]) -> usize {
    runs.sort_by(|one, other| one.start.total_cmp(&other.start));
    let mut free_from: Vec<f64> = Vec::new();
    for run in runs {
        let free = free_from.iter().position(|moment| *moment <= run.start);
        run.job = free.unwrap_or(free_from.len());
        match free {
            Some(job) => free_from[job] = run.end,
            None => free_from.push(run.end),
        }
    }
    free_from.len()
}

#[cfg(test)]
mod tests {
    use super::assign;
    use crate::timeline::compiler_runs::{CompilerRun, Kind};

    #[test]
    fn runs_of_one_job_do_not_overlap() {
        let run = |file: &str, start, end| CompilerRun {
            file: file.to_owned(),
            kind: Kind::Compile,
            start,
            end,
            user: 0.0,
            system: 0.0,
            job: 0,
        };
        let mut runs = [
            run("d", 3.0, 4.0),
            run("a", 0.0, 3.0),
            run("b", 0.5, 1.0),
            run("c", 1.0, 2.0),
        ];
        assert_eq!(assign(&mut runs), 2);
        let jobs = runs.map(|run| (run.file, run.job));
        let expected = [("a", 0), ("b", 1), ("c", 1), ("d", 0)];
        assert_eq!(jobs, expected.map(|(file, job)| (file.to_owned(), job)));
    }
}
