//! The search for libraries: a small program for each is compiled, linked and run.

use std::collections::BTreeSet;
use std::iter::once_with;
use std::path::Path;

use super::found::{HostModules, MissingModule, PresentModule};
use super::requirements::Requirements;
use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::{Cause, CompileProbe, Complaint, Flags, ProbeError};
use crate::host::module_probes::{Probe, RUNTIME_MARK, VERSION_END, VERSION_MARK};
use crate::host::toolchain::{Toolchain, ToolchainError};
use crate::parallel::in_parallel;
use crate::process::Command;

/// Searches every library in parallel; `scratch` is the folder for the programs. An absent library is
/// not an error.
pub fn find(
    requirements: Requirements<'_>,
    toolchain: &Toolchain,
    environment: &BuildEnvironment,
    scratch: &Path,
) -> Result<HostModules, ToolchainError> {
    let pkg_config = toolchain.pkg_config.as_ref();
    let pkg_config = pkg_config.map(|program| program.path.as_path());
    let probe = CompileProbe {
        compiler: &toolchain.compiler.words,
        environment,
        folder: scratch,
    };
    let finder = Finder::new(requirements, pkg_config, probe);
    let probes: Vec<&Probe> = requirements.probes().collect();
    let mut modules = HostModules::default();
    for found in in_parallel(&probes, |probe| finder.look_for(probe)) {
        match found? {
            Ok(present) => modules.present.push(present),
            Err(missing) => modules.missing.push(missing),
        }
    }
    Ok(modules)
}

pub(super) struct Finder<'a> {
    requirements: Requirements<'a>,
    release_flags: Vec<String>,
    pkg_config: Option<&'a Path>,
    probe: CompileProbe<'a>,
}

impl<'a> Finder<'a> {
    pub fn new(
        requirements: Requirements<'a>,
        pkg_config: Option<&'a Path>,
        probe: CompileProbe<'a>,
    ) -> Self {
        Self {
            requirements,
            release_flags: requirements.release_flags(),
            pkg_config,
            probe,
        }
    }

    /// The outer error ends the search; the inner one is the answer that the library is missing.
    pub fn look_for(
        &self,
        probe: &Probe,
    ) -> Result<Result<PresentModule, MissingModule>, ToolchainError> {
        let requirements = self.requirements;
        let source = probe.source();
        let by_default = requirements.default_flags(probe);
        let by_default = by_default.into_iter().map(|words| (words, false));
        let by_pkg_config = once_with(|| self.pkg_config_flags(probe)).flatten();
        let by_pkg_config = by_pkg_config.map(|words| (words, true));
        // In the order of CPython's configure, so that it finds the same library.
        let pkg_config_first = requirements.python.series() >= probe.pkg_config_first;
        let attempts: Box<dyn Iterator<Item = _>> = if pkg_config_first {
            Box::new(by_pkg_config.chain(by_default))
        } else {
            Box::new(by_default.chain(by_pkg_config))
        };
        let mut complaint = None;
        for (words, from_pkg_config) in attempts {
            let run_path = requirements.run_path(probe, &words);
            let flags = self.split(&words, &run_path);
            let program = match self.probe.build(probe.name(), &source, &flags) {
                Ok(program) => program,
                Err(ProbeError::Failed(error)) => return Err(error),
                Err(ProbeError::Rejected(new)) => {
                    // An `#error` of the program is clearer than a library that is not found.
                    if complaint.is_none() || matches!(new.cause, Cause::Own(_)) {
                        complaint = Some(new);
                    }
                    continue;
                }
            };
            // CPython's build takes this library, so no other one is tried.
            return Ok(match self.probe.run(&program) {
                Ok(output) => {
                    let flags = if from_pkg_config && !pkg_config_first {
                        folder_flags(words)
                    } else {
                        requirements.pybuild_flags(probe)
                    };
                    Ok(present(probe, &program, &output, flags))
                }
                Err(complaint) => {
                    let line = &complaint.line;
                    let environment = self.probe.environment;
                    let hint = requirements.run_time_hint(probe, line, &words, environment);
                    Err(MissingModule {
                        unsuitable: true,
                        at_run_time: Some(hint),
                        ..requirements.missing(probe, complaint)
                    })
                }
            });
        }
        let complaint = complaint.unwrap_or(Complaint {
            line: "its library was not searched".to_owned(),
            cause: Cause::Other,
        });
        Ok(Err(requirements.missing(probe, complaint)))
    }

    /// The flags for the compiler, and those for the linker.
    fn split(&self, words: &[String], run_path: &[String]) -> Flags {
        let is_for_linker = |word: &String| {
            ["-l", "-L", "-Wl,", "-framework", "-pthread"]
                .iter()
                .any(|start| word.starts_with(start))
        };
        let words = words.iter().chain(run_path).cloned();
        let (link, compile): (Vec<_>, Vec<_>) = words.partition(is_for_linker);
        Flags {
            compile: [self.release_flags.as_slice(), &compile].concat(),
            link,
        }
    }

    /// The flags by pkg-config; `None` if it does not know the library, or must not be asked.
    fn pkg_config_flags(&self, probe: &Probe) -> Option<Vec<String>> {
        if self.requirements.names_library_of(probe) || probe.pkg_config.is_empty() {
            return None;
        }
        let answer = Command::new(self.pkg_config?, self.probe.folder)
            .with_variables(self.probe.environment.variables())
            .with_arguments(["--cflags", "--libs"])
            .with_arguments(probe.pkg_config.split(' '))
            .read()
            .ok()?;
        let words = answer.stdout.split_whitespace().map(ToOwned::to_owned);
        answer.status.success().then(|| words.collect())
    }
}

fn present(probe: &Probe, program: &Path, output: &str, flags: Vec<String>) -> PresentModule {
    let bytes = fs_err::read(program).unwrap_or_default();
    let library = embedded_version(&bytes);
    let at_run_time = output.split_once(RUNTIME_MARK);
    let at_run_time = at_run_time.map(|(_, version)| version.trim().to_owned());
    PresentModule {
        module: probe.name(),
        library_at_run_time: at_run_time.filter(|version| {
            !version.is_empty() && library.as_ref().is_some_and(|library| library != version)
        }),
        library,
        sonames: sonames(&bytes),
        flags,
    }
}

/// The flags that name folders of headers and libraries.
fn folder_flags(mut words: Vec<String>) -> Vec<String> {
    let starts = ["-I", "-L", "-Wl,-rpath", "-Wl,-R"];
    words.retain(|word| starts.iter().any(|start| word.starts_with(start)));
    words
}

/// The libraries of a probe's program but the C library. Its string table has their names, each between
/// two zero bytes.
fn sonames(program: &[u8]) -> BTreeSet<String> {
    let texts = program.split(|byte| *byte == 0);
    let names = texts.filter_map(|text| std::str::from_utf8(text).ok());
    names
        .filter(|text| text.starts_with("lib") && text.contains(".so"))
        .filter(|name| !name.contains('/') && !name.starts_with("libc.so"))
        .map(ToOwned::to_owned)
        .collect()
}

/// The version that a probe's program contains.
fn embedded_version(program: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(program);
    let (_, rest) = text.split_once(VERSION_MARK)?;
    let (version, _) = rest.split_once(VERSION_END)?;
    Some(version.trim().to_owned()).filter(|version| !version.is_empty())
}
