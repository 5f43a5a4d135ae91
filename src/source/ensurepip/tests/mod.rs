//! Every form that the file has had, as small texts written for these tests with the same structure.

mod forms;
mod patch;
mod texts;
