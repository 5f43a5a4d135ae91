//! Files below everything else: durable writes, locks, disk errors.

pub(crate) mod disk;
pub(crate) mod durable;
pub(crate) mod free_space;
pub(crate) mod list;
pub(crate) mod lock;
