//! `entry.json`: the description of a built thing in the store.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::corrupt::Corrupt;
use crate::digest::Sha256;

/// The name of the file. Its lock guards the entry, and its time is the time of the last use.
pub(super) const NAME: &str = "entry.json";

/// The description of a built thing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Description {
    /// The version of the pybuild that kept it.
    pub pybuild: String,
    pub created: Timestamp,
    /// The seconds that it took to build.
    pub seconds: f64,
    pub payload: Payload,
    /// The keeper's own description.
    pub about: Box<RawValue>,
}

/// The content of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    pub sha256: Sha256,
    pub length: u64,
}

impl Description {
    pub fn new(
        cost: Duration,
        payload: Payload,
        about: &impl Serialize,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            pybuild: env!("CARGO_PKG_VERSION").to_owned(),
            created: Timestamp::now(),
            seconds: cost.as_secs_f64(),
            payload,
            about: serde_json::value::to_raw_value(about)?,
        })
    }

    /// Reads the text of the file at `path`.
    pub fn read(text: &[u8], path: &Path) -> Result<Self, Corrupt> {
        serde_json::from_slice(text).map_err(|error| Corrupt::Malformed {
            path: path.to_owned(),
            what: error.to_string(),
        })
    }
}
