//! The unit of a bar.

/// The unit that a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as KiB and MiB.
    Bytes,
    /// Steps of the work, such as compiled files.
    Steps,
}
