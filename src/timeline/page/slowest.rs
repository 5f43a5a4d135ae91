//! The twenty files that took longest to compile.

use std::fmt::Write as _;

use super::text::{duration, escaped};
use crate::timeline::compiler_runs::{CompilerRun, Kind};

const MOST: usize = 20;

/// Compiler runs, the longest first.
pub(super) struct Slowest<'a>(Vec<&'a CompilerRun>);

impl Slowest<'_> {
    pub(super) fn has(&self, run: &CompilerRun) -> bool {
        self.0.iter().any(|slow| std::ptr::eq(*slow, run))
    }
}

pub(super) fn of(runs: &[CompilerRun]) -> Slowest<'_> {
    let compiles = runs.iter().filter(|run| run.kind == Kind::Compile);
    let mut slowest: Vec<&CompilerRun> = compiles.collect();
    slowest.sort_by(|one, other| other.duration().total_cmp(&one.duration()));
    slowest.truncate(MOST);
    Slowest(slowest)
}

pub(super) fn add(page: &mut String, Slowest(slowest): &Slowest<'_>) {
    let Some(longest) = slowest.first() else {
        return;
    };
    page.push_str(
        "<section>\n<h2>Slowest files</h2>\n<table>\n<thead><tr><th>File<th class=number>Time\
         <th class=number>CPU<th class=meter></thead>\n<tbody>\n",
    );
    for run in slowest {
        let width = run.duration() / longest.duration().max(1e-6) * 100.0;
        let _ = writeln!(
            page,
            "<tr><td>{}<td class=number>{}<td class=number>{}<td class=meter><b style='width:{width:.1}%'></b>",
            escaped(&run.file),
            duration(run.duration()),
            duration(run.cpu())
        );
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}
