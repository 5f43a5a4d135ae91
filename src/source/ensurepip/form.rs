//! What one text of `Lib/ensurepip/__init__.py` consists of, read from its structure: which wheels it
//! names, how it spells their file names, how it runs pip.

use std::ops::Range;

use super::NotUnderstood;
use super::python::{Assignment, NotPython, Python};
use super::run_pip::RunPip;

/// What every wheel that `ensurepip` can name ends with.
const PURE: &str = "-none-any.whl";

/// The parts of the file that a pin touches.
pub(super) struct Form<'a> {
    pub(super) python: Python<'a>,
    pub(super) pip: Project,
    pub(super) setuptools: Option<Project>,
    /// `_PROJECTS`, up to 3.12.
    pub(super) projects: Option<Assignment>,
    /// `_PACKAGE_NAMES`, from 3.7.16 to 3.12.
    pub(super) package_names: Option<Assignment>,
    pub(super) file_name: FileName,
    pub(super) run_pip: RunPip,
}

/// One project that the file bundles.
pub(super) struct Project {
    /// `_PIP_VERSION = "…"`.
    pub(super) pin: Assignment,
    /// Its tuple in `_PROJECTS`.
    pub(super) entry: Option<Entry>,
}

/// `("pip", _PIP_VERSION, "py3")`, or without the last part.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The tuple, from bracket to bracket.
    pub(super) tuple: Range<usize>,
    pub(super) name: usize,
    pub(super) version: usize,
    pub(super) tag: Option<usize>,
}

/// The string that wheels' file names are made with.
pub(super) struct FileName {
    pub(super) token: usize,
    /// The part of it, as a span of the file, where the tag of the Pythons stands.
    pub(super) tag: Range<usize>,
    /// Whether the tag is filled in per project, rather than written there.
    pub(super) per_project: bool,
}

impl<'a> Form<'a> {
    /// Reads the file's text.
    pub(super) fn read(text: &'a str) -> Result<Self, NotUnderstood> {
        let python = Python::read(text).map_err(|NotPython { line }| {
            NotUnderstood::new(format!("line {line} is not Python as far as it was read"))
        })?;
        let pip = one_pin(&python, "_PIP_VERSION")?
            .ok_or_else(|| NotUnderstood::missing("`_PIP_VERSION = \"…\"` line"))?;
        let setuptools = one_pin(&python, "_SETUPTOOLS_VERSION")?;
        let projects = one(&python, "_PROJECTS")?;
        let entries = match &projects {
            Some(list) => entries(&python, &list.value)?,
            None => Vec::new(),
        };
        let entry_of = |project: &str| {
            entries
                .iter()
                .find(|entry| python.string(entry.name) == Some(project))
                .cloned()
        };
        let known = ["pip", "setuptools"];
        if let Some(entry) = entries
            .iter()
            .find(|entry| !known.contains(&python.string(entry.name).unwrap_or_default()))
        {
            return Err(NotUnderstood::new(format!(
                "`_PROJECTS` holds {}, where `pip` and `setuptools` were expected",
                python.word(entry.name)
            )));
        }
        let (pip_entry, setuptools_entry) = (entry_of("pip"), entry_of("setuptools"));
        if projects.is_some() && pip_entry.is_none() {
            return Err(NotUnderstood::missing(
                "`(\"pip\", _PIP_VERSION)` in `_PROJECTS`",
            ));
        }
        if setuptools.is_some() != setuptools_entry.is_some() {
            return Err(NotUnderstood::missing(
                "`(\"setuptools\", _SETUPTOOLS_VERSION)` in `_PROJECTS` together with \
                 `_SETUPTOOLS_VERSION = \"…\"`",
            ));
        }
        let file_name = file_name(&python)?;
        for entry in &entries {
            if entry.tag.is_some() != file_name.per_project {
                return Err(NotUnderstood::new(format!(
                    "`_PROJECTS` and the wheels' file name {} do not agree on where the tag stands",
                    python.word(file_name.token)
                )));
            }
        }
        if projects.is_none() && file_name.per_project {
            return Err(NotUnderstood::missing("`_PROJECTS` list"));
        }
        let package_names = one(&python, "_PACKAGE_NAMES")?;
        let run_pip = RunPip::read(&python)?;
        Ok(Self {
            pip: Project {
                pin: pip,
                entry: pip_entry,
            },
            setuptools: setuptools.map(|pin| Project {
                pin,
                entry: setuptools_entry,
            }),
            projects,
            package_names,
            file_name,
            run_pip,
            python,
        })
    }

