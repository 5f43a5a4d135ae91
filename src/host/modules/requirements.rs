//! The part of a request that decides which libraries the host must have.

use super::configure_args::leaves_out_readline;
use super::found::Need;
use crate::host::module_probes::{PROBES, Probe};
use crate::host::packages::Capability;
use crate::plan::ModulePolicy;
use crate::plan::compat::CompatPolicy;
use crate::plan::version::PythonVersion;

#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    pub python: PythonVersion,
    pub modules: &'a ModulePolicy,
    /// `--configure-arg`, in order: some of them name the folder of a library.
    pub configure_args: &'a [String],
    /// The patches that may make a library usable for the release.
    pub compat: &'a CompatPolicy,
}

impl Requirements<'_> {
    /// The probes of the modules that will be built.
    pub(super) fn probes(self) -> impl Iterator<Item = &'static Probe> {
        PROBES.iter().filter(move |probe| {
            probe.applies_to(self.python, self.configure_args)
                && !(probe.name() == "readline" && leaves_out_readline(self.configure_args))
                && !self.modules.left_out.contains(probe.name())
        })
    }

    pub(super) fn need(self, probe: &Probe) -> Need {
        let any = |is_it: &dyn Fn(&str) -> bool| probe.names.iter().any(|name| is_it(name));
        let waived = any(&|name| self.modules.may_be_missing.contains(name));
        let essential = any(&|name| ModulePolicy::ESSENTIAL.contains(&name));
        if any(&|name| self.modules.required.contains(name)) || (essential && !waived) {
            Need::Required
        } else if waived {
            Need::Waived
        } else {
            Need::Wanted
        }
    }

    /// All that the modules need, for a host that cannot be probed yet.
    pub fn capabilities(self) -> Vec<Capability> {
        self.probes()
            .filter(|probe| self.need(probe) != Need::Waived)
            .map(|probe| probe.capability)
            .collect()
    }
}

/// The usual name of a module: `sqlite3` for `_sqlite3`. An unknown name is returned unchanged.
pub fn canonical_name(module: &str) -> &str {
    let mut probes = PROBES.iter();
    match probes.find(|probe| probe.names.contains(&module)) {
        Some(probe) => probe.name(),
        None => module,
    }
}

/// The names of a module, its extension modules among them: `sqlite3` and `_sqlite3`.
pub fn names_of(module: &str) -> Vec<&str> {
    let mut probes = PROBES.iter();
    match probes.find(|probe| probe.names.contains(&module)) {
        Some(probe) => probe.names.to_vec(),
        None => vec![module],
    }
}
