//! Edits the text of `Lib/ensurepip/__init__.py` so that it names other wheels. Touches no files.

use std::ops::Range;

use super::super::edits::Edits;
use super::bundled::{Bundled, BundledWheel, PinChange, PinChanges};
use super::error::UnknownForm;
use super::form::{Form, Project, ProjectEntry};
use super::run_pip::EntryPoints;
use super::tokens::{Assignment, Tokens};

/// A project that the new text names, with the Python tag of its wheel.
type Tagged<'a> = (&'a Project, &'a str);

/// The text with the changes. Without the entry points of a new pip, the way of running pip stays.
pub(super) fn changed(
    text: &str,
    changes: &PinChanges<BundledWheel>,
    entry_points: Option<&EntryPoints>,
) -> Result<String, UnknownForm> {
    let form = Form::read(text)?;
    let mut edits = Edits::default();
    let mut tagged = vec![set_version(
        &form,
        &form.pip,
        changes.pip.as_ref(),
        &mut edits,
    )];
    match (&form.setuptools, &changes.setuptools) {
        // A text that does not name setuptools is unchanged, so that a change can be made twice.
        (None, PinChange::Keep | PinChange::Remove) => {}
        (None, PinChange::Replace(_)) => {
            return Err(UnknownForm::missing("`_SETUPTOOLS_VERSION = \"…\"` line"));
        }
        (Some(setuptools), PinChange::Remove) => remove_setuptools(&form, setuptools, &mut edits)?,
        (Some(setuptools), change) => {
            tagged.push(set_version(&form, setuptools, change.wheel(), &mut edits));
        }
    }
    set_tags(&form, &tagged, &mut edits)?;
    if let Some(entry_points) = entry_points {
        form.run_pip.adapt(entry_points, &mut edits)?;
    }
    let new = edits.apply(text);
    // The new text is parsed like one from upstream.
    if Bundled::read(&new)? != form.bundled().with(changes) {
        let what = "the changed text does not name the wheels that it should";
        return Err(UnknownForm::new(what));
    }
    Ok(new)
}

fn set_version<'a>(
    form: &Form<'a>,
    project: &'a Project,
    wheel: Option<&'a BundledWheel>,
    edits: &mut Edits,
) -> Tagged<'a> {
    let Some(wheel) = wheel else {
        return (project, form.tag(project));
    };
    if let Some(span) = form.tokens.string_span(project.pin.value.start) {
        edits.replace(span, wheel.version.as_str());
    }
    (project, &wheel.python_tag)
}

/// Writes the tags: per project, if the file has them there. A tag that is part of the file name is
/// replaced if all wheels have the same one. Otherwise tags per project are introduced, as upstream
/// did it.
fn set_tags(form: &Form<'_>, tagged: &[Tagged<'_>], edits: &mut Edits) -> Result<(), UnknownForm> {
    if form.file_name.per_project {
        for (project, tag) in tagged {
            let token = project.entry.as_ref().and_then(|entry| entry.tag);
            if let Some(span) = token.and_then(|token| form.tokens.string_span(token)) {
                edits.replace(span, *tag);
            }
        }
    } else if tagged.iter().all(|(_, tag)| *tag == tagged[0].1) {
        edits.replace(form.file_name.tag.clone(), tagged[0].1);
    } else {
        introduce_tags(form, tagged, edits)?;
    }
    Ok(())
}

