//! Every form of the file, as small texts that have the same structure.

mod forms;
mod patch;
mod texts;
