//! Describes the installation that a build will replace, and the differences.

use std::collections::BTreeSet;

use super::check_report::named_pip;
use super::record::{self, Record};
use crate::plan::{Draft, are_recorded_alike};

/// Describes each installation that the build of `draft` replaces, in one line.
#[must_use]
pub fn describe(draft: &Draft) -> Vec<String> {
    let prefix = draft.prefix().path();
    // The commit reports one that cannot be read.
    let installed = record::installed(prefix).unwrap_or_default();
    let of_series = installed
        .into_iter()
        .filter(|version| version.series() == draft.python().series());
    of_series
        .map(|version| match record::read_in(prefix, version) {
            Some(record) => format!(
                "replaces CPython {version} with {}, built {}: {}",
                named_pip(record.checks.pip.as_deref()),
                record.finished.strftime("%Y-%m-%d"),
                list(&differences(&record, draft))
            ),
            None => {
                format!("replaces CPython {version}, whose record this pybuild does not understand")
            }
        })
        .collect()
}

fn list(differences: &[String]) -> String {
    match differences {
        [] => "the options are the same".to_owned(),
        [one] => format!("only {one} is different"),
        several => format!("{} are different", several.join(", ")),
    }
}

/// The options that differ, as the user gives them.
fn differences(old: &Record, new: &Draft) -> Vec<String> {
    let plan = &old.plan;
    let (before, now) = (plan.request(), new.request());
    let same = [
        ("the version", plan.python() == new.python()),
        ("pip", are_recorded_alike(&plan.pins().pip, &new.pins().pip)),
        (
            "setuptools",
            are_recorded_alike(&plan.pins().setuptools, &new.pins().setuptools),
        ),
        (
            "--optimize",
            before.build.optimization == now.build.optimization,
        ),
        ("--enable-shared", before.build.library == now.build.library),
        (
            "--debug-info",
            before.build.debug_info == now.build.debug_info,
        ),
        ("--patch", before.patches == now.patches),
        ("--wheel", before.wheels == now.wheels),
        ("--no-compat-patch", before.compat == now.compat),
        ("--source", are_recorded_alike(&before.source, &now.source)),
        ("--unversioned-links", plan.names() == new.names()),
        ("--sha256", before.sha256 == now.sha256),
        ("--verify", before.proofs.verify == now.proofs.verify),
        ("--keyring", before.proofs.keyrings == now.proofs.keyrings),
        ("--require", before.modules.required == now.modules.required),
        (
            "--without-module",
            before.modules.left_out == now.modules.left_out,
        ),
        (
            "--allow-missing",
            before.modules.may_be_missing == now.modules.may_be_missing,
        ),
    ];
    let named = same.into_iter().filter(|(_, same)| !same);
    let mut differences: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
    let arguments = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
    let (args_before, args_now) = (&before.build.configure_args, &now.build.configure_args);
    let changed = arguments(args_before)
        .symmetric_difference(&arguments(args_now))
        .cloned()
        .collect::<Vec<_>>();
    if changed.is_empty() && args_before != args_now {
        differences.push("the order of --configure-arg".to_owned());
    }
    differences.extend(changed);
    let environment = old.environment();
    let variables: BTreeSet<&String> = environment.keys().chain(new.environment().keys()).collect();
    differences.extend(
        variables
            .into_iter()
            // It differs from shell to shell.
            .filter(|name| *name != "PATH")
            .filter(|name| environment.get(*name) != new.environment().get(*name))
            .cloned(),
    );
    // Another spelling of the same request is another request.
    if differences.is_empty() {
        let words = [
            ("the VERSION asked for", before.python == now.python),
            ("the SPEC of --pip", before.pip == now.pip),
            (
                "the SPEC of --setuptools",
                before.setuptools == now.setuptools,
            ),
        ];
        let words = words.into_iter().filter(|(_, same)| !same);
        differences.extend(words.map(|(name, _)| name.to_owned()));
    }
    differences
}
