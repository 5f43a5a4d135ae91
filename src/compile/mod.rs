//! Steps 5 and 6: from a patched tree to a built one.

mod build_path;
mod compile_plan;
mod compilers;
mod configure_answers;
pub(crate) mod confinement;
mod context;
mod debug_flag;
pub(crate) mod error;
mod event;
pub(crate) mod isolation;
pub(crate) mod jobs;
pub(crate) mod launcher;
mod left_out;
mod link;
mod steps;
mod unbuilt;

pub(crate) use build_path::source_folder;
pub(crate) use compile_plan::CompilePlan;
pub(crate) use compilers::CompilerStart;
pub(crate) use confinement::BuildUserError;
pub(crate) use context::BuildContext;
pub(crate) use error::{Error, SEE_LOG};
pub(crate) use link::value_in;
pub(crate) use steps::{BuiltTree, configure, count_files, hand_over, make};
pub(crate) use unbuilt::Unbuilt;
