//! Parses `Lib/ensurepip/__init__.py`: the wheels that it names, how it spells their file names, and how
//! it runs pip.

use std::ops::Range;

use super::bundled::{Bundled, BundledWheel};
use super::error::UnknownForm;
use super::run_pip::RunPip;
use super::tokens::{Assignment, Tokens};

/// The end of every wheel's file name that `ensurepip` can use.
const NONE_ANY: &str = "-none-any.whl";

/// The parts of the file that a pin changes.
pub(super) struct Form<'a> {
    pub(super) tokens: Tokens<'a>,
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
    pub(super) entry: Option<ProjectEntry>,
}

/// `("pip", _PIP_VERSION, "py3")`, or without the tag.
#[derive(Clone)]
pub(super) struct ProjectEntry {
    /// The tokens from bracket to bracket.
    pub(super) tuple: Range<usize>,
    pub(super) name: usize,
    pub(super) version: usize,
    pub(super) tag: Option<usize>,
}

/// The string that makes the wheels' file names.
pub(super) struct FileName {
    pub(super) token: usize,
    /// The span of the Python tag, or of the placeholder for it.
    pub(super) tag: Range<usize>,
    /// Whether a placeholder is filled with each project's tag.
    pub(super) per_project: bool,
}

impl<'a> Form<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, UnknownForm> {
        let tokens = Tokens::read(text)?;
        let pip = pin(&tokens, "_PIP_VERSION")?
            .ok_or_else(|| UnknownForm::missing("`_PIP_VERSION = \"…\"` line"))?;
        let setuptools = pin(&tokens, "_SETUPTOOLS_VERSION")?;
        let projects = one(&tokens, "_PROJECTS")?;
        let entries = match &projects {
            Some(list) => entries(&tokens, &list.value)?,
            None => Vec::new(),
        };
        let entry_of = |project: &str| {
            let is_its = |entry: &&ProjectEntry| tokens.string(entry.name) == Some(project);
            entries.iter().find(is_its).cloned()
        };
        let (pip_entry, setuptools_entry) = (entry_of("pip"), entry_of("setuptools"));
        if let Some(entry) = entries
            .iter()
            .find(|entry| !matches!(tokens.string(entry.name), Some("pip" | "setuptools")))
        {
            let name = tokens.word(entry.name);
            return Err(UnknownForm::new(format!(
                "`_PROJECTS` holds {name}, where `pip` and `setuptools` were expected"
            )));
        }
        if projects.is_some() && pip_entry.is_none() {
            let expected = "`(\"pip\", _PIP_VERSION)` in `_PROJECTS`";
            return Err(UnknownForm::missing(expected));
        }
        if setuptools.is_some() != setuptools_entry.is_some() {
            return Err(UnknownForm::missing(
                "`(\"setuptools\", _SETUPTOOLS_VERSION)` in `_PROJECTS` together with \
                 `_SETUPTOOLS_VERSION = \"…\"`",
            ));
        }
        let file_name = file_name(&tokens)?;
        if entries
            .iter()
            .any(|entry| entry.tag.is_some() != file_name.per_project)
        {
            return Err(UnknownForm::new(format!(
                "`_PROJECTS` and the wheels' file name {} disagree on where the tag is written",
                tokens.word(file_name.token)
            )));
        }
        if projects.is_none() && file_name.per_project {
            return Err(UnknownForm::missing("`_PROJECTS` list"));
        }
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
            package_names: one(&tokens, "_PACKAGE_NAMES")?,
            file_name,
            run_pip: RunPip::read(&tokens)?,
            tokens,
        })
    }

    pub(super) fn bundled(&self) -> Bundled {
        let wheel = |project: &Project| BundledWheel {
            version: self
                .tokens
                .string(project.pin.value.start)
                .unwrap_or_default()
                .to_owned(),
            python_tag: self.tag(project).to_owned(),
        };
        Bundled {
            pip: wheel(&self.pip),
            setuptools: self.setuptools.as_ref().map(wheel),
        }
    }

    /// The Python tag of a project's wheel: `py3`, `py2.py3`.
    pub(super) fn tag(&self, project: &Project) -> &'a str {
        match project.entry.as_ref().and_then(|entry| entry.tag) {
            Some(token) => self.tokens.string(token).unwrap_or_default(),
            None => &self.tokens.text[self.file_name.tag.clone()],
        }
    }
}

