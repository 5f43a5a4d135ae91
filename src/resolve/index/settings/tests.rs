use std::path::Path;

use super::{IndexSettings, PYPI, SystemRoot};
use crate::environment::Environment;

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn with(self, file: &str, text: &str) -> Self {
        let path = self.root().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
        self
    }

    /// The settings with these variables; `ROOT` in a value is the machine's root.
    fn settings(&self, variables: &[(&str, &str)]) -> Result<IndexSettings, String> {
        let root = self.root().to_str().unwrap();
        let home = [("HOME", "ROOT/home")];
        let variables = home
            .iter()
            .chain(variables)
            .map(|(name, value)| (*name, value.replace("ROOT", root)));
        let environment = Environment::with_variables(self.root(), variables);
        IndexSettings::of(None, &environment, &SystemRoot(self.root().to_owned()))
            .map_err(|error| format!("{error:?}"))
    }

    fn index(&self, variables: &[(&str, &str)]) -> String {
        self.settings(variables).unwrap().address.to_string()
    }
}

fn conf(host: &str) -> String {
    format!("[global]\nindex-url = https://{host}.example/simple\n")
}

#[test]
fn pypi_is_the_default() {
    let settings = Machine::new().settings(&[]).unwrap();
    assert_eq!(settings.address.to_string(), PYPI);
    assert_eq!(settings.client.certificates, None);
    assert!(settings.warnings.is_empty());
}

#[test]
fn each_file_overrides_the_one_before() {
    let mut machine = Machine::new();
    let variables = [
        ("VIRTUAL_ENV", "ROOT/venv"),
        ("XDG_CONFIG_HOME", "ROOT/config"),
    ];
    for (place, file) in [
        ("xdg", "etc/xdg/pip/pip.conf"),
        ("etc", "etc/pip.conf"),
        ("legacy", "home/.pip/pip.conf"),
        ("user", "config/pip/pip.conf"),
        ("venv", "venv/pip.conf"),
    ] {
        if cfg!(target_os = "macos") && ["xdg", "user"].contains(&place) {
            continue;
        }
        machine = machine.with(file, &conf(place));
        assert_eq!(
            machine.index(&variables),
            format!("https://{place}.example/simple")
        );
    }
    let with_variable = [
        variables[0],
        variables[1],
        ("PIP_INDEX_URL", "https://env.example/simple"),
    ];
    assert_eq!(machine.index(&with_variable), "https://env.example/simple");
}

#[test]
fn a_named_file_replaces_the_users_own_and_dev_null_all() {
    let machine = Machine::new()
        .with("etc/pip.conf", "[global]\ncert = /etc/own.pem\n")
        .with(
            "home/.pip/pip.conf",
            "[install]\nindex-url = https://user.example\n",
        )
        .with("named.conf", &conf("named"));
    let settings = machine
        .settings(&[("PIP_CONFIG_FILE", "ROOT/named.conf")])
        .unwrap();
    assert_eq!(settings.address.to_string(), "https://named.example/simple");
    assert_eq!(
        settings.client.certificates.as_deref(),
        Some(Path::new("/etc/own.pem"))
    );
    let settings = machine
        .settings(&[("PIP_CONFIG_FILE", "/dev/null")])
        .unwrap();
    assert_eq!(settings.address.to_string(), PYPI);
    assert_eq!(settings.client.certificates, None);
    // A named file that does not exist replaces nothing.
    assert_eq!(
        machine.index(&[("PIP_CONFIG_FILE", "ROOT/none.conf")]),
        "https://user.example/"
    );
}

#[test]
fn a_section_of_a_command_overrides_global_in_any_file() {
    let machine = Machine::new()
        .with(
            "etc/pip.conf",
            "[install]\nindex_url: https://install.example/a#b\n",
        )
        .with("home/.pip/pip.conf", &conf("global"));
    let settings = machine.settings(&[]).unwrap();
    let whole = settings.address.secret_url().as_str();
    assert_eq!(whole, "https://install.example/a#b");
}

#[test]
fn a_setting_that_pybuild_ignores_leads_to_a_warning() {
    let machine = Machine::new().with(
        "etc/pip.conf",
        "[global]\nextra-index-url =\n    https://a.example\n    https://b.example\n\
         cert = ~/own.pem\npre = false\n",
    );
    let settings = machine
        .settings(&[
            ("PIP_TRUSTED_HOST", "h.example"),
            ("PIP_PRE", "1"),
            ("PIP_FIND_LINKS", "ROOT/none"),
            ("PIP_CONFIG_FILE", "ROOT/none.conf"),
        ])
        .unwrap();
    let warnings = settings.warnings.join("\n");
    for named in [
        "extra-index-url in ",
        "PIP_TRUSTED_HOST",
        "PIP_PRE",
        "PIP_FIND_LINKS",
        "PIP_CONFIG_FILE names ",
    ] {
        assert!(warnings.contains(named), "{named}: {warnings}");
    }
    assert_eq!(settings.warnings.len(), 5, "{warnings}");
    assert_eq!(
        settings.client.certificates,
        Some(machine.root().join("home/own.pem"))
    );
}

