//! The limit of the store, and the removal of what was not used for the longest time.

use std::io;
use std::time::{Duration, SystemTime};

use super::Store;
use super::built::Kind;
use super::in_use::Removing;
use super::inventory::{Category, Item};
use super::removal::{Removal, Remover};
use super::size::Size;
use super::sweep::LONG_AGO;
use crate::digest::Sha256;

/// The largest size of all built things together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Unlimited,
    Size(Size),
}

impl Limit {
    /// A kept compile takes some 30 MiB, so this is room for about sixty: more releases and prefixes than
    /// one person uses, in less than one per cent of a laptop's disk.
    pub(crate) const DEFAULT: Self = Self::Size(Size(2 << 30));

    /// Whether built things are kept at all.
    pub(crate) fn keeps_built_things(self) -> bool {
        self != Self::Size(Size(0))
    }
}

/// The things to remove, beside old partial downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prune {
    /// Built things, until the limit is met.
    ToLimit(Limit),
    /// Everything that was not used for a time, and then more until the store has a size.
    Unused {
        older_than: Option<Duration>,
        keep_size: Option<Size>,
    },
}

impl Prune {
    /// Whether an item is looked at.
    fn considers(self, item: &Item) -> bool {
        match self {
            Self::ToLimit(_) => {
                item.category.is_built() || item.category == Category::PartialDownloads
            }
            Self::Unused { .. } => item.category.is_pruned(),
        }
    }

    /// Whether an item is removed for its age alone.
    fn is_old(self, item: &Item, now: SystemTime) -> bool {
        let age = now.duration_since(item.used).unwrap_or_default();
        let stale = item.category == Category::PartialDownloads && age > LONG_AGO;
        match self {
            Self::Unused {
                older_than: Some(time),
                ..
            } => stale || age > time,
            _ => stale,
        }
    }

    /// The size that the items are brought to.
    fn size(self) -> Option<Size> {
        match self {
            Self::ToLimit(Limit::Unlimited) => None,
            Self::ToLimit(Limit::Size(size)) => Some(size),
            Self::Unused { keep_size, .. } => keep_size,
        }
    }

    /// Whether an item counts for that size.
    fn counts(self, item: &Item) -> bool {
        matches!(self, Self::Unused { .. }) || item.category.is_built()
    }
}

impl Store {
    /// Removes what `prune` names, the least recently used first.
    ///
    /// # Errors
    /// When the store cannot be read, or something cannot be removed.
    pub(crate) fn prune(&self, prune: Prune, removing: Removing) -> io::Result<Removal> {
        let removal = self.prune_items(self.items()?, prune, removing)?;
        if removing == Removing::Remove {
            self.sweep();
        }
        Ok(removal)
    }

    /// Removes the least recently used built things until the limit is met. Those that were just kept or
    /// used stay, as do those that a process uses.
    pub(crate) fn enforce_limit(
        &self,
        limit: Limit,
        just_used: &[(Kind, Sha256)],
    ) -> io::Result<Removal> {
        let mut built = self.items_of(Category::Compiles)?;
        built.extend(self.items_of(Category::Installs)?);
        // Locks of this process keep them.
        let locked = just_used.iter().map(|(kind, key)| self.built(*kind, *key));
        let _locked: Vec<_> = locked.collect();
        let mut removal = self.prune_items(built, Prune::ToLimit(limit), Removing::Remove)?;
        let used = just_used
            .iter()
            .map(|(kind, key)| self.entry_folder(*kind, *key));
        let used: Vec<_> = used.collect();
        removal.in_use.retain(|item| !used.contains(&item.path));
        Ok(removal)
    }

    fn prune_items(
        &self,
        mut items: Vec<Item>,
        prune: Prune,
        removing: Removing,
    ) -> io::Result<Removal> {
        let now = SystemTime::now();
        items.retain(|item| prune.considers(item));
        items.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let counted = |item: &Item| if prune.counts(item) { item.bytes } else { 0 };
        let mut size: u64 = items.iter().map(counted).sum();
        let mut remover = Remover::new(self, removing);
        for item in items {
            let bytes = counted(&item);
            let is_too_much = bytes > 0 && prune.size().is_some_and(|limit| size > limit.0);
            if (is_too_much || prune.is_old(&item, now)) && remover.remove(item)? {
                size -= bytes;
            }
        }
        Ok(remover.removal)
    }
}

#[cfg(test)]
mod tests;
