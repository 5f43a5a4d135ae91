//! From a request to a pin: the index is asked, or a wheel looked into, and the choice is said.

use std::convert::Infallible;

use pep440_rs::Version;

use super::error::{Newest, PinError, verified_by_hand};
use super::select::{Place, Reason, Rules, Selected, Selection, printable, select};
use super::{Project, WheelFile, WheelFiles, wheel_file};
use crate::environment::Environment;
use crate::plan::pin_request::PinRequest;
use crate::plan::version::PythonVersion;
use crate::plan::{Pin, Pins, WheelInput, WheelLocation};
use crate::progress::Reporter;
use crate::resolve::index::{Index, ProjectPage};

/// What pins are chosen with.
pub struct Chooser<'a, F> {
    /// The CPython that is to bundle them.
    pub python: PythonVersion,
    /// The index to ask; it is asked only where a request needs it.
    pub index: &'a Index<'a>,
    /// Gets the wheels that come into question, so that they can be looked into.
    pub files: &'a F,
    /// What relative paths of wheels start from.
    pub environment: &'a Environment,
    /// Who is told which version was chosen, and why.
    pub reporter: &'a dyn Reporter,
}

/// The pin of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What comes of the project.
    pub pin: Pin,
    /// The newer versions that were asked for as well, newest first, and why they are not the one.
    pub passed_over: Vec<(Version, Reason)>,
}

impl From<Pin> for Choice {
    fn from(pin: Pin) -> Self {
        Self {
            pin,
            passed_over: Vec::new(),
        }
    }
}

