//! Before compiling: which modules of the standard library this host's libraries are there for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::host::build_environment::BuildEnvironment;
use crate::host::compile_probe::{Cause, CompileProbe, Complaint, Flags, Refusal};
use crate::host::module_probes::{PROBES, Probe, RUNTIME_MARK, VERSION_END, VERSION_MARK};
use crate::host::packages::Capability;
use crate::host::toolchain::{Toolchain, ToolchainError};
use crate::plan::ModulePolicy;
use crate::plan::compat::CompatPolicy;
use crate::plan::version::PythonVersion;
use crate::process::Command;

/// What is going to be built, as far as it decides what the host must have.
#[derive(Debug, Clone, Copy)]
pub struct Requirements<'a> {
    /// The release.
    pub python: PythonVersion,
    /// Which modules have to work.
    pub modules: &'a ModulePolicy,
    /// `--configure-arg`, in order: some of them say where a library is.
    pub configure_args: &'a [String],
    /// Which patches may mend what keeps the release from using a library.
    pub compat: &'a CompatPolicy,
}

/// What was found, and what was not.
#[derive(Debug, Clone, Default)]
pub struct Prerequisites {
    /// The modules that can be built.
    pub present: Vec<PresentModule>,
    /// The modules that cannot.
    pub missing: Vec<MissingModule>,
}

/// A module whose library is there; part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentModule {
    /// Its name, such as `ssl`.
    pub module: String,
    /// The library's version, where its headers say it, such as `OpenSSL 3.0.15 3 Sep 2024`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The version that the library gives at run time, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_at_run_time: Option<String>,
    /// The `-I`, `-L` and `-Wl,` flags that the build has to be told, because the library is where
    /// CPython's own configure does not look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// A module whose library is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingModule {
    /// Its name, such as `ssl`.
    pub module: &'static str,
    /// What is not there, in a few words, such as `no openssl/ssl.h`.
    pub why: String,
    /// The compiler's own line.
    pub detail: String,
    /// What an interpreter without the module cannot do.
    pub feature: &'static str,
    /// What brings it.
    pub capability: Capability,
    /// Whether the host's packages are no help: the library is there, but in a version that this
    /// release cannot use, or a `--configure-arg` says that it is elsewhere.
    pub unsuitable: bool,
    /// The hint for a library that is there but that programs do not find when they run.
    pub at_run_time: Option<String>,
    /// What the person said about it.
    pub need: Need,
}

/// What follows when a module cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The build stops.
    Required,
    /// The build goes on with a warning.
    Wanted,
    /// The build goes on: `--allow-missing` named it.
    Waived,
}

impl Prerequisites {
    /// Looks for every library by compiling and linking a tiny program in `scratch`, as many at a
    /// time as there are processors.
    ///
    /// # Errors
    /// [`ToolchainError`] when the compiler cannot be started or `scratch` cannot be written to; a
    /// library that is not there is no error.
    pub fn probe(
        requirements: Requirements<'_>,
        toolchain: &Toolchain,
        environment: &BuildEnvironment,
        scratch: &Path,
    ) -> Result<Self, ToolchainError> {
        let prober = Prober {
            requirements,
            release_flags: release_flags(requirements),
            pkg_config: toolchain
                .pkg_config
                .as_ref()
                .map(|program| program.path.as_path()),
            probe: CompileProbe {
                compiler: &toolchain.compiler.words,
                environment,
                folder: scratch,
            },
        };
        let modules: Vec<&Probe> = applicable(requirements).collect();
        let mut prerequisites = Self::default();
        for found in in_parallel(&modules, |probe| prober.look_for(probe)) {
            match found? {
                Ok(present) => prerequisites.present.push(present),
                Err(missing) => prerequisites.missing.push(missing),
            }
        }
        Ok(prerequisites)
    }

    /// Tells the build where the libraries are that its configure would not find by itself.
    pub fn complete(&self, environment: &mut BuildEnvironment) {
        let flags = || {
            self.present
                .iter()
                .flat_map(|module| module.flags.iter().map(String::as_str))
        };
        // In these variables and no others does setup.py look for folders, though sysconfig keeps them.
        environment.append("CPPFLAGS", flags().filter(|flag| flag.starts_with("-I")));
        environment.append("LDFLAGS", flags().filter(|flag| flag.starts_with("-L")));
    }

