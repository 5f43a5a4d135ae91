//! How `ensurepip` runs pip, and which ways of being run a pip has.

use std::collections::BTreeSet;
use std::ops::Range;

use super::NotUnderstood;
use super::python::{Edits, Python};

/// The modules that a pip has had its `main` function in, the one to be preferred first. pip 9 and
/// older have it in `pip`, 10.0 to 19.2 in `pip._internal`, 19.3 in `pip._internal.main`, and from
/// 20.0 on all three, as stubs that warn and work (pypa/pip issues 5234, 7220 and 5599).
pub(super) const HOMES_OF_MAIN: [(&str, &str); 3] = [
    ("pip._internal", "pip/_internal/__init__.py"),
    ("pip._internal.main", "pip/_internal/main.py"),
    ("pip", "pip/__init__.py"),
];

/// The ways in which one pip can be run by calling it; as `python -m pip` every pip can be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPoints(BTreeSet<&'static str>);

impl EntryPoints {
    /// What a pip offers whose files are read with `file`, by their names in the wheel.
    pub(super) fn find<E>(
        mut file: impl FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let mut homes = BTreeSet::new();
        for (module, name) in HOMES_OF_MAIN {
            if file(name)?.is_some_and(|text| defines_main(&text)) {
                homes.insert(module);
            }
        }
        Ok(Self(homes))
    }
}

/// Whether a module of pip has a function `main`.
fn defines_main(text: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix("def main")
            .is_some_and(|rest| rest.trim_start().starts_with('('))
    })
}

/// How one text of `ensurepip` runs pip.
#[derive(Debug)]
pub(super) enum RunPip {
    /// As `python -m pip` does, in this process or in another one.
    AsProgram,
    /// By calling the `main` of a module.
    Call {
        /// The module, such as `pip._internal`.
        module: String,
        /// Where the module is named, as spans of the file.
        named: Vec<Range<usize>>,
    },
}

impl RunPip {
    /// Reads it from `_run_pip`.
    pub(super) fn read(python: &Python<'_>) -> Result<Self, NotUnderstood> {
        let body = python
            .block(&["def", "_run_pip", "("])
            .ok_or_else(|| NotUnderstood::missing("function `_run_pip`"))?;
        let as_program = body.clone().any(|index| {
            let code = python.matches(index, &["runpy", ".", "run_module", "("])
                && python.string(index + 4) == Some("pip");
            let text = python.string(index).unwrap_or_default();
            code || text.contains("runpy.run_module(\"pip\"")
                || text.contains("runpy.run_module('pip'")
        });
        if as_program {
            return Ok(Self::AsProgram);
        }
        call(python, body).ok_or_else(|| {
            NotUnderstood::missing(
                "way of running pip in `_run_pip`: `pip.main(…)`, `pip._internal.main(…)` or \
                 `runpy.run_module(\"pip\", …)`",
            )
        })
    }

    /// Makes the smallest change after which a pip with these entry points is run.
    pub(super) fn adapt(
        &self,
        entry_points: &EntryPoints,
        edits: &mut Edits,
    ) -> Result<(), NotUnderstood> {
        let Self::Call { module, named } = self else {
            return Ok(());
        };
        if entry_points.0.contains(module.as_str()) {
            return Ok(());
        }
        let (home, _) = HOMES_OF_MAIN
            .into_iter()
            .find(|(home, _)| entry_points.0.contains(home))
            .ok_or_else(|| {
                NotUnderstood::new(
                    "the file runs pip by calling its `main`, which the new pip does not have"
                        .to_owned(),
                )
            })?;
        for span in named {
            edits.replace(span.clone(), home);
        }
        Ok(())
    }
}

