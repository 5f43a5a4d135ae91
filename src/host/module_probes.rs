//! The modules of the standard library that need a library of the host, and a program to find each.

use crate::host::packages::Capability;
use crate::plan::version::PythonVersion;

/// The search for a module's library: a small program that uses it, and the flags to link it.
///
/// The program consists of its includes, the symbols whose addresses it takes, and the library's
/// version as a string literal. `PYTHON_HEX` is defined as in `sys.hexversion` without the last byte
/// (`0x030B02` for 3.11.2), so that a program can reject a library that is too old, with an `#error`.
/// `FIXED_BY_name` is defined for each of pybuild's own patches that may be applied to the release.
#[derive(Debug)]
pub struct Probe {
    /// The usual name first, then others, such as the extension module's.
    pub names: &'static [&'static str],
    /// The first series that has the module, and the first one after it was removed.
    pub series: ((u32, u32), (u32, u32)),
    pub capability: Capability,
    /// The feature that an interpreter without the module lacks.
    pub feature: &'static str,
    /// Preprocessor lines.
    pub includes: &'static str,
    /// Functions that the library must have.
    pub symbols: &'static [&'static str],
    /// The library's version, as string literals.
    pub version: &'static str,
    /// An expression for the library's version at run time; may be empty.
    pub runtime_version: &'static str,
    /// The flags to try without pkg-config: `-I` and `-l`.
    pub flags: &'static [&'static str],
    /// The library's names for pkg-config.
    pub pkg_config: &'static str,
    /// The first series whose configure asks pkg-config before it searches itself.
    pub pkg_config_first: (u32, u32),
}

const END: (u32, u32) = (u32::MAX, 0);

const DEFAULT: Probe = Probe {
    names: &[],
    series: ((0, 0), END),
    capability: Capability::Zlib,
    feature: "",
    includes: "",
    symbols: &[],
    version: "\"\"",
    runtime_version: "",
    flags: &[],
    pkg_config: "",
    // Never.
    pkg_config_first: END,
};

/// Macros that make a string literal of a number.
const TEXT: &str = "#define TEXT_OF(x) #x\n#define TEXT(x) TEXT_OF(x)\n";

/// The marks around the version in the bytes of a program.
pub(super) const VERSION_MARK: &str = "pybuild:version=";
pub(super) const VERSION_END: &str = ";end";

/// The mark before the run-time version in a program's output.
pub(super) const RUNTIME_MARK: &str = "pybuild:runtime=";

