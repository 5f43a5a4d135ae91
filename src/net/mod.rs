//! HTTP: addresses, the client, its errors, and when a request is repeated.

pub(crate) mod address;
mod client;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod http;
mod netrc;
pub(crate) mod network;
pub(crate) mod retry;
pub(crate) mod settings;
