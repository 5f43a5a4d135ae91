//! The real binary against real HTTP on loopback, miniature releases, and one real CPython.

// Fixtures and helpers.
mod certificates;
mod context;
mod crash_fixture;
mod fixture;
mod mini_cpython;
mod outcome;
mod proxy;
mod python_org;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "the unit tests use the rest of it")]
mod server;
#[path = "../support/signer.rs"]
#[expect(dead_code, reason = "the unit tests use the rest")]
mod signer;
mod small_disk;
mod wheels;

// The tests.
mod bad_input;
mod cache;
mod compat;
mod concurrency;
mod configure_answers;
mod crash;
mod debug_info;
mod disk;
mod faults;
mod fetch;
mod flow;
mod fresh_host;
mod hostile;
mod hotpatch;
mod hotpatch_undo;
mod index;
mod interrupt;
mod kept;
mod kills;
mod launcher;
mod layers;
mod many;
mod output;
mod patch;
mod prefix;
mod preflight;
mod real;
mod real_hotpatch;
mod recipes;
mod reproducible;
mod second_signal;
mod signature;
mod store;
mod sync_order;
mod timings;
mod tls;
mod uninstall;
