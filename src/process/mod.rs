//! Commands as data, and the one runner with its log, its timings and its handling of signals.

mod command;
mod error;
mod excerpt;
pub(crate) mod in_use;
mod job_pool;
mod log;
mod runner;
pub(crate) mod signals;

pub(crate) use command::{Answer, Command, quoted};
pub(crate) use error::CommandError;
pub(crate) use excerpt::{Excerpt, excerpt};
pub(crate) use job_pool::{Job, JobPool};
pub(crate) use log::sweep_logs;
pub(crate) use runner::{Runner, Timing};
