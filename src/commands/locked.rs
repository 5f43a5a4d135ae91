//! The part of a lock in a build: its pins, and the check of everything else.

use crate::commands::context::Context;
use crate::commands::error::Error;
use crate::plan::lock::LockedWheel;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::plan::{Pins, Plan};
use crate::settings::BuildSettings;

/// The pins of the lock, or those that the request means.
pub(super) fn choose_pins(
    settings: &BuildSettings,
    context: &Context<'_>,
    python: PythonVersion,
) -> Result<Pins, Error> {
    let request = &settings.request;
    let Some(locked) = &settings.locked else {
        return context.pins(python, &request.pip, &request.setuptools);
    };
    let build = &locked.build;
    // The address of a wheel may not be published. One that is here needs none.
    let locate = |project: &str, wheel: &LockedWheel| match &wheel.file.address {
        Some(address) => address.parse().ok(),
        None => context
            .has(wheel.file.sha256)
            .then(|| context.page_address(project)),
    };
    let is_file = |request: &PinRequest| matches!(request, PinRequest::Wheel(_));
    if ![&request.pip, &request.setuptools].into_iter().any(is_file)
        && let Some(pins) = build.pins(request, locate)
    {
        return Ok(pins);
    }
    let exact = |request: &PinRequest, wheel: Option<&LockedWheel>| match (request, wheel) {
        (PinRequest::Wheel(_), _) | (_, None) => request.clone(),
        (_, Some(wheel)) => PinRequest::Exact(wheel.version.clone()),
    };
    let pip = exact(&request.pip, build.pip.as_ref());
    let setuptools = exact(&request.setuptools, build.setuptools.as_ref());
    let pins = context.pins(python, &pip, &setuptools)?;
    match build.ensure_pins(&pins) {
        Ok(()) => Ok(pins),
        Err(error) => Err(locked.disagreement(error).into()),
    }
}

/// Refuses a plan that is not the locked one.
pub(super) fn ensure_locked(settings: &BuildSettings, plan: &Plan) -> Result<(), Error> {
    let Some(locked) = &settings.locked else {
        return Ok(());
    };
    let same = locked.build.ensure_same(plan);
    same.map_err(|error| locked.disagreement(error).into())
}
