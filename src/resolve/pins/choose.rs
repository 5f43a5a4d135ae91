//! Resolves a request to a pin: searches the index, or reads the wheel that the request names.

use std::convert::Infallible;

use pep440_rs::Version;

use super::error::PinError;
use super::event::{Event, Outcome};
use super::project::Project;
use super::select::{Place, Reason, Rules, Selection, printable, select};
use super::wheel_file::{self, WheelFile, WheelFiles};
use crate::environment::Environment;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::plan::{Pin, Pins, WheelInput, WheelLocation};
use crate::progress::Reporter;
use crate::resolve::index::{Index, ProjectPage};

pub struct Chooser<'a, F> {
    /// The CPython that will bundle the pins.
    pub python: PythonVersion,
    /// Searched only if a request needs it.
    pub index: &'a Index<'a>,
    /// Fetches candidates, so that their metadata can be read.
    pub files: &'a F,
    pub environment: &'a Environment,
    pub reporter: &'a dyn Reporter,
}

impl<F: WheelFiles> Chooser<'_, F> {
    pub fn choose_pins(&self, pip: &PinRequest, setuptools: &PinRequest) -> Result<Pins, F::Error> {
        // Both requests are checked before the index is searched.
        self.check(Project::Pip, pip)?;
        self.check(Project::Setuptools, setuptools)?;
        if *pip == PinRequest::None {
            return Ok(self.nothing(setuptools)?);
        }
        Ok(Pins {
            pip: self.choose(Project::Pip, pip)?,
            setuptools: self.choose(Project::Setuptools, setuptools)?,
        })
    }

    /// Refuses requests that this CPython cannot meet with any wheel.
    fn check(&self, project: Project, request: &PinRequest) -> Result<(), PinError> {
        let python = self.python;
        match (project, request) {
            (_, PinRequest::Bundled) => Ok(()),
            _ if !python.has_ensurepip() => Err(PinError::NoEnsurepip { python }),
            (Project::Setuptools, _) if !python.bundles_setuptools() => {
                Err(PinError::NoSetuptools {
                    python,
                    request: request.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The pins without pip. Only pip could install setuptools.
    fn nothing(&self, setuptools: &PinRequest) -> Result<Pins, PinError> {
        match setuptools {
            PinRequest::Bundled | PinRequest::None => Ok(Pins {
                pip: Pin::Removed,
                setuptools: if self.python.bundles_setuptools() {
                    Pin::Removed
                } else {
                    Pin::Bundled
                },
            }),
            _ => Err(PinError::SetuptoolsNeedsPip),
        }
    }

    fn choose(&self, project: Project, request: &PinRequest) -> Result<Pin, F::Error> {
        let python = self.python;
        let report = |version, outcome| {
            self.reporter.report(&Event {
                project,
                version,
                outcome,
            });
        };
        let rules = match request {
            PinRequest::Bundled => return Ok(Pin::Bundled),
            PinRequest::None => return Ok(Pin::Removed),
            PinRequest::Wheel(path) => {
                let path = self.environment.absolute(path);
                let wheel = wheel_file::read_named(&path, project, python)?;
                report(&wheel.version, Outcome::File(&path));
                return Ok(Pin::Wheel(wheel));
            }
            PinRequest::Exact(version) => Rules::exact(python, version),
            PinRequest::Latest => Rules::latest(python),
            PinRequest::Specifiers(specifiers) => Rules::within(python, specifiers),
        };
        let page = self.index.page(project.name(), self.reporter);
        let page = page.map_err(PinError::from)?;
        let Selection { found, skipped } = self.select(&page, rules)?;
        let Some((wheel, file)) = found else {
            return Err(self.nothing_fits(project, request, &page, &skipped).into());
        };
        let version = wheel.name.version();
        if let PinRequest::Exact(_) = request {
            report(version, Outcome::Exact);
        } else {
            let newer = most_relevant(&skipped);
            report(version, Outcome::Newest(request, python, newer));
            if let Some((version, reason)) = first_unverifiable(&skipped) {
                report(version, Outcome::Unverifiable(reason));
            }
            for (version, reason) in &skipped {
                report(version, Outcome::Skipped(reason));
            }
        }
        if let Some(why) = &wheel.yanked {
            report(version, Outcome::Yanked(Reason::Yanked(printable(why))));
        }
        Ok(Pin::Wheel(WheelInput {
            project: project.name().to_owned(),
            version: version.clone(),
            file_name: wheel.name.to_string(),
            sha256: file.sha256,
            location: match wheel.address.to_file_path() {
                Some(path) => WheelLocation::Path(path),
                None => WheelLocation::Url(wheel.address.clone()),
            },
        }))
    }

    /// The newest wheel that fits. The index may list no `Requires-Python` or a wrong one, so the
    /// wheel's own `METADATA` decides.
    fn select<'p>(
        &self,
        page: &'p ProjectPage,
        rules: Rules,
    ) -> Result<Selection<'p, WheelFile>, F::Error> {
        let rules = rules.with(self.index.restrictions());
        select(page, &rules, |wheel, place| {
            let file = match place {
                Place::Local(path, digest) => wheel_file::read_local(path, digest, &wheel.name)?,
                Place::Remote(digest) => self.files.get(wheel, digest)?,
            };
            let admitted = wheel_file::check(&file, &wheel.name, self.python)?;
            Ok(admitted.map(|()| file))
        })
    }

    fn nothing_fits(
        &self,
        project: Project,
        request: &PinRequest,
        page: &ProjectPage,
        skipped: &[(Version, Reason)],
    ) -> PinError {
        let python = self.python;
        if let PinRequest::Exact(version) = request {
            let newest = self.newest_that_fits(page, skipped);
            return match skipped.first().cloned() {
                Some((version, reason)) => PinError::DoesNotFit {
                    project,
                    version,
                    reason,
                    python,
                    newest,
                },
                None => PinError::NoSuchVersion {
                    project,
                    near: neighbours(page, version),
                    version: version.clone(),
                    newest,
                },
            };
        }
        let request = request.to_string();
        match first_unverifiable(skipped).cloned() {
            Some((version, reason)) => PinError::NothingVerifiable {
                project,
                request,
                version,
                reason,
            },
            None => PinError::NothingFits {
                project,
                request,
                python,
                newest: self.newest_that_fits(page, skipped),
                skipped: most_relevant(skipped).cloned(),
            },
        }
    }

    /// The newest version that fits according to the index, for a hint. Nothing is fetched for a hint,
    /// so wheels without a listed `Requires-Python` are left out.
    fn newest_that_fits(
        &self,
        page: &ProjectPage,
        skipped: &[(Version, Reason)],
    ) -> Option<Version> {
        let rules = Rules::latest(self.python).with(self.index.restrictions());
        let Ok(selection) = select(page, &rules, |wheel, _| {
            let version = wheel.name.version();
            let fits = wheel.requires_python.is_some()
                && skipped.iter().all(|(skipped, _)| skipped != version);
            Ok::<_, Infallible>(fits.then_some(()).ok_or(Reason::NoUniversalWheel))
        });
        Some(selection.found?.0.name.version().clone())
    }
}

/// The newest skipped version; final releases take precedence over pre-releases.
fn most_relevant(skipped: &[(Version, Reason)]) -> Option<&(Version, Reason)> {
    skipped
        .iter()
        .find(|(_, reason)| *reason != Reason::PreRelease)
        .or(skipped.first())
}

fn first_unverifiable(skipped: &[(Version, Reason)]) -> Option<&(Version, Reason)> {
    skipped
        .iter()
        .find(|(_, reason)| matches!(reason, Reason::NoDigest(_)))
}

/// The next older and the next newer version of the page.
fn neighbours(page: &ProjectPage, version: &Version) -> Vec<Version> {
    let wheels = page.wheels.iter().map(|wheel| wheel.name.version());
    let versions = wheels.chain(&page.other_versions);
    let below = versions.clone().filter(|other| *other < version).max();
    let above = versions.filter(|other| *other > version).min();
    below.into_iter().chain(above).cloned().collect()
}

#[cfg(test)]
mod tests;