#[test]
fn no_index_is_read_as_pip_reads_it() {
    for (text, variables, expected) in [
        ("[global]\nno-index = true\n", &[][..], true),
        ("[install]\nNO_INDEX: On\n", &[], true),
        ("[download]\n--no-index=yes\n", &[], true),
        ("[DEFAULT]\nno-index = 1\n[global]\n", &[], true),
        ("[list]\nno-index = 1\n", &[], false),
        ("[Global]\nno-index = 1\n", &[], false),
        (
            "[global]\nno-index = 1\n[install]\nno-index = off\n",
            &[],
            false,
        ),
        ("[global]\nno-index = 1\n[install]\nno-index =\n", &[], true),
        ("[global]\nno-index = 1\n", &[("PIP_NO_INDEX", "0")], false),
        ("[global]\nno-index = 1\n", &[("PIP_NO_INDEX", "")], true),
        ("", &[("PIP_No_Index", "t")], true),
    ] {
        let machine = Machine::new().with("etc/pip.conf", text);
        let settings = machine.settings(variables).unwrap();
        assert_eq!(
            settings.no_index.is_some(),
            expected,
            "{text} {variables:?}"
        );
    }
    // An empty value in a stronger file resets the value of a weaker one.
    let machine = Machine::new()
        .with("etc/pip.conf", "[global]\nno-index = 1\n")
        .with("home/.pip/pip.conf", "[global]\nno-index =\n");
    assert_eq!(machine.settings(&[]).unwrap().no_index, None);
    let error = Machine::new().settings(&[("PIP_NO_INDEX", "maybe")]);
    assert!(error.unwrap_err().contains("PIP_NO_INDEX"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = Machine::new().with("etc/pip.conf/file", "");
    assert!(folder.settings(&[]).unwrap_err().contains("pip.conf"));
    let path = "etc/pip.conf";
    for bytes in [
        &b"\xff\xfe[\0"[..],
        b"[global]\n# \xe9\n",
        b"\xef\xbb\xbf[global]\n",
    ] {
        let machine = Machine::new().with(path, "");
        fs_err::write(machine.root().join(path), bytes).unwrap();
        assert!(machine.settings(&[]).unwrap_err().contains("pip.conf"));
    }
}

#[test]
fn a_restriction_is_a_limit_or_a_refusal() {
    let refused = |text: &str, project: &str| {
        let machine = Machine::new().with("etc/pip.conf", text);
        let settings = machine.settings(&[]).unwrap();
        settings.restrictions.refusal(project).is_some()
    };
    for text in [
        "[global]\nno-binary = :all:\n",
        "[install]\nno-binary = six,Pip\n",
        "[global]\nno-binary = :none:,:all:\nonly-binary = six\n",
        "[global]\nrequire-hashes = true\n",
        "[global]\nuploaded-prior-to = P7D\n",
        "[global]\nconstraint = /none.txt\n",
    ] {
        assert!(refused(text, "pip"), "{text}");
    }
    for text in [
        "[global]\nno-binary = setuptools\n",
        "[global]\nno-binary = :all:,:none:\n",
        "[global]\nno-binary = :all:\nonly-binary = pip\n",
        "[global]\nonly-binary = :all:\nprefer-binary = true\n",
        "[global]\nrequire-hashes = no\n",
    ] {
        assert!(!refused(text, "pip"), "{text}");
    }

    let machine = Machine::new().with(
        "c.txt",
        "# all\nsix\nPip <26 # old\nsetuptools<70; python_version < '3'\n",
    );
    let settings = machine
        .settings(&[("PIP_CONSTRAINT", "ROOT/c.txt")])
        .unwrap();
    let restrictions = settings.restrictions;
    let limits: Vec<String> = restrictions
        .limits("pip")
        .map(|limit| limit.specifiers.to_string())
        .collect();
    assert_eq!(limits, ["<26"]);
    assert_eq!(restrictions.refusal("pip"), None);
    assert!(restrictions.refusal("setuptools").is_some());

    let machine = Machine::new().with("etc/pip.conf", "[global]\nonly-final = pip\n");
    let restrictions = machine.settings(&[]).unwrap().restrictions;
    assert!(
        restrictions
            .only_final("pip")
            .unwrap()
            .starts_with("only-final in ")
    );
    assert_eq!(restrictions.only_final("setuptools"), None);
}

#[test]
fn a_proxy_needs_no_scheme_and_shows_no_password() {
    let proxy = |text| {
        let settings = Machine::new().settings(&[("PIP_PROXY", text)]);
        settings.map(|settings| settings.client.proxy.unwrap())
    };
    let found = proxy("me:secret@proxy.example:3128").unwrap();
    assert_eq!(found.address.to_string(), "http://proxy.example:3128/");
    assert_eq!(found.address.secret_url().password(), Some("secret"));
    assert!(!format!("{found:?}").contains("secret"));
    for text in [
        "socks5://me:secret@h.example",
        "http://me:secret@h.example:port",
    ] {
        let error = proxy(text).unwrap_err();
        assert!(
            error.contains("PIP_PROXY") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn an_invalid_setting_is_refused_without_its_password() {
    let error = Machine::new()
        .settings(&[("PIP_INDEX_URL", "ftp://me:secret@h.example/simple")])
        .unwrap_err();
    assert!(
        error.contains("PIP_INDEX_URL") && !error.contains("secret"),
        "{error}"
    );
    let error = Machine::new()
        .with("etc/pip.conf", "[global\nindex-url = x\n")
        .settings(&[])
        .unwrap_err();
    assert!(error.contains("pip.conf"), "{error}");
}
