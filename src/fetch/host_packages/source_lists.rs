//! The host's apt source lists, rewritten so that they ask for source packages (sources.list(5)).

use std::collections::BTreeSet;
use std::path::Path;

/// Source lists for a private apt configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SourceLists {
    pub(super) one_line: String,
    pub(super) deb822: String,
}

impl SourceLists {
    /// Rewrites the host's own lists. A list that cannot be read is left out: apt reports it.
    pub(super) fn of_host(list: &Path, parts: &Path) -> Self {
        let mut files = vec![list.to_owned()];
        let entries = std::fs::read_dir(parts).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()));
        // apt reads them in this order too.
        files[1..].sort();
        let mut lists = Self::default();
        for file in files {
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => lists.add_one_line(&text),
                Some("sources") => lists.add_deb822(&text),
                // apt does not read other files either.
                _ => {}
            }
        }
        lists
    }

    pub(super) fn is_empty(&self) -> bool {
        self.one_line.is_empty() && self.deb822.is_empty()
    }

    fn add_one_line(&mut self, text: &str) {
        let mut known: BTreeSet<String> = self.one_line.lines().map(ToOwned::to_owned).collect();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let Some(("deb" | "deb-src", rest)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let rest = rest.trim();
            // A disc may be neither in its drive nor mounted.
            if without_options(rest).starts_with("cdrom:") {
                continue;
            }
            let line = format!("deb-src {rest}");
            if known.insert(line.clone()) {
                self.one_line.push_str(&line);
                self.one_line.push('\n');
            }
        }
    }

    /// All fields of a stanza stay (`Signed-By` may even hold a whole key), except the types.
    fn add_deb822(&mut self, text: &str) {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect::<Vec<_>>();
        for stanza in lines.split(|line| line.trim().is_empty()) {
            let fields = fields(stanza);
            let value = |wanted: &str| {
                fields
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                    .map(|(_, lines)| lines.join(" ").to_ascii_lowercase())
            };
            let types = value("Types").unwrap_or_default();
            let of_packages = types
                .split_whitespace()
                .any(|kind| kind == "deb" || kind == "deb-src");
            let disabled = value("Enabled").is_some_and(|enabled| {
                ["no", "false", "0", "off", "without", "disable"].contains(&enabled.trim())
            });
            let on_disc = value("URIs").is_some_and(|uris| uris.trim().starts_with("cdrom:"));
            if !of_packages || disabled || on_disc {
                continue;
            }
            let mut converted = String::from("Types: deb-src\n");
            for (name, lines) in &fields {
                if name.eq_ignore_ascii_case("Types") {
                    continue;
                }
                converted.extend([name, ":", &lines.join("\n"), "\n"]);
            }
            if !self.deb822.contains(&converted) {
                self.deb822.push_str(&converted);
                self.deb822.push('\n');
            }
        }
    }
}

/// The fields of a stanza: names, and the unchanged lines of the values.
fn fields<'a>(stanza: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in stanza {
        if line.starts_with([' ', '\t']) {
            if let Some((_, lines)) = fields.last_mut() {
                lines.push(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim(), vec![value]));
        }
    }
    fields
}

/// `[arch=amd64 signed-by=/a/key] https://…` without the options in brackets.
fn without_options(entry: &str) -> &str {
    entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(entry, |(_, rest)| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::SourceLists;

    #[test]
    fn one_line_entries_become_source_entries() {
        let mut lists = SourceLists::default();
        lists.add_one_line(
            "# deb http://h.example/old bookworm main\n\
             deb http://h.example/debian bookworm main contrib # the archive\n\
             deb-src http://h.example/debian bookworm main contrib\n\
             deb\t[arch=amd64 signed-by=/usr/share/keyrings/a.gpg]  https://p.example/apt ./\n\
             deb cdrom:[Debian 12]/ bookworm main\n\
             deb [trusted=yes] cdrom:[Debian 12]/ bookworm main\n\
             rpm http://h.example/ nothing\n",
        );
        assert_eq!(
            lists.one_line,
            "deb-src http://h.example/debian bookworm main contrib\n\
             deb-src [arch=amd64 signed-by=/usr/share/keyrings/a.gpg]  https://p.example/apt ./\n"
        );
    }

    #[test]
    fn deb822_stanzas_become_source_stanzas() {
        let mut lists = SourceLists::default();
        lists.add_deb822(
            "# The archive\nTypes: deb\nURIs: http://h.example/ubuntu/\nSuites: noble noble-updates\n\
             Components: main\n universe\n# a remark between\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n\n\n\
             Types: deb deb-src\nEnabled: No\nURIs: http://off.example/\nSuites: a\n\n\
             types: deb-src\nURIs: http://src.example/\nSuites: ./\n\n\
             X-Remark: nothing of a source\n",
        );
        assert_eq!(
            lists.deb822,
            "Types: deb-src\nURIs: http://h.example/ubuntu/\nSuites: noble noble-updates\n\
             Components: main\n universe\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n\n\
             Types: deb-src\nURIs: http://src.example/\nSuites: ./\n\n"
        );
    }

    #[test]
    fn only_the_files_that_apt_reads_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let parts = dir.path().join("sources.list.d");
        fs_err::create_dir(&parts).unwrap();
        let list = dir.path().join("sources.list");
        fs_err::write(&list, "deb http://first.example/ a b\n").unwrap();
        fs_err::write(parts.join("b.list"), "deb http://second.example/ a b\n").unwrap();
        fs_err::write(
            parts.join("c.list.disabled"),
            "deb http://no.example/ a b\n",
        )
        .unwrap();
        fs_err::write(
            parts.join("a.sources"),
            "Types: deb\r\nURIs: http://third.example/\r\nSuites: a\r\n",
        )
        .unwrap();
        let lists = SourceLists::of_host(&list, &parts);
        assert_eq!(
            lists.one_line,
            "deb-src http://first.example/ a b\ndeb-src http://second.example/ a b\n"
        );
        assert_eq!(
            lists.deb822,
            "Types: deb-src\nURIs: http://third.example/\nSuites: a\n\n"
        );
        let nothing = SourceLists::of_host(&dir.path().join("none"), &dir.path().join("none.d"));
        assert!(nothing.is_empty());
    }
}