impl Bundled {
    /// Reads the text of a `Lib/ensurepip/__init__.py`.
    ///
    /// # Errors
    /// When the text has an unknown form.
    pub fn read(text: &str) -> Result<Self, UnknownForm> {
        Ok(Form::read(text)?.bundled())
    }
}

/// The only assignment to `name`.
fn one(tokens: &Tokens<'_>, name: &str) -> Result<Option<Assignment>, UnknownForm> {
    let mut found = tokens.assignments(name);
    if found.len() > 1 {
        let count = found.len();
        return Err(UnknownForm::new(format!(
            "`{name}` is given a value {count} times, where one was expected"
        )));
    }
    Ok(found.pop())
}

/// The only assignment of a plain string to `name`.
fn pin(tokens: &Tokens<'_>, name: &str) -> Result<Option<Assignment>, UnknownForm> {
    let found = one(tokens, name)?;
    if let Some(pin) = &found {
        let is_plain = matches!(tokens.opening(pin.value.start), Some("\"" | "'"));
        if pin.value.len() != 1 || !is_plain {
            return Err(UnknownForm::missing(&format!("`{name} = \"…\"` line")));
        }
    }
    Ok(found)
}

/// The tuples of `_PROJECTS`.
fn entries(tokens: &Tokens<'_>, list: &Range<usize>) -> Result<Vec<ProjectEntry>, UnknownForm> {
    let unknown =
        || UnknownForm::missing("`_PROJECTS = [(\"pip\", _PIP_VERSION), …]`, with or without tags");
    if list.len() < 2 || tokens.word(list.start) != "[" || tokens.word(list.end - 1) != "]" {
        return Err(unknown());
    }
    let mut entries = Vec::new();
    let mut at = list.start + 1;
    while at < list.end - 1 {
        let (name, version) = (at + 1, at + 3);
        let constant = match tokens.string(name).ok_or_else(unknown)? {
            "pip" => "_PIP_VERSION",
            _ => "_SETUPTOOLS_VERSION",
        };
        if tokens.word(at) != "(" || !tokens.matches(name + 1, &[",", constant]) {
            return Err(unknown());
        }
        let mut end = version + 1;
        let has_tag = tokens.word(end) == "," && tokens.string(end + 1).is_some();
        let tag = has_tag.then_some(end + 1);
        if has_tag {
            end += 2;
        }
        if tokens.word(end) == "," {
            end += 1;
        }
        if tokens.word(end) != ")" {
            return Err(unknown());
        }
        entries.push(ProjectEntry {
            tuple: at..end + 1,
            name,
            version,
            tag,
        });
        at = end + 1;
        if tokens.word(at) == "," {
            at += 1;
        }
    }
    Ok(entries)
}

/// The only string of the code that ends like a wheel's file name.
fn file_name(tokens: &Tokens<'_>) -> Result<FileName, UnknownForm> {
    let is_file_name = |index: &usize| {
        tokens
            .string(*index)
            .is_some_and(|text| text.ends_with(NONE_ANY))
    };
    let found: Vec<usize> = (0..tokens.len()).filter(is_file_name).collect();
    let [token] = found[..] else {
        return Err(UnknownForm::new(format!(
            "{} strings end with `{NONE_ANY}`, where one was expected: the wheels' file name",
            found.len()
        )));
    };
    let span = tokens.string_span(token).unwrap_or_default();
    let parts: Vec<&str> = tokens.text[span.clone()].split('-').collect();
    let [project, version, tag, _, _] = parts[..] else {
        return Err(UnknownForm::missing(
            "wheels' file name in the form PROJECT-VERSION-TAG-none-any.whl",
        ));
    };
    let start = span.start + project.len() + version.len() + 2;
    Ok(FileName {
        token,
        tag: start..start + tag.len(),
        per_project: tag.starts_with('{') && tag.ends_with('}'),
    })
}
