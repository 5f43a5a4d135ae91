//! The date of an interpreter: of its files, and of the compile that it prints.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::host::build_environment::BuildEnvironment;

/// Seconds since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SourceDate(u64);

impl SourceDate {
    /// The variable with which tools take over a date
    /// (<https://reproducible-builds.org/specs/source-date-epoch/>).
    pub(crate) const VARIABLE: &str = "SOURCE_DATE_EPOCH";

    /// The caller's date, else the date of the release: that of all files of the unpacked source `tree`.
    pub(crate) fn of(tree: &Path, environment: &BuildEnvironment) -> io::Result<Self> {
        if let Some(seconds) = environment.variable(Self::VARIABLE)
            && let Ok(seconds) = seconds.parse()
        {
            return Ok(Self(seconds));
        }
        let header = fs_err::metadata(tree.join("Include/patchlevel.h"))?;
        let since = header.modified()?.duration_since(UNIX_EPOCH);
        Ok(Self(since.unwrap_or_default().as_secs()))
    }

    /// The value of the variable.
    pub(crate) fn text(self) -> String {
        self.0.to_string()
    }

    pub(crate) fn seconds(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    #[cfg(test)]
    pub(crate) fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::SourceDate;
    use crate::environment::Environment;
    use crate::host::build_environment::BuildEnvironment;

    #[test]
    fn the_callers_date_comes_before_that_of_the_release() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("Include")).unwrap();
        let header = fs_err::File::create(dir.path().join("Include/patchlevel.h")).unwrap();
        let released = UNIX_EPOCH + Duration::from_secs(1_675_814_400);
        header.file().set_modified(released).unwrap();
        let date = |variables: &[(&str, &str)]| {
            let caller = Environment::with_variables(Path::new("/"), variables.iter().copied());
            let environment = BuildEnvironment::new(&caller, Path::new("/scratch"));
            SourceDate::of(dir.path(), &environment).unwrap()
        };
        assert_eq!(date(&[]).text(), "1675814400");
        assert_eq!(date(&[(SourceDate::VARIABLE, "86400")]).text(), "86400");
    }
}
