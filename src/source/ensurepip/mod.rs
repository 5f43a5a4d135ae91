//! The pin: makes a tree's `ensurepip` bundle the planned wheels. The pin is a patch that can be
//! printed before it is applied.

mod bundled;
mod error;
mod form;
mod new_wheel;
mod patch;
mod run_pip;
mod stdlib;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod venv;
mod without_pip;

pub use bundled::{Bundled, BundledWheel, PinChange, PinChanges};
pub(crate) use error::Error;
pub use error::UnknownForm;
pub(crate) use patch::EnsurepipPatch;
pub(crate) use stdlib::Stdlib;

/// The text of an `ensurepip/__init__.py` with other wheels, without a look at any other file. The
/// way of running pip stays. For fuzzing, which has no wheels.
///
/// # Errors
/// When the text has an unknown form.
pub fn with_wheels(text: &str, wheels: &PinChanges<BundledWheel>) -> Result<String, UnknownForm> {
    text::changed(text, wheels, None)
}
