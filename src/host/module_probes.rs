//! Which modules of the standard library need something of the host, and how to see whether it is there.

use crate::host::packages::Capability;
use crate::plan::version::PythonVersion;

/// How a module's library is looked for: a tiny program that uses it, and the ways to link that.
///
/// A program gets its includes, the symbols that it takes the address of, and an expression of
/// string literals that is the library's version. `PYTHON_HEX` is defined as in `sys.hexversion`
/// without the last byte (3.11.2 is `0x030B02`), so that a program can refuse a library that is
/// too old for the release, in its own words; `FIXED_BY_name` is, for each of pybuild's own patches
/// that is for the release and may be applied.
#[derive(Debug)]
pub struct Probe {
    /// The names it goes by, the one people use first; a name of the extension module among them.
    pub names: &'static [&'static str],
    /// The first series that has it, and the first that no longer does.
    pub series: ((u32, u32), (u32, u32)),
    /// What brings it.
    pub capability: Capability,
    /// What an interpreter without it cannot do.
    pub feature: &'static str,
    /// Preprocessor lines.
    pub includes: &'static str,
    /// Functions that have to be there.
    pub symbols: &'static [&'static str],
    /// The library's version, as string literals.
    pub version: &'static str,
    /// The version that the library itself gives at run time, as an expression; empty where it is not
    /// asked.
    pub runtime_version: &'static str,
    /// Ways to compile and link it without pkg-config's help: `-I` and `-l` flags.
    pub flags: &'static [&'static str],
    /// The names that pkg-config knows it under.
    pub pkg_config: &'static str,
    /// From which series on CPython's own configure asks pkg-config before it looks by itself.
    pub pkg_config_first: (u32, u32),
}

const ANY: ((u32, u32), (u32, u32)) = ((0, 0), END);
const END: (u32, u32) = (u32::MAX, 0);
const NEVER: (u32, u32) = END;

/// Where macros with a number become text.
const TEXT: &str = "#define TEXT_OF(x) #x\n#define TEXT(x) TEXT_OF(x)\n";

