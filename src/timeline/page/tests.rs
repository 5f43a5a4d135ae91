use super::render;
use crate::timeline::compiler_runs::{CompilerRun, Kind};
use crate::timeline::data::{CommandRun, CpuSample, FORMAT, Heading, Step, Timeline};

/// A build with so many compiles, two at once, each longer than the one before.
fn timeline(compiles: u32) -> Timeline {
    let end = f64::from(compiles) / 2.0 + 30.0;
    let step = |name: &str, start, end| Step {
        name: name.to_owned(),
        outcome: "outcome & more".to_owned(),
        start,
        end,
    };
    let run = |number: u32| CompilerRun {
        file: format!("Objects/file{number}.c"),
        kind: Kind::Compile,
        start: 20.0 + f64::from(number / 2),
        end: 20.0 + f64::from(number / 2) + 0.5 + f64::from(number) / 10_000.0,
        user: 0.4,
        system: 0.1,
        job: number as usize % 2,
    };
    Timeline {
        format: FORMAT,
        heading: Heading {
            python: "3.11.2".to_owned(),
            pip: "24.0".to_owned(),
            jobs: "2".to_owned(),
            launcher: Some("<ccache>".to_owned()),
        },
        finished: "2026-01-02T03:04:05Z".parse().unwrap(),
        seconds: end,
        cpus: 2,
        steps: vec![step("configure", 0.5, 20.0), step("make", 20.0, end - 2.0)],
        commands: vec![CommandRun {
            step: "make".to_owned(),
            command: "make -j2 CC='<ccache> gcc'".to_owned(),
            start: 20.5,
            end: end - 3.0,
        }],
        compiler_runs: (0..compiles).map(run).collect(),
        cpu: vec![CpuSample { at: 0.5, busy: 1.5 }],
    }
}

#[test]
fn the_page_has_every_run_and_takes_nothing_from_elsewhere() {
    let page = render(&timeline(600));
    assert_eq!(page.matches("<b class=compile").count(), 580);
    assert_eq!(page.matches("<b class=slow").count(), 20);
    assert_eq!(page.matches("<tr><td>").count(), 20);
    let (_, slowest) = page.split_once("<tbody>").unwrap();
    assert!(
        slowest
            .trim_start()
            .starts_with("<tr><td>Objects/file599.c<"),
        "{slowest}"
    );
    for part in ["src=", "//", "url(", "@import"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("job 2") && !page.contains("job 3"));
}

#[test]
fn a_build_without_compiler_runs_has_a_page() {
    let page = render(&timeline(0));
    assert!(page.contains("No compiler ran in this build."), "{page}");
    assert!(
        !page.contains("Slowest files") && !page.contains("NaN"),
        "{page}"
    );
}

#[test]
fn names_from_the_build_cannot_become_markup() {
    let mut hostile = timeline(1);
    let text = "\"'></style><script>alert(1)</script>&.c";
    hostile.compiler_runs[0].file = text.to_owned();
    hostile.steps[0].outcome = text.to_owned();
    hostile.commands[0].command = text.to_owned();
    let page = render(&hostile);
    assert!(
        !page.contains("<script>alert") && !page.contains("'></style>"),
        "{page}"
    );
    assert!(
        page.contains("&quot;&#39;&gt;&lt;/style&gt;&lt;script&gt;alert(1)"),
        "{page}"
    );
    assert!(!page.contains("<ccache>"), "{page}");
}