    /// What the standard library's extension modules are linked with, so that they find their libraries
    /// when they run.
    #[must_use]
    pub fn module_link_flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        for flag in self.present.iter().flat_map(|module| &module.flags) {
            if flag.starts_with("-Wl,") && !flags.contains(flag) {
                flags.push(flag.clone());
            }
        }
        flags
    }

    /// The modules that can be built, and so should work.
    #[must_use]
    pub fn modules(&self) -> BTreeSet<&str> {
        let present = self.present.iter();
        present.map(|module| module.module.as_str()).collect()
    }

    /// The version of OpenSSL that `ssl` will be built with, as OpenSSL words it.
    #[must_use]
    pub fn openssl(&self) -> Option<&str> {
        let ssl = self.present.iter().find(|module| module.module == "ssl")?;
        ssl.library.as_deref()
    }

    /// What has to be installed for the modules that are missing and not waived.
    pub fn lacking(&self) -> impl Iterator<Item = Capability> {
        self.missing
            .iter()
            .filter(|module| module.need != Need::Waived && !module.unsuitable)
            .map(|module| module.capability)
    }
}

/// What the modules of this release need of a host of which nothing is known yet.
#[must_use]
pub fn all_capabilities(requirements: Requirements<'_>) -> Vec<Capability> {
    applicable(requirements)
        .filter(|probe| need(probe, requirements.modules) != Need::Waived)
        .map(|probe| probe.capability)
        .collect()
}

/// The name that a module goes by here: `_sqlite3` is `sqlite3`. An unknown one stays as it is.
#[must_use]
pub fn canonical_name(module: &str) -> &str {
    let goes_by = |probe: &&Probe| probe.names.contains(&module);
    match PROBES.iter().find(goes_by) {
        Some(probe) => probe.name(),
        None => module,
    }
}

fn applicable(requirements: Requirements<'_>) -> impl Iterator<Item = &'static Probe> {
    PROBES.iter().filter(move |probe| {
        probe.applies_to(requirements.python, requirements.configure_args)
            && !(probe.name() == "readline" && leaves_out_readline(requirements.configure_args))
    })
}

fn need(probe: &Probe, policy: &ModulePolicy) -> Need {
    let names = || probe.names.iter().copied();
    let essential = names().any(|name| ModulePolicy::ESSENTIAL.contains(&name));
    let waived = names().any(|name| policy.may_be_missing.contains(name));
    if names().any(|name| policy.required.contains(name)) || (essential && !waived) {
        Need::Required
    } else if waived {
        Need::Waived
    } else {
        Need::Wanted
    }
}

/// Whether the arguments of `configure` leave `readline` out.
#[must_use]
pub fn leaves_out_readline(configure_args: &[String]) -> bool {
    readline(configure_args) == Some("no")
}

/// The value of `--with-readline`, whichever way it is written.
fn readline(configure_args: &[String]) -> Option<&str> {
    configure_args
        .iter()
        .rev()
        .find_map(|argument| match argument.as_str() {
            "--without-readline" => Some("no"),
            _ => argument.strip_prefix("--with-readline="),
        })
}

/// The option that says which OpenSSL.
const OPENSSL_DIR: &str = "--with-openssl";

/// Whether this release's `configure` has `--with-openssl` (bpo-32598). For the others pybuild makes
/// flags of it.
#[must_use]
pub fn knows_openssl_dir(python: PythonVersion) -> bool {
    python.series() >= (3, 7)
}

/// Whether an argument of `configure` is `--with-openssl=DIR`.
#[must_use]
pub fn is_openssl_dir(argument: &str) -> bool {
    argument
        .split_once('=')
        .is_some_and(|(name, _)| name == OPENSSL_DIR)
}

/// Whether an OpenSSL has its libraries in `lib64` alone: CPython looks into `lib`, and would take the
/// system's libraries with the headers of this one.
fn only_in_lib64(dir: &str) -> bool {
    let has_libssl = |folder: &str| {
        let files = ["libssl.so", "libssl.a"];
        let mut files = files
            .map(|file| Path::new(dir).join(folder).join(file))
            .into_iter();
        files.any(|file| file.exists())
    };
    !has_libssl("lib") && has_libssl("lib64")
}

/// The last value that `--name=VALUE` arguments give.
fn value_of<'a>(configure_args: &'a [String], name: &str) -> Option<&'a str> {
    let mut given = configure_args.iter().rev();
    given.find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
}

