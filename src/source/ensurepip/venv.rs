//! `Lib/venv/__init__.py`, as far as it names setuptools: what `python -m venv --upgrade-deps` upgrades.

use super::NotUnderstood;
use super::python::{Edits, NotPython, Python};
use super::text::without_setuptools;

/// The text with pip alone in `CORE_VENV_DEPS` (3.9 to 3.11; older ones name no projects, newer ones
/// pip alone).
pub(super) fn drop_setuptools(text: &str) -> Result<String, NotUnderstood> {
    let python = Python::read(text).map_err(|NotPython { line }| {
        NotUnderstood::new(format!("line {line} is not Python as far as it was read"))
    })?;
    let uses: Vec<usize> = (0..python.len())
        .filter(|index| python.string(*index) == Some("setuptools"))
        .collect();
    let assignments = python.assignments("CORE_VENV_DEPS");
    match (&uses[..], &assignments[..]) {
        ([], _) => Ok(text.to_owned()),
        ([index], [list]) if list.value.contains(index) => {
            let mut edits = Edits::default();
            edits.replace(
                python.span(list.value.clone()),
                without_setuptools(&python, list)?,
            );
            Ok(edits.apply(text))
        }
        _ => Err(NotUnderstood::missing(
            "`CORE_VENV_DEPS = ('pip', 'setuptools')` line that alone names setuptools",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::drop_setuptools;

    #[test]
    fn only_the_list_of_projects_changes() {
        let text = "# setuptools\nCORE_VENV_DEPS = ('pip', 'setuptools')  # 'setuptools'\nx = 1\n";
        assert_eq!(
            drop_setuptools(text).unwrap(),
            "# setuptools\nCORE_VENV_DEPS = ('pip',)  # 'setuptools'\nx = 1\n"
        );
    }

    #[test]
    fn a_venv_that_does_not_name_it_stays() {
        for text in [
            "cmd = ['-Im', 'ensurepip']\n",
            "CORE_VENV_DEPS = ('pip',)\n",
        ] {
            assert_eq!(drop_setuptools(text).unwrap(), text);
        }
    }

    #[test]
    fn another_use_is_said_to_be_unknown() {
        let text = "CORE_VENV_DEPS = ('pip', 'setuptools')\ninstall('setuptools')\n";
        assert!(
            drop_setuptools(text)
                .unwrap_err()
                .to_string()
                .contains("CORE_VENV_DEPS")
        );
        assert!(drop_setuptools("DEPS = ['setuptools']\n").is_err());
    }
}
