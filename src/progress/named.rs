//! The reporter of one of several builds that run at the same time.

use std::fmt;

use super::{Event, Level, Phase, Reporter, Unit};

/// Puts the build's name before everything that the build reports.
pub(crate) struct NamedReporter<'a> {
    name: String,
    inner: &'a dyn Reporter,
}

impl<'a> NamedReporter<'a> {
    /// Names are padded to `width`, so that the titles of all builds' phases are in one column.
    pub(crate) fn new(name: &str, width: usize, inner: &'a dyn Reporter) -> Self {
        Self {
            name: format!("{name:<width$}"),
            inner,
        }
    }
}

impl Reporter for NamedReporter<'_> {
    fn begin(&self, title: &str, unit: Unit, total: Option<u64>) -> Box<dyn Phase> {
        let title = format!("{}  {title:<9}", self.name);
        self.inner.begin(&title, unit, total)
    }

    fn report(&self, event: &dyn Event) {
        let name = self.name.trim_end();
        self.inner.report(&NamedEvent { name, event });
    }
}

struct NamedEvent<'a> {
    name: &'a str,
    event: &'a dyn Event,
}

impl fmt::Display for NamedEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.event)
    }
}

impl Event for NamedEvent<'_> {
    fn level(&self) -> Level {
        self.event.level()
    }
}

#[cfg(test)]
mod tests {
    use super::NamedReporter;
    use crate::progress::{Event, Level, Reporter as _};
    use crate::testing::Said;

    struct Found;

    impl std::fmt::Display for Found {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("found")
        }
    }

    impl Event for Found {
        fn level(&self) -> Level {
            Level::Detail
        }
    }

    #[test]
    fn events_have_the_name_and_keep_their_level() {
        let said = Said::default();
        NamedReporter::new("3.11.2", 9, &said).report(&Found);
        assert_eq!(said.details(), "3.11.2: found\n");
        assert_eq!(said.notes(), "");
    }
}
