//! The packages of the compiler, make and each library, by package manager.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageManager {
    /// Debian, Ubuntu and related systems.
    Apt,
    /// Fedora, RHEL and related systems.
    Dnf,
    /// Their releases without dnf.
    Yum,
    /// Alpine.
    Apk,
    /// openSUSE and SLE.
    Zypper,
    /// Arch and related systems.
    Pacman,
    /// macOS.
    Brew,
}

impl PackageManager {
    pub fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::Apk => "apk",
            Self::Zypper => "zypper",
            Self::Pacman => "pacman",
            Self::Brew => "brew",
        }
    }

    pub fn needs_root(self) -> bool {
        self != Self::Brew
    }

    /// The packages of `needs`, sorted, each once.
    pub fn packages(self, needs: impl IntoIterator<Item = Capability>) -> BTreeSet<&'static str> {
        let column = match self {
            Self::Apt => 0,
            Self::Dnf | Self::Yum => 1,
            Self::Apk => 2,
            Self::Zypper => 3,
            Self::Pacman => 4,
            Self::Brew => 5,
        };
        needs
            .into_iter()
            .filter_map(row)
            .flat_map(|(_, _, packages)| packages[column].split_whitespace())
            .collect()
    }
}

/// A tool or library that a package provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    Compiler,
    Make,
    /// `ar`, `as` and `ld`.
    Binutils,
    /// The C library's headers and start-up objects.
    LibcHeaders,
    Zlib,
    OpenSsl,
    Libffi,
    Bzip2,
    /// liblzma, of XZ Utils.
    Lzma,
    Zstd,
    Sqlite,
    Readline,
    /// With wide characters.
    Ncurses,
    /// Tcl and Tk.
    Tk,
    Gdbm,
    /// GNU dbm, or another implementation of ndbm.
    Ndbm,
    BerkeleyDb,
    /// libuuid, of util-linux.
    Uuid,
    /// libcrypt.
    Crypt,
    RootCertificates,
}

impl Capability {
    /// Its name for a user whose package manager is not known.
    pub fn name(self) -> &'static str {
        row(self).map_or("", |(_, name, _)| name)
    }
}

fn row(capability: Capability) -> Option<&'static Row> {
    PACKAGES.iter().find(|(known, ..)| *known == capability)
}

/// A capability, its name, and its packages by package manager.
type Row = (Capability, &'static str, [&'static str; 6]);

/// The packages' names. Some are empty: on macOS, the compiler is part of the command line tools, and
/// libc, ndbm, uuid and crypt are part of the system.
#[rustfmt::skip]
static PACKAGES: [Row; 20] = [
    // capability                   name                        apt                           dnf, yum         apk                     zypper             pacman             brew
    (Capability::Compiler,          "a C compiler",              ["gcc libc6-dev",               "gcc",           "gcc musl-dev",         "gcc",             "gcc",             ""]),
    (Capability::Make,              "GNU make",                  ["make",                        "make",          "make",                 "make",            "make",            "make"]),
    (Capability::Binutils,          "binutils",                  ["binutils",                    "binutils",      "binutils",             "binutils",        "binutils",        ""]),
    (Capability::LibcHeaders,       "the C library's headers",   ["libc6-dev",                   "glibc-devel",   "linux-headers musl-dev", "glibc-devel",   "glibc linux-api-headers", ""]),
    (Capability::Zlib,              "zlib",                      ["zlib1g-dev",                  "zlib-devel",    "zlib-dev",             "zlib-devel",      "zlib",            "zlib"]),
    (Capability::OpenSsl,           "OpenSSL",                   ["libssl-dev",                  "openssl-devel", "openssl-dev",          "libopenssl-devel", "openssl",        "openssl@3"]),
    (Capability::Libffi,            "libffi",                    ["libffi-dev",                  "libffi-devel",  "libffi-dev",           "libffi-devel",    "libffi",          "libffi"]),
    (Capability::Bzip2,             "bzip2",                     ["libbz2-dev",                  "bzip2-devel",   "bzip2-dev",            "libbz2-devel",    "bzip2",           "bzip2"]),
    (Capability::Lzma,              "xz",                        ["liblzma-dev",                 "xz-devel",      "xz-dev",               "xz-devel",        "xz",              "xz"]),
    (Capability::Zstd,              "zstd",                      ["libzstd-dev",                 "libzstd-devel", "zstd-dev",             "libzstd-devel",   "zstd",            "zstd"]),
    (Capability::Sqlite,            "SQLite",                    ["libsqlite3-dev",              "sqlite-devel",  "sqlite-dev",           "sqlite3-devel",   "sqlite",          "sqlite"]),
    (Capability::Readline,          "readline",                  ["libreadline-dev",             "readline-devel", "readline-dev",        "readline-devel",  "readline",        "readline"]),
    (Capability::Ncurses,           "ncurses",                   ["libncurses-dev",              "ncurses-devel", "ncurses-dev",          "ncurses-devel",   "ncurses",         "ncurses"]),
    (Capability::Tk,                "Tk",                        ["tk-dev",                      "tk-devel",      "tk-dev",               "tk-devel",        "tk",              "tcl-tk@8"]),
    (Capability::Gdbm,              "gdbm",                      ["libgdbm-dev",                 "gdbm-devel",    "gdbm-dev",             "gdbm-devel",      "gdbm",            "gdbm"]),
    (Capability::Ndbm,              "ndbm",                      ["libgdbm-compat-dev libgdbm-dev", "gdbm-devel", "gdbm-dev",             "gdbm-devel",      "gdbm",            ""]),
    (Capability::BerkeleyDb,        "Berkeley DB",               ["libdb-dev",                   "libdb-devel",   "db-dev",               "libdb-4_8-devel", "db5.3",           "berkeley-db@5"]),
    (Capability::Uuid,              "libuuid",                   ["uuid-dev",                    "libuuid-devel", "util-linux-dev",       "libuuid-devel",   "util-linux-libs", ""]),
    (Capability::Crypt,             "libcrypt",                  ["libcrypt-dev",                "libxcrypt-devel", "musl-dev",           "libxcrypt-devel", "libxcrypt",       ""]),
    (Capability::RootCertificates,  "root certificates",         ["ca-certificates",        "ca-certificates", "ca-certificates",   "ca-certificates-mozilla", "ca-certificates", ""]),
];

#[cfg(test)]
mod tests {
    use super::{Capability, PACKAGES, PackageManager};

    #[test]
    fn every_linux_package_manager_has_a_name_for_everything() {
        for (_, capability, packages) in &PACKAGES {
            for package in &packages[..5] {
                assert!(!package.is_empty(), "{capability}");
            }
        }
    }

    #[test]
    fn packages_are_named_once_and_in_order() {
        let needs = [
            Capability::Zlib,
            Capability::Gdbm,
            Capability::Ndbm,
            Capability::Compiler,
        ];
        let names: Vec<_> = PackageManager::Apt.packages(needs).into_iter().collect();
        assert_eq!(
            names,
            [
                "gcc",
                "libc6-dev",
                "libgdbm-compat-dev",
                "libgdbm-dev",
                "zlib1g-dev"
            ]
        );
        let names = PackageManager::Yum.packages(needs);
        assert!(names.contains("zlib-devel") && names.contains("gdbm-devel"));
    }
}
