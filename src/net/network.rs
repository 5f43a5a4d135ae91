//! The switch between online and offline runs.

/// Whether other hosts may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They may.
    Online,
    /// `--offline`: the store, local mirrors and earlier index answers only.
    Offline,
}
