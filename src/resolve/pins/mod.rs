//! Resolves the requests for pip and setuptools to wheels.

mod choose;
mod error;
mod event;
mod project;
mod select;
mod wheel_file;

pub use choose::Chooser;
pub use error::PinError;
pub use wheel_file::{WheelFile, WheelFiles};
