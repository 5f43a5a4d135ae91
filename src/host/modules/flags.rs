//! The compiler flags of each library.

use std::path::Path;

use super::configure_args::{
    OPENSSL_DIR, knows_openssl_dir, knows_openssl_rpath, value_of, with_option,
};
use super::requirements::Requirements;
use crate::host::module_probes::Probe;
use crate::host::packages::Capability;
use crate::plan::version::PythonVersion;

/// Whether an OpenSSL has its libraries only in `lib64`. CPython searches `lib`, and would combine
/// these headers with the system's libraries.
fn is_only_in_lib64(dir: &str) -> bool {
    let has_libssl = |folder: &str| {
        let folder = Path::new(dir).join(folder);
        folder.join("libssl.so").exists() || folder.join("libssl.a").exists()
    };
    !has_libssl("lib") && has_libssl("lib64")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

impl<'a> Requirements<'a> {
    pub(super) fn openssl_dir(self) -> Option<&'a str> {
        value_of(self.configure_args, OPENSSL_DIR)
    }

    /// Whether the run path of OpenSSL's libraries has to be set with `--with-openssl-rpath`, which
    /// is not given.
    pub(super) fn lacks_openssl_rpath(self) -> bool {
        self.openssl_dir().is_some()
            && knows_openssl_rpath(self.python)
            && with_option(self.configure_args, "openssl-rpath").is_none()
    }

    /// The macros for a [`Probe`]'s program.
    pub(super) fn release_flags(self) -> Vec<String> {
        let patches = self.compat.patches_for(self.python).into_iter();
        let macros = patches.map(|name| format!("-DFIXED_BY_{}", name.replace(['-', '.'], "_")));
        std::iter::once(format!("-DPYTHON_HEX={}", hex(self.python)))
            .chain(macros)
            .collect()
    }

    /// The flags to try, in order: those of the probe, or those of the arguments of `configure`.
    pub(super) fn default_flags(self, probe: &Probe) -> Vec<Vec<String>> {
        let args = self.configure_args;
        match probe.capability {
            Capability::OpenSsl => {
                if let Some(dir) = self.openssl_dir() {
                    if is_only_in_lib64(dir) {
                        // The program's `#error` explains it.
                        return vec![words("-DLIBSSL_IN_LIB64")];
                    }
                    return vec![vec![
                        // By its full path: the system's headers must not be used instead.
                        format!("-include{dir}/include/openssl/ssl.h"),
                        format!("-I{dir}/include"),
                        format!("-L{dir}/lib"),
                        "-lssl".to_owned(),
                        "-lcrypto".to_owned(),
                    ]];
                }
            }
            Capability::Readline => {
                if let Some("edit" | "editline") = with_option(args, "readline") {
                    return vec![words("-DWITH_EDITLINE -ledit")];
                }
            }
            Capability::Tk => {
                if let Some(includes) = value_of(args, "--with-tcltk-includes=")
                    && let Some(libraries) = value_of(args, "--with-tcltk-libs=")
                {
                    return vec![[words(includes), words(libraries)].concat()];
                }
            }
            _ => {}
        }
        probe.flags.iter().map(|flags| words(flags)).collect()
    }

    /// The flags that pybuild passes because CPython's build does not handle `--with-openssl=DIR`
    /// completely: it has the option from 3.7 on, and `--with-openssl-rpath` from 3.10 on.
    pub(super) fn pybuild_flags(self, probe: &Probe) -> Vec<String> {
        let is_openssl = probe.capability == Capability::OpenSsl;
        let Some(dir) = self.openssl_dir().filter(|_| is_openssl) else {
            return Vec::new();
        };
        if knows_openssl_rpath(self.python) {
            return Vec::new();
        }
        let mut flags = vec![format!("-Wl,-rpath,{dir}/lib")];
        if !knows_openssl_dir(self.python) {
            flags.extend([format!("-I{dir}/include"), format!("-L{dir}/lib")]);
        }
        flags
    }

    /// The run path of OpenSSL's libraries, as CPython's build or pybuild will set it; `words` are
    /// the flags of the library.
    pub(super) fn run_path(self, probe: &Probe, words: &[String]) -> Vec<String> {
        if probe.capability != Capability::OpenSsl || !knows_openssl_rpath(self.python) {
            let mut flags = self.pybuild_flags(probe);
            flags.retain(|flag| flag.starts_with("-Wl,"));
            return flags;
        }
        let rpath = |folder: &str| format!("-Wl,-rpath,{folder}");
        match with_option(self.configure_args, "openssl-rpath") {
            None | Some("no") => Vec::new(),
            Some("auto" | "yes") => {
                let folders = words.iter().filter_map(|word| word.strip_prefix("-L"));
                folders.map(rpath).collect()
            }
            Some(folder) => vec![rpath(folder)],
        }
    }

    /// Whether an argument of `configure` names the library, so that no other one is used.
    pub(super) fn names_library_of(self, probe: &Probe) -> bool {
        let start = match probe.capability {
            Capability::OpenSsl => OPENSSL_DIR,
            Capability::Readline => "--with-readline=edit",
            Capability::Tk => "--with-tcltk-",
            _ => return false,
        };
        let mut arguments = self.configure_args.iter();
        arguments.any(|argument| argument.starts_with(start))
    }
}

/// `0x030B02` for 3.11.2.
pub(super) fn hex(python: PythonVersion) -> String {
    let version = python.to_pep440();
    let parts = version.release().iter().take(3);
    let number = parts.fold(0, |number, part| number << 8 | (part & 0xff));
    format!("0x{number:06X}")
}
