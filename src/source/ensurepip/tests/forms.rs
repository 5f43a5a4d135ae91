//! Small texts with the structures that the file had in its releases.

const PINS: &str = r#"__all__ = ["version", "bootstrap"]


_SETUPTOOLS_VERSION = "1.0"

_PIP_VERSION = "2.0"
"#;

const PAIRS: &str = r#"
_PROJECTS = [
    ("setuptools", _SETUPTOOLS_VERSION),
    ("pip", _PIP_VERSION),
]
"#;

const TRIPLES: &str = r#"
_PROJECTS = [
    ("setuptools", _SETUPTOOLS_VERSION, "py3"),
    ("pip", _PIP_VERSION, "py2.py3"),
]
"#;

const BY_CALL: &str = "
def _run_pip(args, paths=None):
    import pip
    pip.main(args)
";

const BY_INTERNAL_CALL: &str = "
def _run_pip(args, paths=None):
    # With import pip it would be another one.
    import pip._internal
    return pip._internal.main(args)
";

const AS_PROGRAM: &str = "
def _run_pip(args, paths=None):
    try:
        runpy.run_module(\"pip\", run_name=\"__main__\", alter_sys=True)
    except SystemExit as end:
        return end.code
";

const IN_ANOTHER_PROCESS: &str = "
def _run_pip(args, paths=None):
    code = f\"\"\"
runpy.run_module(\"pip\", run_name=\"__main__\", alter_sys=True)
\"\"\"
    return subprocess.run([sys.executable, '-c', code]).returncode
";

const FROM_PAIRS: &str = "
def bootstrap():
    for project, version in _PROJECTS:
        name = \"{}-{}-py2.py3-none-any.whl\".format(project, version)
        copy(name)
    return _run_pip([p[0] for p in _PROJECTS])

def remove():
    _run_pip([p[0] for p in reversed(_PROJECTS)])
";

const FROM_TRIPLES: &str = "
def bootstrap():
    for project, version, py_tag in _PROJECTS:
        name = \"{}-{}-{}-none-any.whl\".format(project, version, py_tag)
        copy(name)
    return _run_pip([p[0] for p in _PROJECTS])
";

const FROM_NAMES: &str = "
def wheels():
    # such as pip-1.0-py3-none-any.whl
    for name, version, py_tag in _PROJECTS:
        yield f\"{name}-{version}-{py_tag}-none-any.whl\"

def bootstrap():
    return _run_pip([*_PACKAGE_NAMES])
";

const FROM_ONE_NAME: &str = "
def wheel():
    # such as 'pip-1.0-py3-none-any.whl'
    return folder / f'pip-{_PIP_VERSION}-py3-none-any.whl'
";

const WITH_NAMES: &str = r#"
_PACKAGE_NAMES = ('setuptools', 'pip')
_SETUPTOOLS_VERSION = "1.0"
_PIP_VERSION = "2.0"
_PROJECTS = [
    ("setuptools", _SETUPTOOLS_VERSION, "py3"),
    ("pip", _PIP_VERSION, "py3"),
]
"#;

const PIP_ALONE: &str = r#"
_PACKAGE_NAMES = ('pip',)
_PIP_VERSION = '2.0'  # keep this
_PROJECTS = [
    ("pip", _PIP_VERSION, "py3"),
]
"#;

/// The forms from the oldest to the newest, with their releases.
pub(super) fn forms() -> Vec<(&'static str, String)> {
    vec![
        (
            "2.7.9 to 3.6.5",
            [PINS, PAIRS, BY_CALL, FROM_PAIRS].concat(),
        ),
        (
            "3.6.6 to 3.7.7",
            [PINS, PAIRS, BY_INTERNAL_CALL, FROM_PAIRS].concat(),
        ),
        ("3.8.3", [PINS, PAIRS, AS_PROGRAM, FROM_PAIRS].concat()),
        (
            "3.7.8 to 3.9",
            [PINS, TRIPLES, AS_PROGRAM, FROM_TRIPLES].concat(),
        ),
        ("3.7.16", [WITH_NAMES, AS_PROGRAM, FROM_TRIPLES].concat()),
        (
            "3.10 and 3.11",
            [WITH_NAMES, IN_ANOTHER_PROCESS, FROM_NAMES].concat(),
        ),
        ("3.12", [PIP_ALONE, IN_ANOTHER_PROCESS, FROM_NAMES].concat()),
        (
            "3.13 and later",
            [
                "_PIP_VERSION = \"2.0\"\n",
                IN_ANOTHER_PROCESS,
                FROM_ONE_NAME,
            ]
            .concat(),
        ),
    ]
}

pub(super) fn form(releases: &str) -> String {
    forms()
        .into_iter()
        .find(|(name, _)| *name == releases)
        .unwrap()
        .1
}
