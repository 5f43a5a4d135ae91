//! The SHA-256 of files that an index lists with another digest only. The store has files under their
//! SHA-256, so without this they would be downloaded each time.

use crate::digest::{Digest, Sha256};
use crate::fetch::context::FetchContext;
use crate::fetch::event::Event;
use crate::store::StoredFile;

/// The folder of the store: a file for each digest, which holds the SHA-256 of the same content.
const FOLDER: &str = "other-digests";

fn name(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}

/// The file with this digest, if the store has it. The digest is verified again.
pub(super) fn find(digest: &Digest, context: &FetchContext<'_>) -> Option<StoredFile> {
    let path = context.store.root().join(FOLDER).join(name(digest));
    let sha256: Sha256 = fs_err::read_to_string(path).ok()?.parse().ok()?;
    let file = context.look_up(&[sha256])?;
    let found = digest.same_of_file(file.path()).ok()?;
    (found == *digest).then_some(file)
}

/// Stores the SHA-256 of a file. A store that cannot be written is not an error.
pub(super) fn keep(digest: &Digest, sha256: Sha256, context: &FetchContext<'_>) {
    if *digest == Digest::Sha256(sha256) {
        return;
    }
    let text = sha256.to_string();
    if let Err(error) = context.store.put(FOLDER, &name(digest), text.as_bytes()) {
        let event = Event::DigestNotKept { digest, error };
        context.reporter.report(&event);
    }
}
