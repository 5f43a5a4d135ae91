//! The settings of `pybuild cache`, and the limit of the store.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use super::error::Error;
use super::inputs::choose;
use crate::cli::{CacheArguments, CacheCommand};
use crate::environment::Environment;
use crate::store::{Limit, Prune, Removing, Size};

/// The variable of the limit.
pub(crate) const LIMIT: &str = "PYBUILD_CACHE_LIMIT";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CacheSettings {
    Dir,
    Info { form: InfoForm, limit: StoreLimit },
    Prune { prune: Prune, removing: Removing },
    Clean { removing: Removing },
}

/// The form of the information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InfoForm {
    Table,
    Json,
}

/// The limit of the store, and its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimit {
    pub(crate) limit: Limit,
    /// Whether the variable is set.
    pub(crate) is_set: bool,
}

impl StoreLimit {
    /// The limit that the environment sets, else the default.
    pub(crate) fn of(environment: &Environment) -> Result<Self, Error> {
        let Some(text) = environment.variable(LIMIT) else {
            return Ok(Self {
                limit: Limit::DEFAULT,
                is_set: false,
            });
        };
        let limit = match text.trim() {
            "none" | "unlimited" => Limit::Unlimited,
            text => Limit::Size(size(LIMIT, text)?),
        };
        Ok(Self {
            limit,
            is_set: true,
        })
    }
}

impl CacheSettings {
    pub(crate) fn new(
        arguments: &CacheArguments,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let limit = StoreLimit::of(environment)?;
        let removing = |dry_run| choose(dry_run, Removing::DryRun, Removing::Remove);
        Ok(match &arguments.command {
            CacheCommand::Dir => Self::Dir,
            CacheCommand::Info { json } => Self::Info {
                form: choose(*json, InfoForm::Json, InfoForm::Table),
                limit,
            },
            CacheCommand::Prune {
                older_than,
                keep_size,
                dry_run,
            } => {
                let older_than = older_than.as_deref().map(age).transpose()?;
                let keep_size = keep_size.as_deref();
                let keep_size = keep_size
                    .map(|text| size("--keep-size", text))
                    .transpose()?;
                let prune = match (older_than, keep_size) {
                    (None, None) => Prune::ToLimit(limit.limit),
                    _ => Prune::Unused {
                        older_than,
                        keep_size,
                    },
                };
                Self::Prune {
                    prune,
                    removing: removing(*dry_run),
                }
            }
            CacheCommand::Clean { dry_run } => Self::Clean {
                removing: removing(*dry_run),
            },
        })
    }
}

fn size(option: &str, text: &str) -> Result<Size, Error> {
    text.parse().map_err(|error| {
        let or_none = if option == LIMIT {
            "; `none` is no limit"
        } else {
            ""
        };
        Error::usage(
            format!("{option}: {error}"),
            format!("write a number and a unit: 500MiB, 2GiB, or 0{or_none}"),
        )
    })
}

/// Parses a duration in jiff's friendly format, in which a day has 24 hours.
fn age(text: &str) -> Result<Duration, Error> {
    let span: Result<Span, _> = text.parse();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let duration = duration.ok().and_then(|time| Duration::try_from(time).ok());
    duration.ok_or_else(|| {
        Error::usage(
            format!("--older-than: `{text}` is not an age"),
            "write a number and a unit: 12h, 30d or 8w",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{StoreLimit, age};
    use crate::environment::Environment;
    use crate::error::{ExitStatus, Explain as _};
    use crate::store::{Limit, Size};

    #[test]
    fn ages_are_read_with_units() {
        let hour = Duration::from_secs(60 * 60);
        for (text, expected) in [("12h", 12), ("30d", 30 * 24), ("8w", 8 * 7 * 24), ("0d", 0)] {
            assert_eq!(age(text).unwrap(), expected * hour, "{text}");
        }
        for text in ["", "-1", "-1d", "30", "soon", "1mo"] {
            let error = age(text).unwrap_err();
            assert_eq!(error.exit_status(), ExitStatus::Usage, "{text}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_variable_sets_the_limit() {
        let limit = |text: &str| {
            let variables = [("PYBUILD_CACHE_LIMIT", text)];
            StoreLimit::of(&Environment::with_variables(Path::new("/"), variables))
        };
        let of = |text| limit(text).unwrap().limit;
        assert_eq!(of(""), Limit::DEFAULT);
        assert_eq!(of("none"), Limit::Unlimited);
        assert_eq!(of("unlimited"), Limit::Unlimited);
        assert_eq!(of("0"), Limit::Size(Size(0)));
        assert_eq!(of("5GiB"), Limit::Size(Size(5 << 30)));
        assert!(!limit("").unwrap().is_set && limit("0").unwrap().is_set);
        let error = limit("abc").unwrap_err();
        assert!(error.to_string().contains("PYBUILD_CACHE_LIMIT"));
        assert!(error.hint().unwrap().contains("none"));
    }
}