/// `import MODULE` followed by `MODULE.main(`, or `from MODULE import main` followed by `main(`.
fn call(python: &Python<'_>, body: Range<usize>) -> Option<RunPip> {
    let import = body.clone().find(|index| {
        python.word(index + 1) == "pip"
            && (python.matches(*index, &["import"]) || python.matches(*index, &["from"]))
    })?;
    let module = dotted(python, import + 1);
    let words: Vec<&str> = module.clone().map(|index| python.word(index)).collect();
    let mut named = vec![python.span(module.clone())];
    let mut rest = module.end..body.end;
    if python.word(import) == "from" {
        if !python.matches(rest.start, &["import", "main"]) {
            return None;
        }
        rest.start += 2;
        rest.find(|index| python.matches(*index, &["main", "("]))?;
    } else {
        let called: Vec<&str> = words.iter().copied().chain([".", "main", "("]).collect();
        let start = rest.find(|index| python.matches(*index, &called))?;
        named.push(python.span(start..start + words.len()));
    }
    Some(RunPip::Call {
        module: words.concat(),
        named,
    })
}

/// The tokens of the dotted name that begins at `start`.
fn dotted(python: &Python<'_>, start: usize) -> Range<usize> {
    let mut end = start + 1;
    while python.word(end) == "." && python.is_name(end + 1) {
        end += 2;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::super::python::{Edits, Python};
    use super::{EntryPoints, RunPip};

    fn offering(files: &[&str]) -> EntryPoints {
        EntryPoints::find(|name| {
            Ok::<_, ()>(
                files
                    .contains(&name)
                    .then(|| "import x\n\ndef main(args=None):\n    pass\n".to_owned()),
            )
        })
        .unwrap()
    }

    fn adapted(body: &str, files: &[&str]) -> Option<String> {
        let text = format!(
            "import os\n\ndef _run_pip(args, paths=None):\n{body}\n\ndef x():\n    pip.main()\n"
        );
        let run_pip = RunPip::read(&Python::read(&text).unwrap()).unwrap();
        let mut edits = Edits::default();
        run_pip.adapt(&offering(files), &mut edits).ok()?;
        let new = edits.apply(&text);
        Some(
            new.split('\n')
                .skip(3)
                .take(2)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }

    const OLD: &[&str] = &["pip/__init__.py"];
    const MIDDLE: &[&str] = &["pip/_internal/__init__.py"];
    const MODULE: &[&str] = &["pip/_internal/main.py"];
    const ALL: &[&str] = &[
        "pip/__init__.py",
        "pip/_internal/__init__.py",
        "pip/_internal/main.py",
    ];

    #[test]
    fn a_call_goes_where_this_pip_has_its_main() {
        let by_pip = "    import pip\n    return pip.main(args)";
        let by_internal = "    import pip._internal\n    return pip._internal.main(args)";
        let by_module = "    import pip._internal.main\n    return pip._internal.main.main(args)";
        for (text, pip, expected) in [
            (by_pip, OLD, by_pip),
            (by_pip, MIDDLE, by_internal),
            (by_pip, MODULE, by_module),
            (by_pip, ALL, by_pip),
            (by_internal, OLD, by_pip),
            (by_internal, MIDDLE, by_internal),
            (by_internal, MODULE, by_module),
            (by_internal, ALL, by_internal),
        ] {
            assert_eq!(adapted(text, pip).as_deref(), Some(expected), "{pip:?}");
        }
        assert_eq!(
            adapted("    from pip import main\n    return main(args)", MODULE).as_deref(),
            Some("    from pip._internal.main import main\n    return main(args)")
        );
        assert_eq!(adapted(by_pip, &[]), None);
    }

    #[test]
    fn a_program_is_run_whatever_main_there_is() {
        let in_process = "    runpy.run_module(\"pip\", run_name=\"__main__\")\n    return 0";
        let in_another =
            "    code = f\"\"\"runpy.run_module(\"pip\", x)\"\"\"\n    return run(code)";
        for body in [in_process, in_another] {
            assert_eq!(adapted(body, &[]).as_deref(), Some(body));
        }
    }

    #[test]
    fn another_way_of_running_pip_is_said_to_be_unknown() {
        for body in [
            "    return os.system(args)",
            "    import pip\n    return pip.run(args)",
        ] {
            let text = format!("def _run_pip(args):\n{body}\n");
            let error = RunPip::read(&Python::read(&text).unwrap()).unwrap_err();
            assert!(error.to_string().contains("_run_pip"), "{error}");
        }
        let error = RunPip::read(&Python::read("x = 1\n").unwrap()).unwrap_err();
        assert!(error.to_string().contains("`_run_pip`"), "{error}");
    }
}