/// All of them, in the order in which they are named to people.
pub static PROBES: [Probe; 15] = [
    Probe {
        names: &["zlib"],
        series: ANY,
        capability: Capability::Zlib,
        feature: "no wheels, no zip files, no gzip",
        includes: "#include <zlib.h>",
        symbols: &["inflateInit2_", "inflateCopy"],
        version: "ZLIB_VERSION",
        runtime_version: "",
        flags: &["-lz"],
        pkg_config: "zlib",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["ssl", "_ssl", "_hashlib"],
        series: ANY,
        capability: Capability::OpenSsl,
        feature: "no https, so no package index for pip",
        // PEP 644 for 3.10; bpo-31399 for 3.7; bpo-26470 for those before 2.7.13 and 3.5.3, which
        // pybuild has patches for.
        includes: "#ifdef LIBSSL_IN_LIB64
#error \"its lib folder, where CPython looks, has no libssl; its lib64 folder has one\"
#endif
#include <openssl/ssl.h>
#include <openssl/evp.h>
#include <openssl/crypto.h>
#if OPENSSL_VERSION_NUMBER >= 0x10100000L && !defined(LIBRESSL_VERSION_NUMBER)
#define LIBRARY_VERSION OpenSSL_version(OPENSSL_VERSION)
#else
#define LIBRARY_VERSION SSLeay_version(SSLEAY_VERSION)
#endif
#if PYTHON_HEX >= 0x030A00 && OPENSSL_VERSION_NUMBER < 0x10101000L
#error \"CPython 3.10 and later need OpenSSL 1.1.1 or later\"
#elif PYTHON_HEX >= 0x030700 && OPENSSL_VERSION_NUMBER < 0x10002000L
#error \"CPython 3.7 and later need OpenSSL 1.0.2 or later\"
#elif OPENSSL_VERSION_NUMBER >= 0x10100000L && !defined(LIBRESSL_VERSION_NUMBER) && (PYTHON_HEX < 0x02070D || (PYTHON_HEX >= 0x030000 && PYTHON_HEX < 0x030503)) \
    && !defined(FIXED_BY_ssl_openssl_1_1_2_7) && !defined(FIXED_BY_ssl_openssl_1_1_3_4) && !defined(FIXED_BY_ssl_openssl_1_1_3_5)
#error \"CPython before 2.7.13 and 3.5.3 needs OpenSSL 1.0, or the patch ssl-openssl-1.1\"
#endif",
        symbols: &["SSL_CTX_new", "EVP_DigestUpdate"],
        version: "OPENSSL_VERSION_TEXT",
        runtime_version: "LIBRARY_VERSION",
        flags: &["-lssl -lcrypto"],
        pkg_config: "openssl",
        pkg_config_first: (3, 7),
    },
    Probe {
        names: &["ctypes", "_ctypes"],
        // Releases before 3.7 bring their own libffi (bpo-27979).
        series: ((3, 7), END),
        capability: Capability::Libffi,
        feature: "no calls of C libraries; uuid and multiprocessing suffer too",
        includes: "#if defined(__APPLE__) && defined(__has_include)
#if __has_include(<ffi/ffi.h>)
#include <ffi/ffi.h>
#else
#include <ffi.h>
#endif
#else
#include <ffi.h>
#endif",
        symbols: &["ffi_call", "ffi_prep_cif"],
        version: "\"\"",
        runtime_version: "",
        flags: &["-lffi"],
        pkg_config: "libffi",
        pkg_config_first: (0, 0),
    },
    Probe {
        names: &["bz2", "_bz2"],
        series: ANY,
        capability: Capability::Bzip2,
        feature: "no .bz2 files",
        includes: "#include <stdio.h>\n#include <bzlib.h>",
        symbols: &["BZ2_bzCompress", "BZ2_bzDecompress"],
        version: "\"\"",
        runtime_version: "",
        flags: &["-lbz2"],
        pkg_config: "bzip2",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["lzma", "_lzma"],
        series: ((3, 3), END),
        capability: Capability::Lzma,
        feature: "no .xz files",
        includes: "#include <lzma.h>",
        symbols: &["lzma_easy_encoder", "lzma_stream_decoder"],
        version: "LZMA_VERSION_STRING",
        runtime_version: "",
        flags: &["-llzma"],
        pkg_config: "liblzma",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["compression.zstd", "_zstd"],
        series: ((3, 14), END),
        capability: Capability::Zstd,
        feature: "no .zst files",
        // PEP 784.
        includes: "#include <zstd.h>
#include <zdict.h>
#if ZSTD_VERSION_NUMBER < 10405
#error \"compression.zstd needs Zstandard 1.4.5 or later\"
#endif",
        symbols: &["ZSTD_compressStream2", "ZDICT_trainFromBuffer"],
        version: "ZSTD_VERSION_STRING",
        runtime_version: "",
        flags: &["-lzstd"],
        pkg_config: "libzstd",
        pkg_config_first: (3, 14),
    },
    Probe {
        names: &["sqlite3", "_sqlite3", "dbm.sqlite3"],
        series: ANY,
        capability: Capability::Sqlite,
        feature: "no SQLite databases",
        // As their own configure checks.
        includes: "#include <sqlite3.h>
#if PYTHON_HEX >= 0x030D00 && SQLITE_VERSION_NUMBER < 3015002
#error \"CPython 3.13 and later need SQLite 3.15.2 or later\"
#elif PYTHON_HEX >= 0x030B00 && SQLITE_VERSION_NUMBER < 3007015
#error \"CPython 3.11 and later need SQLite 3.7.15 or later\"
#endif",
        symbols: &["sqlite3_open_v2", "sqlite3_prepare_v2"],
        version: "SQLITE_VERSION",
        runtime_version: "",
        flags: &["-lsqlite3"],
        pkg_config: "sqlite3",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["readline"],
        series: ANY,
        capability: Capability::Readline,
        feature: "no line editing and history at the interactive prompt",
        includes: "#include <stdio.h>
#ifdef WITH_EDITLINE
#include <editline/readline.h>
#else
#include <readline/readline.h>
#include <readline/history.h>
#endif",
        symbols: &["readline", "add_history", "rl_callback_handler_install"],
        version: "\"\"",
        runtime_version: "",
        // A static readline does not name the terminal library that it needs.
        flags: &["-lreadline", "-lreadline -lncursesw", "-lreadline -lncurses"],
        pkg_config: "readline",
        pkg_config_first: (3, 12),
    },
    Probe {
        names: &["curses", "_curses", "curses.panel", "_curses_panel"],
        series: ANY,
        capability: Capability::Ncurses,
        feature: "no programs that draw on a terminal",
        includes: "#if defined(__has_include)
#if __has_include(<ncursesw/curses.h>)
#include <ncursesw/curses.h>
#include <ncursesw/panel.h>
#elif __has_include(<ncurses/curses.h>)
#include <ncurses/curses.h>
#include <ncurses/panel.h>
#else
#include <curses.h>
#include <panel.h>
#endif
#else
#include <curses.h>
#include <panel.h>
#endif
#ifndef NCURSES_VERSION
#define NCURSES_VERSION \"\"
#endif",
        symbols: &["initscr", "wgetch", "new_panel"],
        version: "NCURSES_VERSION",
        runtime_version: "",
        flags: &["-lpanelw -lncursesw", "-lpanel -lncurses", "-lpanel -lcurses"],
        pkg_config: "panelw ncursesw",
        pkg_config_first: (3, 12),
    },
    Probe {
        names: &["tkinter", "_tkinter", "Tkinter", "turtle", "idlelib"],
        series: ANY,
        capability: Capability::Tk,
        feature: "no windows, no IDLE, no turtle",
        includes: "#include <tcl.h>\n#include <tk.h>",
        symbols: &["Tcl_FindExecutable", "Tk_Init"],
        version: "TK_PATCH_LEVEL",
        runtime_version: "",
        flags: &[
            // Debian keeps Tcl's headers by version, where CPython's setup.py looks as well.
            "-I/usr/include/tcl8.6 -ltk8.6 -ltcl8.6",
            "-ltk8.6 -ltcl8.6",
            "-ltk -ltcl",
        ],
        pkg_config: "tk tcl",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["dbm.gnu", "_gdbm", "gdbm"],
        series: ANY,
        capability: Capability::Gdbm,
        feature: "no GNU dbm files",
        includes: "#include <gdbm.h>",
        symbols: &["gdbm_open", "gdbm_fetch"],
        version: "TEXT(GDBM_VERSION_MAJOR) \".\" TEXT(GDBM_VERSION_MINOR)",
        runtime_version: "",
        flags: &["-lgdbm"],
        pkg_config: "gdbm",
        pkg_config_first: NEVER,
    },
    Probe {
        names: &["bsddb", "_bsddb", "dbhash"],
        // PEP 3108 took it out.
        series: ((2, 7), (3, 0)),
        capability: Capability::BerkeleyDb,
        feature: "no Berkeley DB files",
        // As setup.py looks for it.
        includes: "#include <db.h>
#if DB_VERSION_MAJOR * 100 + DB_VERSION_MINOR > 503 || DB_VERSION_MAJOR * 100 + DB_VERSION_MINOR < 403
#error \"bsddb needs Berkeley DB 4.3 to 5.3\"
#endif",
        symbols: &["db_create", "db_env_create"],
        version: "TEXT(DB_VERSION_MAJOR) \".\" TEXT(DB_VERSION_MINOR)",
        runtime_version: "",
        flags: &["-ldb", "-ldb-5.3", "-ldb-4.8"],
        pkg_config: "",
        pkg_config_first: NEVER,
    },
    Probe {
        names: &["dbm.ndbm", "_dbm"],
        series: ANY,
        capability: Capability::Ndbm,
        feature: "no ndbm files",
        // Words of its own at the end: gcc 12 says nothing when it includes a header that
        // `__has_include` did not find before.
        includes: "#if defined(__has_include)
#if __has_include(<ndbm.h>)
#include <ndbm.h>
#elif __has_include(<gdbm/ndbm.h>)
#include <gdbm/ndbm.h>
#elif __has_include(<gdbm-ndbm.h>)
#include <gdbm-ndbm.h>
#elif __has_include(<db.h>)
#define DB_DBM_HSEARCH 1
#include <db.h>
#else
#error \"no ndbm.h\"
#endif
#else
#include <ndbm.h>
#endif",
        symbols: &["dbm_open", "dbm_fetch"],
        version: "\"\"",
        runtime_version: "",
        flags: &["-lgdbm_compat -lgdbm", "-lndbm", "-ldb", ""],
        pkg_config: "",
        pkg_config_first: NEVER,
    },
    Probe {
        names: &["uuid", "_uuid"],
        // bpo-11063.
        series: ((3, 7), END),
        capability: Capability::Uuid,
        feature: "time-based UUIDs that two processes may both make",
        includes: "#if defined(__APPLE__)
#define uuid_generate_time_safe uuid_generate_time
#endif
#if defined(__FreeBSD__) || defined(__NetBSD__)
#include <uuid.h>
#define uuid_generate_time_safe uuid_create
#else
#include <uuid/uuid.h>
#endif",
        symbols: &["uuid_generate_time_safe"],
        version: "\"\"",
        runtime_version: "",
        flags: &["-luuid", ""],
        pkg_config: "uuid",
        pkg_config_first: (3, 11),
    },
    Probe {
        names: &["crypt", "_crypt"],
        // PEP 594 took it out of 3.13.
        series: ((0, 0), (3, 13)),
        capability: Capability::Crypt,
        feature: "no hashes of system passwords",
        includes: "#if defined(__has_include)
#if __has_include(<crypt.h>)
#include <crypt.h>
#else
#include <unistd.h>
#endif
#else
#include <crypt.h>
#endif",
        symbols: &["crypt"],
        version: "\"\"",
        runtime_version: "",
        flags: &["-lcrypt", ""],
        pkg_config: "libxcrypt",
        pkg_config_first: (3, 11),
    },
];