/// Applies `work` to all items, in as many threads as there are processors; keeps their order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            done.push((index, work(item)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.min(items.len()))
            .map(|_| scope.spawn(worker))
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

struct Prober<'a> {
    requirements: Requirements<'a>,
    /// What every program is told of the release.
    release_flags: Vec<String>,
    pkg_config: Option<&'a Path>,
    probe: CompileProbe<'a>,
}

impl Prober<'_> {
    /// The outer error ends the search; the inner one is the answer that the library is not there.
    fn look_for(
        &self,
        probe: &Probe,
    ) -> Result<Result<PresentModule, MissingModule>, ToolchainError> {
        let source = probe.source();
        let by_itself = || {
            let flags = self.default_flags(probe);
            flags.into_iter().map(|words| (false, words))
        };
        let asked = || {
            let flags = self.pkg_config_flags(probe);
            flags.into_iter().map(|words| (true, words))
        };
        // In the order of CPython's configure, so that the library seen here is the one it takes.
        let asks_first = self.requirements.python.series() >= probe.pkg_config_first;
        let mut first_complaint = None;
        let mut attempt = |(from_pkg_config, words): (bool, Vec<String>)| {
            let run_path = self.run_path(probe, &words);
            let all_words = [words.as_slice(), &run_path].concat();
            match self
                .probe
                .build(probe.name(), &source, &self.flags(&all_words))
            {
                Ok(program) => {
                    let library = embedded_version(&program);
                    let printed = match self.probe.run(&program) {
                        Ok(printed) => printed,
                        // This is the library that CPython's build takes: no other one is tried.
                        Err(complaint) => return Some(Ok(Err((complaint, words)))),
                    };
                    let at_run_time = runtime_version(&printed);
                    Some(Ok(Ok(PresentModule {
                        module: probe.name().to_owned(),
                        library_at_run_time: at_run_time.filter(|version| {
                            library.as_ref().is_some_and(|library| library != version)
                        }),
                        library,
                        flags: if from_pkg_config && !asks_first {
                            let mut words = words;
                            let needed = ["-I", "-L", "-Wl,-rpath", "-Wl,-R"];
                            words.retain(|word| needed.iter().any(|start| word.starts_with(start)));
                            words
                        } else {
                            self.to_be_told(probe)
                        },
                    })))
                }
                Err(Refusal::Compiler(complaint)) => {
                    // The program's own words say more than a library that is not found next.
                    if first_complaint.is_none() || matches!(complaint.cause, Cause::Own(_)) {
                        first_complaint = Some(complaint);
                    }
                    None
                }
                Err(Refusal::NotStarted(source)) => {
                    Some(Err(ToolchainError::CompilerNotStarted(source)))
                }
                Err(Refusal::Folder(source)) => Some(Err(ToolchainError::Folder {
                    dir: self.probe.folder.to_owned(),
                    source,
                })),
            }
        };
        let found = if asks_first {
            asked().chain(by_itself()).find_map(&mut attempt)
        } else {
            by_itself()
                .find_map(&mut attempt)
                .or_else(|| asked().find_map(&mut attempt))
        };
        Ok(match found.transpose()? {
            Some(Ok(present)) => Ok(present),
            Some(Err((complaint, words))) => {
                let hint = self.run_time_hint(probe, &complaint.line, &words);
                Err(MissingModule {
                    unsuitable: true,
                    at_run_time: Some(hint),
                    ..self.missing(probe, Some(complaint))
                })
            }
            None => Err(self.missing(probe, first_complaint)),
        })
    }

    /// Where programs find OpenSSL when they run, as far as CPython's own build or pybuild tells them.
    fn run_path(&self, probe: &Probe, words: &[String]) -> Vec<String> {
        let mut flags = self.to_be_told(probe);
        flags.retain(|flag| flag.starts_with("-Wl,"));
        if probe.capability != Capability::OpenSsl || self.requirements.python.series() < (3, 10) {
            return flags;
        }
        let rpath = |folder: &str| format!("-Wl,-rpath,{folder}");
        match openssl_rpath(self.requirements.configure_args) {
            None | Some("no") => {}
            Some("auto" | "yes") => {
                let folders = words.iter().filter_map(|word| word.strip_prefix("-L"));
                flags.extend(folders.map(rpath));
            }
            Some(folder) => flags.push(rpath(folder)),
        }
        flags
    }

    /// What the user can do about a library that programs do not find when they run.
    fn run_time_hint(&self, probe: &Probe, line: &str, words: &[String]) -> String {
        let end = |c: char| c.is_whitespace() || matches!(c, ':' | '\'' | '"' | '(' | ')');
        let Some(library) = line.split(end).find(|word| word.contains(".so")) else {
            return "see that the library is made for this host, or name another with CPPFLAGS and LDFLAGS"
                .to_owned();
        };
        let args = self.requirements.configure_args;
        let has_rpath = self.requirements.python.series() >= (3, 10);
        if probe.capability == Capability::OpenSsl
            && has_rpath
            && openssl_rpath(args).is_none()
            && value_of(args, OPENSSL_DIR).is_some()
        {
            return "add `--configure-arg=--with-openssl-rpath=auto`, so that the interpreter finds the library"
                .to_owned();
        }
        let of_environment = self.probe.environment.words("LDFLAGS");
        let named = words.iter().chain(&of_environment);
        let named = named
            .filter_map(|word| word.strip_prefix("-L"))
            .map(Path::new);
        let variable = self.probe.environment.variable("LIBRARY_PATH");
        let listed = variable.into_iter().flat_map(|folders| folders.split(':'));
        let mut folders = named.chain(listed.map(Path::new));
        let name = Path::new(library).file_name().unwrap_or_default();
        match folders.find(|folder| folder.join(name).exists()) {
            Some(folder) => format!(
                "add `-Wl,-rpath,{}` to LDFLAGS, so that the interpreter finds {library}",
                folder.display()
            ),
            None => format!(
                "add `-Wl,-rpath,DIR` to LDFLAGS, where DIR is the folder of {library}, so that the interpreter finds it"
            ),
        }
    }

    fn missing(&self, probe: &Probe, complaint: Option<Complaint>) -> MissingModule {
        let unsuitable = self.is_told_where(probe)
            || complaint.as_ref().is_some_and(|complaint| {
                // `no ndbm.h` is the one thing that a program says itself and a package can mend.
                matches!(&complaint.cause, Cause::Own(words) if !words.starts_with("no "))
            });
        let (why, detail) = match complaint {
            None => ("it was not looked for".to_owned(), String::new()),
            Some(Complaint { line, cause }) => (
                match cause {
                    Cause::NoHeader(header) => format!("no {header}"),
                    Cause::NoLibrary(library) => format!("no library -l{library}"),
                    Cause::Own(words) => words,
                    Cause::NoSymbol => "its library lacks what the module calls".to_owned(),
                    Cause::DoesNotRun | Cause::NoBinutils | Cause::Other => line.clone(),
                },
                line,
            ),
        };
        MissingModule {
            module: probe.name(),
            why,
            detail,
            feature: probe.feature,
            capability: probe.capability,
            unsuitable,
            at_run_time: None,
            need: need(probe, self.requirements.modules),
        }
    }

    fn flags(&self, words: &[String]) -> Flags {
        let links = |word: &&String| {
            ["-l", "-L", "-Wl,", "-framework", "-pthread"]
                .iter()
                .any(|start| word.starts_with(start))
        };
        let mut flags = Flags {
            compile: self.release_flags.clone(),
            link: words.iter().filter(links).cloned().collect(),
        };
        flags
            .compile
            .extend(words.iter().filter(|word| !links(word)).cloned());
        flags
    }

    /// What the probe itself knows, or what `configure` is told about that library.
    fn default_flags(&self, probe: &Probe) -> Vec<Vec<String>> {
        let args = self.requirements.configure_args;
        let value = |name| value_of(args, name);
        let split = |text: &str| -> Vec<String> {
            text.split_whitespace().map(ToOwned::to_owned).collect()
        };
        match probe.capability {
            Capability::OpenSsl => {
                if let Some(dir) = value(OPENSSL_DIR) {
                    if only_in_lib64(dir) {
                        // A program with an `#error`: the reason in words.
                        return vec![vec!["-DLIBSSL_IN_LIB64".to_owned()]];
                    }
                    return vec![vec![
                        // By its full name: the system's own headers must not stand in for it.
                        format!("-include{dir}/include/openssl/ssl.h"),
                        format!("-I{dir}/include"),
                        format!("-L{dir}/lib"),
                        "-lssl".to_owned(),
                        "-lcrypto".to_owned(),
                    ]];
                }
            }
            Capability::Readline if matches!(readline(args), Some("edit" | "editline")) => {
                return vec![split("-DWITH_EDITLINE -ledit")];
            }
            Capability::Tk => {
                if let (Some(includes), Some(libraries)) =
                    (value("--with-tcltk-includes"), value("--with-tcltk-libs"))
                {
                    return vec![split(&format!("{includes} {libraries}"))];
                }
            }
            _ => {}
        }
        probe.flags.iter().map(|flags| split(flags)).collect()
    }

    /// What CPython's own build does not make of `--with-openssl=DIR`: it is an option from 3.7 on
    /// (bpo-32598), and only from 3.10 on can the interpreter be told where the library is when it
    /// runs (bpo-43466).
    fn to_be_told(&self, probe: &Probe) -> Vec<String> {
        let series = self.requirements.python.series();
        let dir = value_of(self.requirements.configure_args, OPENSSL_DIR);
        match dir {
            Some(dir) if probe.capability == Capability::OpenSsl && series < (3, 10) => {
                let mut flags = vec![format!("-Wl,-rpath,{dir}/lib")];
                if !knows_openssl_dir(self.requirements.python) {
                    flags.extend([format!("-I{dir}/include"), format!("-L{dir}/lib")]);
                }
                flags
            }
            _ => Vec::new(),
        }
    }

    /// Whether `configure` is told where the library is, so that no other will be taken.
    fn is_told_where(&self, probe: &Probe) -> bool {
        self.requirements.configure_args.iter().any(|argument| {
            let library = match probe.capability {
                Capability::OpenSsl => "--with-openssl=",
                Capability::Readline => "--with-readline=edit",
                Capability::Tk => "--with-tcltk-",
                _ => return false,
            };
            argument.starts_with(library)
        })
    }

    /// What pkg-config says of the library; `None` when it does not know it, or is not to be asked.
    fn pkg_config_flags(&self, probe: &Probe) -> Option<Vec<String>> {
        if self.is_told_where(probe) || probe.pkg_config.is_empty() {
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

/// The macros that a [`Probe`]'s program may ask.
fn release_flags(requirements: Requirements<'_>) -> Vec<String> {
    let Requirements { python, compat, .. } = requirements;
    let fixes = compat.patches_for(python).into_iter();
    let fixes = fixes.map(|name| format!("-DFIXED_BY_{}", name.replace(['-', '.'], "_")));
    std::iter::once(format!("-DPYTHON_HEX={}", hex(python)))
        .chain(fixes)
        .collect()
}

/// `0x030B02` for 3.11.2.
fn hex(python: PythonVersion) -> String {
    let version = python.to_pep440();
    let number = version
        .release()
        .iter()
        .take(3)
        .fold(0, |number, part| number << 8 | (part & 0xff));
    format!("0x{number:06X}")
}

/// The version that the library gave when the program ran.
fn runtime_version(printed: &str) -> Option<String> {
    let (_, version) = printed.split_once(RUNTIME_MARK)?;
    let version = version.trim();
    (!version.is_empty()).then(|| version.to_owned())
}

/// The value of `--with-openssl-rpath`, however it is written (bpo-43466).
fn openssl_rpath(configure_args: &[String]) -> Option<&str> {
    let mut given = configure_args.iter().rev();
    given.find_map(|argument| match argument.as_str() {
        "--with-openssl-rpath" => Some("yes"),
        "--without-openssl-rpath" => Some("no"),
        _ => argument.strip_prefix("--with-openssl-rpath="),
    })
}

/// The version that a probe's program carries.
fn embedded_version(program: &Path) -> Option<String> {
    let bytes = fs_err::read(program).ok()?;
    let mark = VERSION_MARK.as_bytes();
    let start = bytes
        .windows(mark.len())
        .position(|window| window == mark)?
        + mark.len();
    let rest = &bytes[start..];
    let end = rest
        .windows(VERSION_END.len())
        .position(|window| window == VERSION_END.as_bytes())?;
    let version = std::str::from_utf8(&rest[..end]).ok()?.trim();
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod run_time_tests;
