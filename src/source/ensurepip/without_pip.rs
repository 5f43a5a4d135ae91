//! The texts of a standard library whose `ensurepip` bundles nothing (`--pip none`).

use super::super::edits::Edits;
use super::error::UnknownForm;
use super::tokens::Tokens;

/// The whole `ensurepip/__init__.py`, for every release.
pub(super) const ENSUREPIP: &str = include_str!("without_pip.py");

/// The assignment in the constructor of `EnvBuilder`, from 3.4 on.
const WITH_PIP: [&str; 5] = ["self", ".", "with_pip", "=", "with_pip"];

/// `venv/__init__.py` in which a virtual environment with pip is refused before a file is made. `venv` itself
/// would report only that `ensurepip` failed, without its message.
pub(super) fn venv(text: &str) -> Result<String, UnknownForm> {
    let tokens = Tokens::read(text)?;
    let found: Vec<usize> = (0..tokens.len())
        .filter(|index| tokens.matches(*index, &WITH_PIP))
        .collect();
    let [start] = found[..] else {
        return Err(UnknownForm::missing(
            "single line `self.with_pip = with_pip`",
        ));
    };
    let lines = tokens
        .whole_lines(start..start + WITH_PIP.len())
        .ok_or_else(|| UnknownForm::missing("line of its own for `self.with_pip = with_pip`"))?;
    let line = &text[lines.clone()];
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut edits = Edits::default();
    edits.insert(
        lines.end,
        format!(
            "{indent}if with_pip:\n\
             {indent}    raise ValueError('this Python was built without pip: use --without-pip '\n\
             {indent}                     '(with_pip=False in a program)')\n"
        ),
    );
    Ok(edits.apply(text))
}

#[cfg(test)]
mod tests {
    use super::venv;

    #[test]
    fn a_venv_with_pip_is_refused_in_the_constructor() {
        let text = "class EnvBuilder:\n    def __init__(self, with_pip=False):\n        \
                    self.with_pip = with_pip\n        self.prompt = None\n";
        let expected = "class EnvBuilder:\n    def __init__(self, with_pip=False):\n        \
                        self.with_pip = with_pip\n        if with_pip:\n            \
                        raise ValueError('this Python was built without pip: use --without-pip '\n\
                        \x20                            '(with_pip=False in a program)')\n        \
                        self.prompt = None\n";
        assert_eq!(venv(text).unwrap(), expected);
        assert!(venv("x = 1\n").is_err());
    }
}
