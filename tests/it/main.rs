//! The real binary against real HTTP on loopback, miniature releases, and one real CPython.

#![allow(dead_code, reason = "the kit is complete before the tests that use it")]

mod context;
mod mini_cpython;
mod python_org;
mod server;
mod wheels;
