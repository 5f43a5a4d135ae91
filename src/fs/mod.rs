//! Files below everything else: durable writes, locks, scratch folders, disk errors.

pub(crate) mod disk;
pub(crate) mod durable;
pub(crate) mod free_space;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod scratch;