impl Probe {
    /// The name that people use.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// Whether this release has the module and leaves its library to the host.
    pub fn applies_to(&self, python: PythonVersion, configure_args: &[String]) -> bool {
        // The only module whose bundled library can be traded for the host's.
        let bundled = self.capability == Capability::Libffi
            && configure_args.iter().any(|arg| arg == "--with-system-ffi");
        let (from, until) = self.series;
        (bundled || from <= python.series()) && python.series() < until
    }

    /// The program to compile. It says the library's version in its own bytes, between two marks,
    /// so that nothing has to be started to learn it.
    pub fn source(&self) -> String {
        let ask_library = match self.runtime_version {
            "" => String::new(),
            version => format!("    puts(\"{RUNTIME_MARK}\");\n    puts({version});\n"),
        };
        format!(
            "{includes}\n{TEXT}extern int puts(const char *);\nstatic const char version[] = \"{VERSION_MARK}\" {version} \"{VERSION_END}\";\n\
             int main(int argc, char **argv)\n{{\n    const void *volatile needed[] = {{ {symbols} }};\n    \
             (void) argv;\n{ask_library}    return needed[0] == 0 || version[argc] == '\\0';\n}}\n",
            includes = self.includes,
            version = self.version,
            symbols = self
                .symbols
                .iter()
                .map(|symbol| format!("(const void *) {symbol}"))
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}

/// What the version begins with in a program's bytes.
pub(super) const VERSION_MARK: &str = "pybuild:version=";

/// What the version that the library gives stands behind in a program's output.
pub(super) const RUNTIME_MARK: &str = "pybuild:runtime=";

/// What it ends with.
pub(super) const VERSION_END: &str = ";end";