    /// The version that the file names for a project.
    pub(super) fn version(&self, project: &Project) -> &'a str {
        self.python
            .string(project.pin.value.start)
            .unwrap_or_default()
    }

    /// The tag that the file names for a project: `py3`, `py2.py3`.
    pub(super) fn tag(&self, project: &Project) -> &'a str {
        match project.entry.as_ref().and_then(|entry| entry.tag) {
            Some(token) => self.python.string(token).unwrap_or_default(),
            None => self.literal_tag(),
        }
    }

    /// What stands in the file name where the tag stands: a tag, or a placeholder for one.
    pub(super) fn literal_tag(&self) -> &'a str {
        let whole = self.python.string(self.file_name.token).unwrap_or_default();
        whole
            .strip_suffix(PURE)
            .and_then(|rest| rest.rsplit('-').next())
            .unwrap_or_default()
    }
}

/// The only statement that gives `name` a value.
fn one(python: &Python<'_>, name: &str) -> Result<Option<Assignment>, NotUnderstood> {
    let mut found = python.assignments(name);
    if found.len() > 1 {
        return Err(NotUnderstood::new(format!(
            "`{name}` is given a value {} times, where one was expected",
            found.len()
        )));
    }
    Ok(found.pop())
}

/// The same, for a plain string.
fn one_pin(python: &Python<'_>, name: &str) -> Result<Option<Assignment>, NotUnderstood> {
    let found = one(python, name)?;
    if let Some(pin) = &found {
        let plain = matches!(python.opening(pin.value.start), Some("\"" | "'"));
        if pin.value.len() != 1 || !plain {
            return Err(NotUnderstood::missing(&format!("`{name} = \"…\"` line")));
        }
    }
    Ok(found)
}

/// The tuples of `_PROJECTS`.
fn entries(python: &Python<'_>, list: &Range<usize>) -> Result<Vec<Entry>, NotUnderstood> {
    let unknown = || {
        NotUnderstood::missing("`_PROJECTS = [(\"pip\", _PIP_VERSION), …]`, with or without tags")
    };
    if list.len() < 2 || python.word(list.start) != "[" || python.word(list.end - 1) != "]" {
        return Err(unknown());
    }
    let mut entries = Vec::new();
    let mut at = list.start + 1;
    while at < list.end - 1 {
        let (name, version) = (at + 1, at + 3);
        let expected = match python.string(name) {
            Some("pip") => "_PIP_VERSION",
            _ => "_SETUPTOOLS_VERSION",
        };
        if python.word(at) != "("
            || python.string(name).is_none()
            || !python.matches(name + 1, &[",", expected])
        {
            return Err(unknown());
        }
        let mut end = version + 1;
        let mut tag = None;
        if python.word(end) == "," && python.string(end + 1).is_some() {
            tag = Some(end + 1);
            end += 2;
        }
        if python.word(end) == "," {
            end += 1;
        }
        if python.word(end) != ")" {
            return Err(unknown());
        }
        entries.push(Entry {
            tuple: at..end + 1,
            name,
            version,
            tag,
        });
        at = end + 1;
        if python.word(at) == "," {
            at += 1;
        }
    }
    Ok(entries)
}

/// The one string in the code that wheels' file names are made with.
fn file_name(python: &Python<'_>) -> Result<FileName, NotUnderstood> {
    let found: Vec<usize> = (0..python.len())
        .filter(|index| {
            python
                .string(*index)
                .is_some_and(|text| text.ends_with(PURE))
        })
        .collect();
    let [token] = found[..] else {
        return Err(NotUnderstood::new(format!(
            "{} strings end with `{PURE}`, where one was expected: the wheels' file name",
            found.len()
        )));
    };
    let unknown =
        || NotUnderstood::missing("wheels' file name in the form PROJECT-VERSION-TAG-none-any.whl");
    let text = python.string(token).ok_or_else(unknown)?;
    let span = python.string_span(token).ok_or_else(unknown)?;
    let parts: Vec<&str> = text.split('-').collect();
    let [project, version, tag, _, _] = parts[..] else {
        return Err(unknown());
    };
    let start = span.start + project.len() + version.len() + 2;
    Ok(FileName {
        token,
        tag: start..start + tag.len(),
        per_project: tag.starts_with('{') && tag.ends_with('}'),
    })
}
