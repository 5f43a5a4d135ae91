//! `Lib/venv/__init__.py`, which can name setuptools for `python -m venv --upgrade-deps`.

use super::super::edits::Edits;
use super::error::UnknownForm;
use super::text;
use super::tokens::Tokens;

/// Removes setuptools from `CORE_VENV_DEPS`, which 3.9 to 3.11 have it in. Older releases name no
/// projects, newer ones pip alone.
pub(super) fn without_setuptools(venv: &str) -> Result<String, UnknownForm> {
    let tokens = Tokens::read(venv)?;
    let uses: Vec<usize> = (0..tokens.len())
        .filter(|index| tokens.string(*index) == Some("setuptools"))
        .collect();
    match (&uses[..], &tokens.assignments("CORE_VENV_DEPS")[..]) {
        ([], _) => Ok(venv.to_owned()),
        ([index], [list]) if list.value.contains(index) => {
            let mut edits = Edits::default();
            let names = text::without_setuptools(&tokens, list)?;
            edits.replace(tokens.span(list.value.clone()), names);
            Ok(edits.apply(venv))
        }
        _ => Err(UnknownForm::missing(
            "`CORE_VENV_DEPS = ('pip', 'setuptools')` line that alone names setuptools",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::without_setuptools;

    #[test]
    fn only_core_venv_deps_changes() {
        let text = "# setuptools\nCORE_VENV_DEPS = ('pip', 'setuptools')  # 'setuptools'\nx = 1\n";
        assert_eq!(
            without_setuptools(text).unwrap(),
            "# setuptools\nCORE_VENV_DEPS = ('pip',)  # 'setuptools'\nx = 1\n"
        );
    }

    #[test]
    fn a_venv_that_does_not_name_setuptools_stays_unchanged() {
        for text in [
            "cmd = ['-Im', 'ensurepip']\n",
            "CORE_VENV_DEPS = ('pip',)\n",
        ] {
            assert_eq!(without_setuptools(text).unwrap(), text);
        }
    }

    #[test]
    fn an_unknown_use_of_setuptools_is_an_error() {
        let text = "CORE_VENV_DEPS = ('pip', 'setuptools')\ninstall('setuptools')\n";
        assert!(
            without_setuptools(text)
                .unwrap_err()
                .to_string()
                .contains("CORE_VENV_DEPS")
        );
        assert!(without_setuptools("DEPS = ['setuptools']\n").is_err());
    }
}
