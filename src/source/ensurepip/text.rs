//! From one text of `Lib/ensurepip/__init__.py` to the same text with other wheels: no files here.

use std::collections::BTreeSet;
use std::ops::Range;

use super::form::{Entry, Form, Project};
use super::python::{Assignment, Edits, Python};
use super::run_pip::EntryPoints;
use super::{NotUnderstood, PinChange};

/// A wheel as `ensurepip` names it: version, and tag of the Pythons it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedWheel {
    /// The version, as it stands in the wheel's file name.
    pub version: String,
    /// `py3`, `py2.py3`.
    pub python_tag: String,
}

impl NamedWheel {
    /// The wheel's file name.
    #[must_use]
    pub fn file_name(&self, project: &str) -> String {
        format!(
            "{project}-{}-{}-none-any.whl",
            self.version, self.python_tag
        )
    }
}

/// What a text bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// pip.
    pub pip: NamedWheel,
    /// setuptools, where that CPython brings it along.
    pub setuptools: Option<NamedWheel>,
}

impl Bundled {
    /// Reads it from `Lib/ensurepip/__init__.py`.
    ///
    /// # Errors
    /// When the text has a form that is not known.
    pub fn read(text: &str) -> Result<Self, NotUnderstood> {
        Ok(Self::of(&Form::read(text)?))
    }

    fn of(form: &Form<'_>) -> Self {
        let named = |project: &Project| NamedWheel {
            version: form.version(project).to_owned(),
            python_tag: form.tag(project).to_owned(),
        };
        Self {
            pip: named(&form.pip),
            setuptools: form.setuptools.as_ref().map(named),
        }
    }

    /// The wheels' file names.
    #[must_use]
    pub fn file_names(&self) -> Vec<String> {
        let setuptools = self.setuptools.as_ref();
        setuptools
            .map(|wheel| wheel.file_name("setuptools"))
            .into_iter()
            .chain([self.pip.file_name("pip")])
            .collect()
    }
}

/// What is to be written: the wheels as they are to be named, and how the new pip can be run.
#[derive(Debug, Clone, Default)]
pub(super) struct TextRequest {
    pub(super) pip: Option<NamedWheel>,
    pub(super) setuptools: PinChange<NamedWheel>,
    /// `None` when pip is kept, and so is the way it is run.
    pub(super) entry_points: Option<EntryPoints>,
}

/// The text with these wheels.
pub(super) fn repin(text: &str, change: &TextRequest) -> Result<String, NotUnderstood> {
    let form = Form::read(text)?;
    let before = Bundled::of(&form);
    let mut edits = Edits::default();

    set_version(&form, &form.pip, change.pip.as_ref(), &mut edits);
    let mut wanted = vec![(
        &form.pip,
        change
            .pip
            .as_ref()
            .map_or(form.tag(&form.pip), |wheel| &wheel.python_tag)
            .to_owned(),
    )];
    match (&form.setuptools, &change.setuptools) {
        // What is not there need not be taken out: a change may be fulfilled twice.
        (None, PinChange::Keep | PinChange::Remove) => {}
        (None, PinChange::Replace(_)) => {
            return Err(NotUnderstood::missing("`_SETUPTOOLS_VERSION = \"…\"` line"));
        }
        (Some(setuptools), PinChange::Remove) => remove_setuptools(&form, setuptools, &mut edits)?,
        (Some(setuptools), change @ (PinChange::Keep | PinChange::Replace(_))) => {
            set_version(&form, setuptools, change.wheel(), &mut edits);
            let tag = change.tag().unwrap_or(form.tag(setuptools)).to_owned();
            wanted.push((setuptools, tag));
        }
    }
    set_tags(&form, &wanted, &mut edits)?;
    if let Some(entry_points) = &change.entry_points {
        form.run_pip.adapt(entry_points, &mut edits)?;
    }
    let new = edits.apply(text);
    check(&new, &before, change)?;
    Ok(new)
}

/// Reads the new text as if it were upstream's: what was made must say what was wished.
fn check(new: &str, before: &Bundled, change: &TextRequest) -> Result<(), NotUnderstood> {
    let expected = Bundled {
        pip: change.pip.as_ref().unwrap_or(&before.pip).clone(),
        setuptools: match &change.setuptools {
            PinChange::Keep => before.setuptools.clone(),
            PinChange::Remove => None,
            PinChange::Replace(wheel) => Some(wheel.clone()),
        },
    };
    if Bundled::read(new)? == expected {
        Ok(())
    } else {
        Err(NotUnderstood::new(
            "the changed text does not name the wheels that it should".to_owned(),
        ))
    }
}

fn set_version(form: &Form<'_>, project: &Project, wheel: Option<&NamedWheel>, edits: &mut Edits) {
    let span = form.python.string_span(project.pin.value.start);
    if let (Some(wheel), Some(span)) = (wheel, span) {
        edits.replace(span, wheel.version.as_str());
    }
}

/// Brings the tags in line: where they stand per project, there; where one is written into the file
/// name, there as long as all wheels have the same one, and else per project, as upstream did it.
fn set_tags(
    form: &Form<'_>,
    wanted: &[(&Project, String)],
    edits: &mut Edits,
) -> Result<(), NotUnderstood> {
    let tags: BTreeSet<&str> = wanted.iter().map(|(_, tag)| tag.as_str()).collect();
    if form.file_name.per_project {
        for (project, tag) in wanted {
            let token = project.entry.as_ref().and_then(|entry| entry.tag);
            if let Some(span) = token.and_then(|token| form.python.string_span(token)) {
                edits.replace(span, tag.as_str());
            }
        }
    } else if let [tag] = tags.iter().collect::<Vec<_>>()[..] {
        edits.replace(form.file_name.tag.clone(), *tag);
    } else {
        introduce_tags(form, wanted, edits)?;
    }
    Ok(())
}

