//! The switch between online and offline runs.

/// Whether other hosts may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Online,
    /// `--offline`: only the store, local mirrors and cached index answers are used.
    Offline,
}
