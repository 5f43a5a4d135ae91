//! The call of pip in `ensurepip`, and the modules of a pip that have a `main`.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::edits::Edits;
use super::error::UnknownForm;
use super::tokens::Tokens;

/// The modules that a pip can have its `main` function in, and their files, in order of preference.
/// pip up to 9 has it in `pip`, 10.0 to 19.2 in `pip._internal`, 19.3 in `pip._internal.main`, and
/// from 20.0 on all three as stubs that warn and work (pypa/pip issues 5234, 7220 and 5599).
const MODULES_OF_MAIN: [(&str, &str); 3] = [
    ("pip._internal", "pip/_internal/__init__.py"),
    ("pip._internal.main", "pip/_internal/main.py"),
    ("pip", "pip/__init__.py"),
];

/// The modules of one pip that have a `main`. Every pip can be run with `python -m pip` as well.
#[derive(Debug, Default)]
pub(super) struct EntryPoints(BTreeSet<&'static str>);

impl EntryPoints {
    /// Searches the modules of a pip; `read` returns the text of a file in its wheel.
    pub(super) fn find<E>(
        mut read: impl FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let mut modules = BTreeSet::new();
        for (module, file) in MODULES_OF_MAIN {
            if read(file)?.is_some_and(|text| defines_main(&text)) {
                modules.insert(module);
            }
        }
        Ok(Self(modules))
    }
}

fn defines_main(text: &str) -> bool {
    text.lines()
        .filter_map(|line| line.strip_prefix("def main"))
        .any(|rest| rest.trim_start().starts_with('('))
}

/// The way in which one `ensurepip/__init__.py` runs pip.
#[derive(Debug)]
pub(super) enum RunPip {
    /// Like `python -m pip`, in this process or in another one.
    AsProgram,
    /// Through the `main` of a module.
    Call {
        /// Such as `pip._internal`.
        module: String,
        /// The spans of the file that name the module.
        named: Vec<Range<usize>>,
    },
}

impl RunPip {
    /// Reads the function `_run_pip`.
    pub(super) fn read(tokens: &Tokens<'_>) -> Result<Self, UnknownForm> {
        let body = tokens
            .block(&["def", "_run_pip", "("])
            .ok_or_else(|| UnknownForm::missing("function `_run_pip`"))?;
        let runs_program = |index: usize| {
            let text = tokens.string(index).unwrap_or_default();
            tokens.matches(index, &["runpy", ".", "run_module", "("])
                && tokens.string(index + 4) == Some("pip")
                || text.contains("runpy.run_module(\"pip\"")
                || text.contains("runpy.run_module('pip'")
        };
        if body.clone().any(runs_program) {
            return Ok(Self::AsProgram);
        }
        call(tokens, body).ok_or_else(|| {
            UnknownForm::missing(
                "way of running pip in `_run_pip`: `pip.main(…)`, `pip._internal.main(…)` or \
                 `runpy.run_module(\"pip\", …)`",
            )
        })
    }

    /// Changes the called module if a pip with these entry points does not have it.
    pub(super) fn adapt(
        &self,
        entry_points: &EntryPoints,
        edits: &mut Edits,
    ) -> Result<(), UnknownForm> {
        let Self::Call { module, named } = self else {
            return Ok(());
        };
        if entry_points.0.contains(module.as_str()) {
            return Ok(());
        }
        let mut modules = MODULES_OF_MAIN.into_iter().map(|(module, _)| module);
        let module = modules
            .find(|module| entry_points.0.contains(module))
            .ok_or_else(|| {
                UnknownForm::new(
                    "the file calls the `main` of pip, which the new pip does not have",
                )
            })?;
        for span in named {
            edits.replace(span.clone(), module);
        }
        Ok(())
    }
}

/// `import MODULE` followed by `MODULE.main(`, or `from MODULE import main` followed by `main(`.
fn call(tokens: &Tokens<'_>, body: Range<usize>) -> Option<RunPip> {
    let import = body.clone().find(|index| {
        tokens.word(index + 1) == "pip"
            && (tokens.matches(*index, &["import"]) || tokens.matches(*index, &["from"]))
    })?;
    let mut module = import + 1..import + 2;
    while tokens.word(module.end) == "." && tokens.is_name(module.end + 1) {
        module.end += 2;
    }
    let words: Vec<&str> = module.clone().map(|index| tokens.word(index)).collect();
    let mut named = vec![tokens.span(module.clone())];
    let mut rest = module.end..body.end;
    if tokens.word(import) == "from" {
        if !tokens.matches(rest.start, &["import", "main"]) {
            return None;
        }
        rest.start += 2;
        rest.find(|index| tokens.matches(*index, &["main", "("]))?;
    } else {
        let called = [&words[..], &[".", "main", "("]].concat();
        let start = rest.find(|index| tokens.matches(*index, &called))?;
        named.push(tokens.span(start..start + words.len()));
    }
    Some(RunPip::Call {
        module: words.concat(),
        named,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::edits::Edits;
    use super::super::tokens::Tokens;
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
        let run_pip = RunPip::read(&Tokens::read(&text).unwrap()).unwrap();
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
    fn the_call_names_the_module_that_has_the_main_of_this_pip() {
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
    fn pip_that_runs_as_a_program_needs_no_main() {
        let in_process = "    runpy.run_module(\"pip\", run_name=\"__main__\")\n    return 0";
        let in_another =
            "    code = f\"\"\"runpy.run_module(\"pip\", x)\"\"\"\n    return run(code)";
        for body in [in_process, in_another] {
            assert_eq!(adapted(body, &[]).as_deref(), Some(body));
        }
    }

    #[test]
    fn an_unknown_way_of_running_pip_is_an_error() {
        for body in [
            "    return os.system(args)",
            "    import pip\n    return pip.run(args)",
        ] {
            let text = format!("def _run_pip(args):\n{body}\n");
            let error = RunPip::read(&Tokens::read(&text).unwrap()).unwrap_err();
            assert!(error.to_string().contains("_run_pip"), "{error}");
        }
        let error = RunPip::read(&Tokens::read("x = 1\n").unwrap()).unwrap_err();
        assert!(error.to_string().contains("`_run_pip`"), "{error}");
    }
}
