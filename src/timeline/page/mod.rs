//! The timeline as one HTML page without anything from elsewhere. It is readable without JavaScript, which
//! only shows the details of what the pointer is on.

mod axis;
mod chart;
mod cpu_chart;
mod slowest;
mod text;

use std::fmt::Write as _;

use axis::Axis;
use text::{duration, escaped, plural};

use super::compiler_runs::{CompilerRun, Kind};
use super::data::Timeline;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub(super) fn render(timeline: &Timeline) -> String {
    let heading = &timeline.heading;
    let title = format!(
        "CPython {} with pip {}",
        escaped(&heading.python),
        escaped(&heading.pip)
    );
    let axis = Axis::new(timeline.seconds);
    let slowest = slowest::of(&timeline.compiler_runs);
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content='width=device-width,initial-scale=1'>\n\
         <meta name=color-scheme content='light dark'>\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>Timings: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{}</p>\n</header>\n",
        facts(timeline)
    );
    figures(&mut page, timeline);
    chart::add(&mut page, timeline, &axis, &slowest);
    slowest::add(&mut page, &slowest);
    let _ = write!(
        page,
        "<footer>Written by pybuild {} with <code>--timings</code>; the same data is in \
         <a href=timings.json>timings.json</a>.</footer>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    page
}

fn facts(timeline: &Timeline) -> String {
    let heading = &timeline.heading;
    let mut facts = vec![
        timeline.finished.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        format!("<code>-j{}</code>", escaped(&heading.jobs)),
        format!("{} on the host", plural(timeline.cpus, "CPU")),
    ];
    if let Some(launcher) = &heading.launcher {
        facts.push(format!("launcher <code>{}</code>", escaped(launcher)));
    }
    facts.join(" · ")
}

/// The main numbers of the build.
fn figures(page: &mut String, timeline: &Timeline) {
    let runs = &timeline.compiler_runs;
    let compiled = runs.iter().filter(|run| run.kind == Kind::Compile).count();
    let wall: f64 = runs.iter().map(CompilerRun::duration).sum();
    let cpu: f64 = runs.iter().map(CompilerRun::cpu).sum();
    let mut figures = vec![
        ("in total", duration(timeline.seconds)),
        ("files compiled", compiled.to_string()),
    ];
    if compiled > 0 {
        figures.push(("of compiler runs", duration(wall)));
        figures.push(("of their CPU time", duration(cpu)));
    }
    page.push_str("<dl class=figures>\n");
    for (name, value) in figures {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n");
}

#[cfg(test)]
mod tests;
