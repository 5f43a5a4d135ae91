//! A server in place of python.org: release files and release data.

use crate::mini_cpython::MiniCpython;
use crate::server::{Answer, Server};

/// A release as python.org lists it.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its version, such as `3.99.1` or `3.99.0rc1`.
    pub version: String,
    /// python.org's digest of the `.tgz`.
    pub sha256: String,
}

impl Published {
    /// A miniature release with its own digest.
    pub fn of(release: &MiniCpython) -> Self {
        Self {
            version: release.top().trim_start_matches("Python-").to_owned(),
            sha256: release.sha256().to_string(),
        }
    }
}

impl Server {
    /// Serves a release's files under the paths that they have at python.org.
    pub fn put_release_files(&self, release: &MiniCpython) {
        for (name, content) in [
            (release.tgz_name(), release.tgz()),
            (release.txz_name(), release.txz()),
        ] {
            self.put(&ftp_path(release, &name), Answer::bytes(content));
        }
    }

    /// Serves python.org's release data (`/api/v2/downloads/`) for these releases.
    pub fn put_release_data(&self, releases: &[Published]) {
        let mut listed = Vec::new();
        for (number, release) in (100..).zip(releases) {
            let uri = self.url(&format!("/api/v2/downloads/release/{number}/"));
            let slug = format!("python-{}", release.version.replace('.', ""));
            let data = serde_json::json!({
                "name": format!("Python {}", release.version),
                "slug": slug,
                "version": release.version.as_bytes()[0] - b'0',
                "is_published": true,
                "is_latest": false,
                "release_date": "2026-08-01T12:00:00Z",
                "pre_release": release.version.contains(['a', 'b', 'c']),
                "release_notes_url": "",
                "show_on_download_page": true,
                "resource_uri": uri,
            });
            let files = serde_json::json!([{
                "name": "Gzipped source tarball",
                "slug": format!("{slug}-Gzipped-source-tarball"),
                "os": self.url("/api/v2/downloads/os/3/"),
                "release": uri,
                "is_source": true,
                "url": self.url(&format!(
                    "/ftp/python/{0}/Python-{0}.tgz", release.version
                )),
                "md5_sum": "",
                "sha256_sum": release.sha256,
                "filesize": 1,
            }]);
            let page = Answer::text("application/json", files.to_string());
            self.put(
                &format!("/api/v2/downloads/release_file/?release={number}"),
                page,
            );
            let page = Answer::text("application/json", serde_json::json!([data]).to_string());
            self.put(&format!("/api/v2/downloads/release/?slug={slug}"), page);
            listed.push(data);
        }
        let page = serde_json::Value::from(listed).to_string();
        self.put(
            "/api/v2/downloads/release/",
            Answer::text("application/json", page),
        );
    }
}

/// The path of a file of this release at python.org.
pub fn ftp_path(release: &MiniCpython, name: &str) -> String {
    let version = release.top();
    format!(
        "/ftp/python/{}/{name}",
        version.trim_start_matches("Python-")
    )
}
