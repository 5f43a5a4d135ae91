//! HTTP: addresses, the client, retries.

pub(crate) mod address;
pub(crate) mod http;
pub(crate) mod network;
pub(crate) mod retry;
