//! `pybuild schema`: prints the JSON Schema of recipes.

use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::plan::recipe;

pub fn run(invocation: &Invocation<'_>) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(&recipe::schema());
    invocation
        .output
        .result(&text.map_err(|error| Error::Output(error.into()))?);
    Ok(())
}