/// Adds a tag to each tuple in `_PROJECTS`, and to the loop that unpacks the tuples.
fn introduce_tags(
    form: &Form<'_>,
    tagged: &[Tagged<'_>],
    edits: &mut Edits,
) -> Result<(), UnknownForm> {
    const TAG: &str = "py_tag";
    let tokens = &form.tokens;
    let unknown = || {
        UnknownForm::missing(
            "`for project, version in _PROJECTS` whose names make the wheels' file name with \
             `\"{}-{}-…\".format(project, version)`",
        )
    };
    if tokens.uses(TAG).next().is_some() {
        return Err(unknown());
    }
    for (project, tag) in tagged {
        let entry = project.entry.as_ref().ok_or_else(unknown)?;
        let quote = tokens.opening(entry.name).unwrap_or("\"");
        let end = tokens.span(entry.version..entry.version + 1).end;
        edits.insert(end, format!(", {quote}{tag}{quote}"));
    }
    let list = form.projects.as_ref().ok_or_else(unknown)?;
    let mut unpacked = None;
    for index in tokens
        .uses("_PROJECTS")
        .filter(|index| !list.statement.contains(index))
    {
        let target = loop_target(tokens, index);
        match target.len() {
            // One name holds the whole tuple, so that its indices stay right.
            1 => {}
            3 if unpacked.is_none() => unpacked = Some(target),
            _ => return Err(unknown()),
        }
    }
    let names = unpacked.ok_or_else(unknown)?;
    let (project, version) = (tokens.word(names.start), tokens.word(names.start + 2));
    let token = form.file_name.token;
    let call = [".", "format", "(", project, ",", version, ")"];
    let starts_with_both = tokens
        .string(token)
        .is_some_and(|text| text.starts_with("{}-{}-"));
    if !starts_with_both || !tokens.matches(token + 1, &call) {
        return Err(unknown());
    }
    edits.insert(tokens.span(names).end, format!(", {TAG}"));
    edits.replace(form.file_name.tag.clone(), "{}");
    edits.insert(
        tokens.span(token + 1..token + call.len()).end,
        format!(", {TAG}"),
    );
    Ok(())
}

/// The tokens between `for` and `in` before `index`: `project, version`.
fn loop_target(tokens: &Tokens<'_>, index: usize) -> Range<usize> {
    let back = |from: usize, word: &str| (0..from).rev().find(|at| tokens.matches(*at, &[word]));
    back(index, "in")
        .and_then(|end| Some(back(end, "for")? + 1..end))
        .unwrap_or_default()
}

/// Removes setuptools from every statement that names it.
fn remove_setuptools(
    form: &Form<'_>,
    setuptools: &Project,
    edits: &mut Edits,
) -> Result<(), UnknownForm> {
    let tokens = &form.tokens;
    let entry = setuptools.entry.as_ref();
    let is_removed = |index: &usize| {
        setuptools.pin.statement.contains(index)
            || entry.is_some_and(|entry| entry.tuple.contains(index))
    };
    if let Some(index) = tokens
        .uses("_SETUPTOOLS_VERSION")
        .find(|index| !is_removed(index))
    {
        return Err(UnknownForm::new(format!(
            "`_SETUPTOOLS_VERSION` is used behind `{}`, where only its own line and `_PROJECTS` \
             were expected to name it",
            tokens.word(index.saturating_sub(1))
        )));
    }
    let mut lines = tokens
        .whole_lines(setuptools.pin.statement.clone())
        .ok_or_else(|| UnknownForm::missing("line of its own for `_SETUPTOOLS_VERSION`"))?;
    // One of two blank lines around it goes too.
    if tokens.text[..lines.start].ends_with("\n\n") && tokens.text[lines.end..].starts_with('\n') {
        lines.end += 1;
    }
    edits.delete(lines);
    if let Some(entry) = entry {
        edits.delete(entry_span(tokens, entry));
    }
    if let Some(names) = &form.package_names {
        edits.replace(
            tokens.span(names.value.clone()),
            without_setuptools(tokens, names)?,
        );
    }
    Ok(())
}

/// The span of a tuple with its comma; whole lines if nothing else is on them.
fn entry_span(tokens: &Tokens<'_>, entry: &ProjectEntry) -> Range<usize> {
    let mut tuple = entry.tuple.clone();
    if tokens.word(tuple.end) == "," {
        tuple.end += 1;
    }
    tokens.whole_lines(tuple.clone()).unwrap_or_else(|| {
        let end = tokens.span(tuple.end..tuple.end + 1).start;
        tokens.span(tuple).start..end
    })
}

/// `('pip',)` of `('setuptools', 'pip')`, in the same quotes.
pub(super) fn without_setuptools(
    tokens: &Tokens<'_>,
    names: &Assignment,
) -> Result<String, UnknownForm> {
    let unknown = || UnknownForm::missing("tuple of names that holds `'setuptools'`");
    let value = &names.value;
    if value.len() < 2 || tokens.word(value.start) != "(" || tokens.word(value.end - 1) != ")" {
        return Err(unknown());
    }
    let mut kept = Vec::new();
    let mut found = false;
    for index in value.start + 1..value.end - 1 {
        match tokens.string(index) {
            Some("setuptools") => found = true,
            Some(_) => kept.push(tokens.word(index)),
            None if tokens.word(index) == "," => {}
            None => return Err(unknown()),
        }
    }
    if !found || kept.is_empty() {
        return Err(unknown());
    }
    let comma = if kept.len() == 1 { "," } else { "" };
    Ok(format!("({}{comma})", kept.join(", ")))
}
