//! `pybuild cache dir|info|prune|clean`: shows and cleans the cache folder.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::cli::CacheArguments;
use crate::commands::error::Error;
use crate::commands::invocation::Invocation;
use crate::commands::work_folder::unusable;
use crate::output::elapsed;
use crate::progress::{Event, Level};
use crate::settings::cache::{CacheSettings, InfoForm, LIMIT, StoreLimit};
use crate::store::{Category, Item, Limit, Removal, Removing, Size, Store};

/// Runs the command that the arguments name.
///
/// # Errors
/// When the arguments are wrong, or the folder cannot be read or cleaned.
pub fn run(arguments: &CacheArguments, invocation: &Invocation<'_>) -> Result<(), Error> {
    let settings = CacheSettings::new(arguments, invocation.environment)?;
    let store = Store::of(invocation.environment);
    let unusable = unusable(store.root());
    match settings {
        CacheSettings::Dir => print(&format!("{}\n", store.root().display()), invocation),
        CacheSettings::Info { form, limit } => {
            let info = Info::of(&store, limit).map_err(&unusable)?;
            let text = match form {
                InfoForm::Table => info.table(),
                InfoForm::Json => info.json()?,
            };
            print(&text, invocation)
        }
        CacheSettings::Prune { prune, removing } => {
            let removal = store.prune(prune, removing).map_err(&unusable)?;
            report(&removal, removing, invocation)
        }
        CacheSettings::Clean { removing } => {
            let removal = store.clean(removing).map_err(&unusable)?;
            report(&removal, removing, invocation)?;
            for name in store.other_formats().map_err(&unusable)? {
                let path = store.root().join(name);
                let text = format!("left: {}, of another version of pybuild", path.display());
                invocation.reporter.report(&Message(Level::Note, text));
            }
            Ok(())
        }
    }
}

fn print(text: &str, invocation: &Invocation<'_>) -> Result<(), Error> {
    let output = invocation.output;
    output.result_bytes(text.as_bytes()).map_err(Error::Output)
}

/// A line about the removal.
struct Message(Level, String);

impl Event for Message {
    fn level(&self) -> Level {
        self.0
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

/// Reports what was removed, or would be; a dry run prints the paths as its result.
fn report(removal: &Removal, removing: Removing, invocation: &Invocation<'_>) -> Result<(), Error> {
    let say = |level, text| invocation.reporter.report(&Message(level, text));
    let paths = removal.removed.iter().map(|item| item.path.display());
    let (removed, freed) = match removing {
        Removing::DryRun => {
            let lines: Vec<String> = paths.map(|path| format!("{path}\n")).collect();
            print(&lines.concat(), invocation)?;
            ("would remove", "would be freed")
        }
        Removing::Remove => {
            paths.for_each(|path| say(Level::Detail, format!("removed {path}")));
            ("removed", "freed")
        }
    };
    for sum in sums(&removal.removed) {
        say(
            Level::Note,
            format!(
                "{removed} {}: {} ({})",
                sum.title(),
                sum.number,
                Size(sum.bytes)
            ),
        );
    }
    say(Level::Note, format!("{} {freed}", Size(removal.freed())));
    for sum in sums(&removal.in_use) {
        let text = format!(
            "left {}: {} ({}), in use by a running pybuild; run this again when it has ended",
            sum.title(),
            sum.number,
            Size(sum.bytes)
        );
        say(Level::Warning, text);
    }
    for item in &removal.in_use {
        say(Level::Detail, format!("in use: {}", item.path.display()));
    }
    Ok(())
}

/// The number and the size of the items of a category.
#[derive(Serialize)]
struct Sum {
    #[serde(skip)]
    category: Category,
    /// The category for programs.
    kind: &'static str,
    number: usize,
    bytes: u64,
}

impl Sum {
    fn title(&self) -> &'static str {
        self.category.title()
    }
}

/// The sums of the categories that have items.
fn sums(items: &[Item]) -> Vec<Sum> {
    let sums = Category::ALL.into_iter().map(|category| {
        let items = items.iter().filter(|item| item.category == category);
        Sum {
            category,
            kind: category.key(),
            number: items.clone().count(),
            bytes: items.map(|item| item.bytes).sum(),
        }
    });
    sums.filter(|sum| sum.number > 0).collect()
}

/// The result of `pybuild cache info`.
#[derive(Serialize)]
struct Info {
    folder: String,
    kinds: Vec<Sum>,
    total_bytes: u64,
    /// Folders of other versions of pybuild. They do not count.
    other_formats: Vec<String>,
    saved: Saved,
    limit: LimitInfo,
}

/// What kept compiles have saved.
#[derive(Serialize)]
struct Saved {
    uses: usize,
    seconds: u64,
}

#[derive(Serialize)]
struct LimitInfo {
    /// `null` if there is no limit.
    bytes: Option<u64>,
    from: &'static str,
}

impl Info {
    fn of(store: &Store, limit: StoreLimit) -> std::io::Result<Self> {
        let items = store.items()?;
        let (uses, milliseconds) = store.saved();
        Ok(Self {
            folder: store.root().display().to_string(),
            total_bytes: items.iter().map(|item| item.bytes).sum(),
            kinds: sums(&items),
            other_formats: store.other_formats()?,
            saved: Saved {
                uses,
                seconds: milliseconds / 1000,
            },
            limit: LimitInfo {
                bytes: match limit.limit {
                    Limit::Unlimited => None,
                    Limit::Size(size) => Some(size.0),
                },
                from: if limit.is_set { LIMIT } else { "default" },
            },
        })
    }

    fn json(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Error::Output(error.into()))?;
        Ok(text + "\n")
    }

    fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.folder);
        let mut row = |title: &str, number: usize, bytes| {
            let size = Size(bytes).to_string();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{title:<22} {number:>7} {size:>12}");
        };
        for sum in &self.kinds {
            row(sum.title(), sum.number, sum.bytes);
        }
        let number = self.kinds.iter().map(|sum| sum.number).sum();
        row("total", number, self.total_bytes);
        text.push('\n');
        if !self.other_formats.is_empty() {
            let names = self.other_formats.join(", ");
            let _ = writeln!(text, "of other versions of pybuild, not counted: {names}");
        }
        let saved = elapsed(Duration::from_secs(self.saved.seconds));
        let uses = self.saved.uses;
        let _ = writeln!(text, "saved by kept compiles: {saved} in {uses} builds");
        let limit = self
            .limit
            .bytes
            .map_or("none".to_owned(), |bytes| Size(bytes).to_string());
        let _ = writeln!(
            text,
            "limit of kept compiles: {limit} ({})",
            self.limit.from
        );
        text
    }
}
