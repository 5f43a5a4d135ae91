//! The chart: a row for each step, a row for each job of `make`, and the CPU use.

use std::fmt::Write as _;

use super::axis::{Axis, ZOOMS};
use super::text::{duration, escaped, plural};
use super::{cpu_chart, slowest::Slowest};
use crate::timeline::compiler_runs::{CompilerRun, Kind};
use crate::timeline::data::{Step, Timeline};

pub(super) fn add(page: &mut String, timeline: &Timeline, axis: &Axis, slowest: &Slowest<'_>) {
    page.push_str("<section>\n<h2>Timeline</h2>\n<div class=zooms>Zoom\n");
    for zoom in ZOOMS {
        let checked = if zoom == 1 { " checked" } else { "" };
        let _ = writeln!(
            page,
            "<label><input type=radio name=zoom id=zoom{zoom}{checked}>{zoom}×</label>"
        );
    }
    page.push_str("</div>\n<div class=frame tabindex=0>\n<div class=chart>\n<div class=ticks>");
    axis.add_ticks(page);
    page.push_str("</div>\n<h3><span>Steps</span></h3>\n");
    let mut steps: Vec<&Step> = timeline.steps.iter().collect();
    steps.sort_by(|one, other| one.start.total_cmp(&other.start));
    for step in steps {
        add_step(page, step, timeline, axis);
    }
    add_jobs(page, &timeline.compiler_runs, axis, slowest);
    cpu_chart::add(page, timeline, axis);
    page.push_str("</div>\n</div>\n");
    let idle = "Point at a bar, or tap it, for its details.";
    let _ = writeln!(page, "<p class=detail aria-live=polite>{idle}</p>");
    page.push_str(
        "<ul class=legend><li class=step>step<li class=command>command of a step<li class=compile>compile\
         <li class=slow>one of the slowest twenty<li class=link>link\
         <li class=host>CPU use of the host<li class=own>CPU use of the compilers</ul>\n</section>\n",
    );
}

/// The step, with its commands inside.
fn add_step(page: &mut String, step: &Step, timeline: &Timeline, axis: &Axis) {
    let took = duration(step.end - step.start);
    let _ = write!(
        page,
        "<div class=row><span>{0}</span><div class=lane><b class=step style='{1}' \
         title=\"{0}: {took}{2}\"></b>",
        escaped(&step.name),
        axis.bar(step.start, step.end),
        if step.outcome.is_empty() {
            String::new()
        } else {
            format!(" · {}", escaped(&step.outcome))
        }
    );
    let is_inside = |start: f64| step.start <= start && start < step.end;
    for command in timeline
        .commands
        .iter()
        .filter(|command| is_inside(command.start))
    {
        let _ = write!(
            page,
            "<b class=command style='{}' title=\"{}: {} · {}\"></b>",
            axis.bar(command.start, command.end),
            escaped(&command.step),
            duration(command.end - command.start),
            escaped(&command.command)
        );
    }
    // The duration is on the side of the bar that has more room, or inside.
    let (before, after) = (axis.position(step.start), 100.0 - axis.position(step.end));
    let place = if before.max(after) < 22.0 {
        format!("class=inside style='left:{before:.3}%'")
    } else if after >= before {
        format!("style='left:{:.3}%'", 100.0 - after)
    } else {
        format!("style='right:{:.3}%'", 100.0 - before)
    };
    let _ = writeln!(page, "<u {place}>{took}</u></div></div>");
}

fn add_jobs(page: &mut String, runs: &[CompilerRun], axis: &Axis, slowest: &Slowest<'_>) {
    page.push_str("<h3><span>Compiler runs</span></h3>\n");
    let jobs = runs.iter().map(|run| run.job + 1).max().unwrap_or_default();
    if jobs == 0 {
        page.push_str("<p class=none><span>No compiler ran in this build.</span></p>\n");
    }
    for job in 0..jobs {
        let own: Vec<&CompilerRun> = runs.iter().filter(|run| run.job == job).collect();
        let busy: f64 = own.iter().map(|run| run.duration()).sum();
        let _ = write!(
            page,
            "<div class=row><span title=\"{} in {}\">job {}</span><div class='lane dense'>",
            plural(own.len(), "run"),
            duration(busy),
            job + 1
        );
        for run in own {
            let class = match run.kind {
                Kind::Link => "link",
                Kind::Compile if slowest.has(run) => "slow",
                Kind::Compile => "compile",
            };
            let _ = write!(
                page,
                "<b class={class} style='{}' title=\"{}: {} · CPU {} · from {} on\"></b>",
                axis.bar(run.start, run.end),
                escaped(&run.file),
                duration(run.duration()),
                duration(run.cpu()),
                duration(run.start)
            );
        }
        page.push_str("</div></div>\n");
    }
}