impl<F: WheelFiles> Chooser<'_, F> {
    /// Both pins.
    ///
    /// # Errors
    /// [`PinError`], and that of the files.
    pub fn choose_pins(&self, pip: &PinRequest, setuptools: &PinRequest) -> Result<Pins, F::Error> {
        // What makes no sense is refused before anybody is asked about anything.
        self.check(Project::Pip, pip)?;
        self.check(Project::Setuptools, setuptools)?;
        Ok(Pins {
            pip: self.choose(Project::Pip, pip)?.pin,
            setuptools: self.choose(Project::Setuptools, setuptools)?.pin,
        })
    }

    /// The pin that `request` means for `project`; the choice is reported.
    ///
    /// # Errors
    /// [`PinError`], and that of the files.
    pub fn choose(&self, project: Project, request: &PinRequest) -> Result<Choice, F::Error> {
        self.check(project, request)?;
        let python = self.python;
        match request {
            PinRequest::Bundled => Ok(Pin::Bundled.into()),
            PinRequest::None => Ok(Pin::Removed.into()),
            PinRequest::Wheel(path) => {
                let path = self.environment.absolute(path);
                let wheel = wheel_file::look_into(&path, project, python)?;
                self.reporter.note(&format!(
                    "{project} {} (from {})",
                    wheel.version,
                    path.display()
                ));
                Ok(Pin::Wheel(wheel).into())
            }
            PinRequest::Exact(version) => self.choose_exact(project, version),
            PinRequest::Latest => self.choose_newest(project, request, &Rules::latest(python)),
            PinRequest::Specifiers(set) => {
                self.choose_newest(project, request, &Rules::within(python, set))
            }
        }
    }

    /// Refuses what no index can make good.
    fn check(&self, project: Project, request: &PinRequest) -> Result<(), PinError> {
        let python = self.python;
        match (project, request) {
            (_, PinRequest::Bundled) => Ok(()),
            _ if !python.has_ensurepip() => Err(PinError::NoEnsurepip { python }),
            (Project::Pip, PinRequest::None) => Err(PinError::PipIsNeeded),
            (Project::Setuptools, _) if !python.bundles_setuptools() => {
                Err(PinError::NoSetuptools {
                    python,
                    request: request.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    fn choose_exact(&self, project: Project, version: &Version) -> Result<Choice, F::Error> {
        let python = self.python;
        let page = self.page(project)?;
        let Selection { found, passed_over } =
            self.select(&page, &Rules::exact(python, version))?;
        if let Some(selected) = found {
            self.reporter
                .note(&format!("{project} {}", selected.wheel.name.version()));
            self.warn_of_withdrawn(project, &selected);
            return Ok(Pin::Wheel(input(project, &selected)).into());
        }
        let newest = self.newest_that_fits(&page, &passed_over);
        let error = match passed_over.into_iter().next() {
            Some((version, reason)) => PinError::DoesNotFit {
                project,
                version,
                reason,
                python,
                newest,
            },
            None => PinError::NoSuchVersion {
                project,
                near: neighbours(&page, version),
                version: version.clone(),
                newest,
            },
        };
        Err(error.into())
    }

    fn choose_newest(
        &self,
        project: Project,
        request: &PinRequest,
        rules: &Rules,
    ) -> Result<Choice, F::Error> {
        let python = self.python;
        let page = self.page(project)?;
        let Selection { found, passed_over } = self.select(&page, rules)?;
        let unproven = passed_over
            .iter()
            .find(|(_, reason)| matches!(reason, Reason::NoDigest(_)));
        let Some(selected) = found else {
            if let Some((version, reason)) = unproven.cloned() {
                return Err(PinError::NothingProven {
                    project,
                    request: request.to_string(),
                    version,
                    reason,
                }
                .into());
            }
            return Err(PinError::NothingFits {
                project,
                request: request.to_string(),
                python,
                newest: self.newest_that_fits(&page, &passed_over),
                passed_over: telling(&passed_over).cloned(),
            }
            .into());
        };
        let version = selected.wheel.name.version();
        let newer = telling(&passed_over)
            .map(|(version, reason)| format!("; {version} {reason}"))
            .unwrap_or_default();
        self.reporter.note(&format!(
            "{project} {version} ({request} for CPython {python}{newer})"
        ));
        if let Some((version, reason)) = unproven {
            self.reporter.warn(&format!(
                "{project} {version} {reason}, so it is passed over; to use it, {}",
                verified_by_hand(project)
            ));
        }
        for (version, reason) in &passed_over {
            self.reporter
                .detail(&format!("{project} {version} {reason}"));
        }
        self.warn_of_withdrawn(project, &selected);
        Ok(Choice {
            pin: Pin::Wheel(input(project, &selected)),
            passed_over,
        })
    }

    fn page(&self, project: Project) -> Result<ProjectPage, PinError> {
        Ok(self.index.page(project.name(), self.reporter)?)
    }

    /// The newest wheel that `rules` admit, and whose own `METADATA` admits this CPython: an index
    /// may leave the attribute out, or say something else in it.
    fn select<'p>(
        &self,
        page: &'p ProjectPage,
        rules: &Rules,
    ) -> Result<Selection<'p, WheelFile>, F::Error> {
        let rules = rules.clone().with(self.index.restrictions());
        select(page, &rules, |wheel, place| {
            let file = match place {
                Place::Local(path, digest) => {
                    wheel_file::on_this_machine(path, digest, &wheel.name)?
                }
                Place::Elsewhere(digest) => self.files.get(wheel, digest)?,
            };
            let judged = wheel_file::judge(&file, &wheel.name, self.python)?;
            Ok(judged.map(|()| file))
        })
    }

    /// The newest version that fits as far as the index says. Nothing is fetched for a hint: wheels of
    /// which the index does not say which Pythons they are for are left out.
    fn newest_that_fits(&self, page: &ProjectPage, passed_over: &[(Version, Reason)]) -> Newest {
        let rules = Rules::latest(self.python).with(self.index.restrictions());
        let Ok(selection) = select(page, &rules, |wheel, _| {
            let refused = passed_over
                .iter()
                .any(|(version, _)| version == wheel.name.version());
            let fits = wheel.requires_python.is_some() && !refused;
            Ok::<_, Infallible>(fits.then_some(()).ok_or(Reason::NoUniversalWheel))
        });
        Some(selection.found?.wheel.name.version().clone())
    }

    fn warn_of_withdrawn(&self, project: Project, selected: &Selected<'_, WheelFile>) {
        if let Some(why) = &selected.wheel.yanked {
            let version = selected.wheel.name.version();
            let reason = Reason::Yanked(printable(why));
            self.reporter.warn(&format!("{project} {version} {reason}"));
        }
    }
}

/// The passed-over version that is worth a word: the newest, but a final release before a pre-release.
fn telling(passed_over: &[(Version, Reason)]) -> Option<&(Version, Reason)> {
    passed_over
        .iter()
        .find(|(_, reason)| *reason != Reason::PreRelease)
        .or(passed_over.first())
}

/// The versions right below and right above one that is not there.
fn neighbours(page: &ProjectPage, version: &Version) -> Vec<Version> {
    let versions = || {
        page.wheels
            .iter()
            .map(|wheel| wheel.name.version())
            .chain(&page.other_versions)
    };
    let below = versions().filter(|other| *other < version).max();
    let above = versions().filter(|other| *other > version).min();
    below.into_iter().chain(above).cloned().collect()
}

fn input(project: Project, selected: &Selected<'_, WheelFile>) -> WheelInput {
    let wheel = selected.wheel;
    WheelInput {
        project: project.name().to_owned(),
        version: wheel.name.version().clone(),
        file_name: wheel.name.to_string(),
        sha256: selected.file.sha256,
        location: match wheel.address.to_file_path() {
            Some(path) => WheelLocation::Path(path),
            None => WheelLocation::Url(wheel.address.clone()),
        },
    }
}

#[cfg(test)]
mod tests;