/// Makes triples of the pairs in `_PROJECTS`, and takes them apart as such wherever that is done.
fn introduce_tags(
    form: &Form<'_>,
    wanted: &[(&Project, String)],
    edits: &mut Edits,
) -> Result<(), NotUnderstood> {
    const TAG: &str = "py_tag";
    let python = &form.python;
    let unknown = || {
        NotUnderstood::missing(
            "`for project, version in _PROJECTS` whose names make the wheels' file name with \
             `\"{}-{}-…\".format(project, version)`",
        )
    };
    if python.uses(TAG).next().is_some() {
        return Err(unknown());
    }
    for (project, tag) in wanted {
        let entry = project.entry.as_ref().ok_or_else(unknown)?;
        let quote = python.opening(entry.name).unwrap_or("\"");
        let end = python.span(entry.version..entry.version + 1).end;
        edits.replace(end..end, format!(", {quote}{tag}{quote}"));
    }
    let list = form.projects.as_ref().ok_or_else(unknown)?;
    let mut taken_apart = None;
    for index in python.uses("_PROJECTS") {
        if list.statement.contains(&index) {
            continue;
        }
        match target(python, index).len() {
            // One name for the whole tuple: whatever it is asked for stands where it stood.
            1 => {}
            3 if taken_apart.is_none() => taken_apart = Some(target(python, index)),
            _ => return Err(unknown()),
        }
    }
    let names = taken_apart.ok_or_else(unknown)?;
    let (project, version) = (python.word(names.start), python.word(names.start + 2));
    let token = form.file_name.token;
    let call = [".", "format", "(", project, ",", version, ")"];
    if python
        .string(token)
        .is_none_or(|text| !text.starts_with("{}-{}-"))
        || !python.matches(token + 1, &call)
    {
        return Err(unknown());
    }
    let behind = |tokens: Range<usize>| {
        let end = python.span(tokens).end;
        end..end
    };
    edits.replace(behind(names), format!(", {TAG}"));
    edits.replace(form.file_name.tag.clone(), "{}");
    edits.replace(behind(token + 1..token + call.len()), format!(", {TAG}"));
    Ok(())
}

/// The tokens between the `for` and the `in` that lead to `index`: `project, version`.
fn target(python: &Python<'_>, index: usize) -> Range<usize> {
    let back = |from: usize, word: &str| (0..from).rev().find(|at| python.matches(*at, &[word]));
    back(index, "in")
        .and_then(|end| Some(back(end, "for")? + 1..end))
        .unwrap_or(0..0)
}

/// Takes setuptools out of everything that names it.
fn remove_setuptools(
    form: &Form<'_>,
    setuptools: &Project,
    edits: &mut Edits,
) -> Result<(), NotUnderstood> {
    let python = &form.python;
    let entry = setuptools.entry.as_ref();
    let known = |index: usize| {
        setuptools.pin.statement.contains(&index)
            || entry.is_some_and(|entry| entry.tuple.contains(&index))
    };
    if let Some(index) = python
        .uses("_SETUPTOOLS_VERSION")
        .find(|index| !known(*index))
    {
        return Err(NotUnderstood::new(format!(
            "`_SETUPTOOLS_VERSION` is used behind `{}`, where only its own line and `_PROJECTS` \
             were expected to name it",
            python.word(index.saturating_sub(1))
        )));
    }
    edits.delete(statement_lines(form, &setuptools.pin)?);
    if let Some(entry) = entry {
        edits.delete(entry_span(python, entry));
    }
    if let Some(names) = &form.package_names {
        edits.replace(
            python.span(names.value.clone()),
            without_setuptools(python, names)?,
        );
    }
    Ok(())
}

/// The statement's lines; with the blank line behind it, when it stands between two.
fn statement_lines(form: &Form<'_>, pin: &Assignment) -> Result<Range<usize>, NotUnderstood> {
    let text = form.python.text();
    let mut lines = form
        .python
        .whole_lines(pin.statement.clone())
        .ok_or_else(|| NotUnderstood::missing("line of its own for `_SETUPTOOLS_VERSION`"))?;
    if text[..lines.start].ends_with("\n\n") && text[lines.end..].starts_with('\n') {
        lines.end += 1;
    }
    Ok(lines)
}

/// The tuple with the comma behind it; whole lines where it has them to itself.
fn entry_span(python: &Python<'_>, entry: &Entry) -> Range<usize> {
    let mut tokens = entry.tuple.clone();
    if python.word(tokens.end) == "," {
        tokens.end += 1;
    }
    python.whole_lines(tokens.clone()).unwrap_or_else(|| {
        let end = python.span(tokens.end..tokens.end + 1).start;
        python.span(tokens).start..end
    })
}

/// `('pip',)` of `('setuptools', 'pip')`, in the same quotes.
pub(super) fn without_setuptools(
    python: &Python<'_>,
    names: &Assignment,
) -> Result<String, NotUnderstood> {
    let unknown = || NotUnderstood::missing("tuple of names that holds `'setuptools'`");
    let value = &names.value;
    if value.len() < 2 || python.word(value.start) != "(" || python.word(value.end - 1) != ")" {
        return Err(unknown());
    }
    let mut kept = Vec::new();
    let mut found = false;
    for index in value.start + 1..value.end - 1 {
        match python.string(index) {
            Some("setuptools") => found = true,
            Some(_) => kept.push(python.word(index)),
            None if python.word(index) == "," => {}
            None => return Err(unknown()),
        }
    }
    if !found || kept.is_empty() {
        return Err(unknown());
    }
    let comma = if kept.len() == 1 { "," } else { "" };
    Ok(format!("({}{comma})", kept.join(", ")))
}
