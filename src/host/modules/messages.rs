//! The reason why a module cannot be built, and the hint for a library that is not found at run time.

use std::path::Path;

use super::found::MissingModule;
use super::requirements::Requirements;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::{Cause, Complaint};
use crate::host::module_probes::Probe;
use crate::host::packages::Capability;

impl Requirements<'_> {
    /// The module of `probe`, with the reason from the compiler's complaint.
    pub(super) fn missing(self, probe: &Probe, complaint: Complaint) -> MissingModule {
        // `no ndbm.h` is the only `#error` that a package fixes.
        let is_own = matches!(&complaint.cause, Cause::Own(text) if !text.starts_with("no "));
        let why = match complaint.cause {
            Cause::NoHeader(header) => format!("no {header}"),
            Cause::NoLibrary(library) => format!("no library -l{library}"),
            Cause::Own(text) => text,
            Cause::NoSymbol => "its library lacks functions that the module calls".to_owned(),
            Cause::DoesNotRun | Cause::NoBinutils | Cause::Other => complaint.line.clone(),
        };
        MissingModule {
            module: probe.name(),
            why,
            detail: complaint.line,
            feature: probe.feature,
            capability: probe.capability,
            unsuitable: is_own || self.names_library_of(probe),
            at_run_time: None,
            need: self.need(probe),
        }
    }

    /// The hint for a library that is linked, but not found at run time; `line` is the loader's
    /// message, and `words` are the flags of the library.
    pub(super) fn run_time_hint(
        self,
        probe: &Probe,
        line: &str,
        words: &[String],
        environment: &BuildEnvironment,
    ) -> String {
        let end = |c: char| c.is_whitespace() || matches!(c, ':' | '\'' | '"' | '(' | ')');
        let Some(library) = line.split(end).find(|word| word.contains(".so")) else {
            return "check that the library is made for this host, or name another one with CPPFLAGS and LDFLAGS"
                .to_owned();
        };
        if probe.capability == Capability::OpenSsl && self.lacks_openssl_rpath() {
            return "add `--configure-arg=--with-openssl-rpath=auto`, so that the interpreter finds the library"
                .to_owned();
        }
        let linker_flags = environment.words("LDFLAGS");
        let named = words.iter().chain(&linker_flags);
        let named = named.filter_map(|word| word.strip_prefix("-L"));
        let listed = environment.variable("LIBRARY_PATH").into_iter();
        let mut folders = named.chain(listed.flat_map(|folders| folders.split(':')));
        let name = Path::new(library).file_name().unwrap_or_default();
        match folders.find(|folder| Path::new(folder).join(name).exists()) {
            Some(folder) => format!(
                "add `-Wl,-rpath,{folder}` to LDFLAGS, so that the interpreter finds {library}"
            ),
            None => format!(
                "add `-Wl,-rpath,DIR` to LDFLAGS, with the folder of {library} as DIR, so that the interpreter finds it"
            ),
        }
    }
}
