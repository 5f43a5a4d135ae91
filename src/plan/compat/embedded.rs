//! The files of `patches/`, embedded at compile time.

/// `patches/NAME.patch`.
macro_rules! embedded {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../patches/", $name, ".patch")))),*]
    };
}

/// Names and contents, sorted by name. A test compares the list with the folder.
pub(super) static FILES: &[(&str, &[u8])] = embedded! {
    "asdl-c23-bool"
    "configure-getrandom"
    "configure-implicit-functions"
    "configure-nice"
    "configure-pthread-scope"
    "configure-stdatomic"
    "curses-opaque-window-2.7"
    "curses-opaque-window-3"
    "hashlib-openssl-1.1-2.7"
    "hashlib-openssl-1.1-3.4"
    "hashlib-openssl-1.1-3.5"
    "hashlib-openssl-3-version"
    "hashlib-openssl-names"
    "math-sinpi-2.7"
    "math-sinpi-3"
    "nis-libtirpc"
    "pymalloc-alignment-2.7"
    "pymalloc-alignment-3.4"
    "pymalloc-alignment-3.5"
    "pymalloc-alignment-3.7"
    "queue-without-accelerator"
    "setup-header-encoding-3.4"
    "setup-header-encoding-3.5"
    "setup-header-encoding-3.7"
    "setup-parallel-jobs"
    "ssl-cadata-end"
    "ssl-default-context-tls1"
    "ssl-dh-params"
    "ssl-openssl-1.1-2.7"
    "ssl-openssl-1.1-3.4"
    "ssl-openssl-1.1-3.5"
    "ssl-password-callback"
    "ssl-server-certificate-sslv3"
    "ssl-unexpected-eof"
};