/// All probes, in the order in which users see the modules.
pub static PROBES: [Probe; 15] = [
    Probe {
        names: &["zlib"],
        capability: Capability::Zlib,
        feature: "no wheels, no zip files, no gzip",
        includes: "#include <zlib.h>",
        symbols: &["inflateInit2_", "inflateCopy"],
        version: "ZLIB_VERSION",
        flags: &["-lz"],
        pkg_config: "zlib",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["ssl", "_ssl", "_hashlib"],
        capability: Capability::OpenSsl,
        feature: "no https, so no package index for pip",
        includes: include_str!("probes/ssl.h"),
        symbols: &["SSL_CTX_new", "EVP_DigestUpdate"],
        version: "OPENSSL_VERSION_TEXT",
        runtime_version: "LIBRARY_VERSION",
        flags: &["-lssl -lcrypto"],
        pkg_config: "openssl",
        pkg_config_first: (3, 7),
        ..DEFAULT
    },
    Probe {
        names: &["ctypes", "_ctypes"],
        // Releases before 3.7 include libffi (bpo-27979).
        series: ((3, 7), END),
        capability: Capability::Libffi,
        feature: "no calls of C libraries, and less of uuid and multiprocessing",
        includes: include_str!("probes/ctypes.h"),
        symbols: &["ffi_call", "ffi_prep_cif"],
        flags: &["-lffi"],
        pkg_config: "libffi",
        pkg_config_first: (0, 0),
        ..DEFAULT
    },
    Probe {
        names: &["bz2", "_bz2"],
        capability: Capability::Bzip2,
        feature: "no .bz2 files",
        includes: "#include <stdio.h>\n#include <bzlib.h>",
        symbols: &["BZ2_bzCompress", "BZ2_bzDecompress"],
        flags: &["-lbz2"],
        pkg_config: "bzip2",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["lzma", "_lzma"],
        series: ((3, 3), END),
        capability: Capability::Lzma,
        feature: "no .xz files",
        includes: "#include <lzma.h>",
        symbols: &["lzma_easy_encoder", "lzma_stream_decoder"],
        version: "LZMA_VERSION_STRING",
        flags: &["-llzma"],
        pkg_config: "liblzma",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["compression.zstd", "_zstd"],
        series: ((3, 14), END),
        capability: Capability::Zstd,
        feature: "no .zst files",
        includes: include_str!("probes/zstd.h"),
        symbols: &["ZSTD_compressStream2", "ZDICT_trainFromBuffer"],
        version: "ZSTD_VERSION_STRING",
        flags: &["-lzstd"],
        pkg_config: "libzstd",
        pkg_config_first: (3, 14),
        ..DEFAULT
    },
    Probe {
        names: &["sqlite3", "_sqlite3", "dbm.sqlite3"],
        capability: Capability::Sqlite,
        feature: "no SQLite databases",
        includes: include_str!("probes/sqlite3.h"),
        symbols: &["sqlite3_open_v2", "sqlite3_prepare_v2"],
        version: "SQLITE_VERSION",
        flags: &["-lsqlite3"],
        pkg_config: "sqlite3",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["readline"],
        capability: Capability::Readline,
        feature: "no line editing and history at the interactive prompt",
        includes: include_str!("probes/readline.h"),
        symbols: &["readline", "add_history", "rl_callback_handler_install"],
        // A static readline does not name its terminal library.
        flags: &[
            "-lreadline",
            "-lreadline -lncursesw",
            "-lreadline -lncurses",
        ],
        pkg_config: "readline",
        pkg_config_first: (3, 12),
        ..DEFAULT
    },
    Probe {
        names: &["curses", "_curses", "curses.panel", "_curses_panel"],
        capability: Capability::Ncurses,
        feature: "no programs that draw on a terminal",
        includes: include_str!("probes/curses.h"),
        symbols: &["initscr", "wgetch", "new_panel"],
        version: "NCURSES_VERSION",
        flags: &[
            "-lpanelw -lncursesw",
            "-lpanel -lncurses",
            "-lpanel -lcurses",
        ],
        pkg_config: "panelw ncursesw",
        pkg_config_first: (3, 12),
        ..DEFAULT
    },
    Probe {
        names: &["tkinter", "_tkinter", "Tkinter", "turtle", "idlelib"],
        capability: Capability::Tk,
        feature: "no windows, no IDLE, no turtle",
        includes: "#include <tcl.h>\n#include <tk.h>",
        symbols: &["Tcl_FindExecutable", "Tk_Init"],
        version: "TK_PATCH_LEVEL",
        flags: &[
            // Debian's folder of Tcl's headers has the version in its name; setup.py searches it too.
            "-I/usr/include/tcl8.6 -ltk8.6 -ltcl8.6",
            "-ltk8.6 -ltcl8.6",
            "-ltk -ltcl",
        ],
        pkg_config: "tk tcl",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["dbm.gnu", "_gdbm", "gdbm"],
        capability: Capability::Gdbm,
        feature: "no GNU dbm files",
        includes: "#include <gdbm.h>",
        symbols: &["gdbm_open", "gdbm_fetch"],
        version: "TEXT(GDBM_VERSION_MAJOR) \".\" TEXT(GDBM_VERSION_MINOR)",
        flags: &["-lgdbm"],
        pkg_config: "gdbm",
        ..DEFAULT
    },
    Probe {
        names: &["bsddb", "_bsddb", "dbhash"],
        // Removed by PEP 3108.
        series: ((2, 7), (3, 0)),
        capability: Capability::BerkeleyDb,
        feature: "no Berkeley DB files",
        includes: include_str!("probes/bsddb.h"),
        symbols: &["db_create", "db_env_create"],
        version: "TEXT(DB_VERSION_MAJOR) \".\" TEXT(DB_VERSION_MINOR)",
        flags: &["-ldb", "-ldb-5.3", "-ldb-4.8"],
        ..DEFAULT
    },
    Probe {
        names: &["dbm.ndbm", "_dbm"],
        capability: Capability::Ndbm,
        feature: "no ndbm files",
        includes: include_str!("probes/ndbm.h"),
        symbols: &["dbm_open", "dbm_fetch"],
        flags: &["-lgdbm_compat -lgdbm", "-lndbm", "-ldb", ""],
        ..DEFAULT
    },
    Probe {
        names: &["uuid", "_uuid"],
        // bpo-11063.
        series: ((3, 7), END),
        capability: Capability::Uuid,
        feature: "time-based UUIDs that two processes may both make",
        includes: include_str!("probes/uuid.h"),
        symbols: &["uuid_generate_time_safe"],
        flags: &["-luuid", ""],
        pkg_config: "uuid",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
    Probe {
        names: &["crypt", "_crypt"],
        // Removed from 3.13 by PEP 594.
        series: ((0, 0), (3, 13)),
        capability: Capability::Crypt,
        feature: "no hashes of system passwords",
        includes: include_str!("probes/crypt.h"),
        symbols: &["crypt"],
        flags: &["-lcrypt", ""],
        pkg_config: "libxcrypt",
        pkg_config_first: (3, 11),
        ..DEFAULT
    },
];

impl Probe {
    /// The usual name of the module.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// Whether this release has the module and takes its library from the host.
    pub fn applies_to(&self, python: PythonVersion, configure_args: &[String]) -> bool {
        // libffi is the only included library that can be replaced by the host's.
        let host_instead_of_included = self.capability == Capability::Libffi
            && configure_args.iter().any(|arg| arg == "--with-system-ffi");
        let (from, until) = self.series;
        (host_instead_of_included || from <= python.series()) && python.series() < until
    }

    /// The program. Its bytes contain the library's version between two marks, so that the version
    /// can be read without running the program.
    pub fn source(&self) -> String {
        let print_runtime_version = match self.runtime_version {
            "" => String::new(),
            version => format!("    puts(\"{RUNTIME_MARK}\");\n    puts({version});\n"),
        };
        let symbols = self.symbols.iter();
        let symbols = symbols.map(|symbol| format!("(const void *) {symbol}"));
        format!(
            "{includes}\n{TEXT}extern int puts(const char *);\nstatic const char version[] = \"{VERSION_MARK}\" {version} \"{VERSION_END}\";\n\
             int main(int argc, char **argv)\n{{\n    const void *volatile needed[] = {{ {symbols} }};\n    \
             (void) argv;\n{print_runtime_version}    return needed[0] == 0 || version[argc] == '\\0';\n}}\n",
            includes = self.includes,
            version = self.version,
            symbols = symbols.collect::<Vec<_>>().join(", "),
        )
    }
}
