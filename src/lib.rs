//! pybuild turns a CPython version and a pip version into an interpreter.

pub mod address;
pub mod build;
pub mod command;
pub mod digest;
pub mod environment;
pub mod error;
pub mod fetch;
pub mod host;
pub mod install;
pub mod output;
pub mod progress;
pub mod resolve;
pub mod source;
pub mod store;
