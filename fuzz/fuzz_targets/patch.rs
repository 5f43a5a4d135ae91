//! Any patch, applied to a small tree: it applies completely or changes nothing, and it never changes
//! a file outside the tree.

#![no_main]

mod outside;

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use outside::{Place, snapshot};
use pybuild::source::patch::{Patch, apply};

fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("Lib")).expect("a folder of our own");
    fs::write(root.join("configure"), "one\ntwo\nthree\nfour\nfive\n").expect("a file of our own");
    fs::write(root.join("Lib/os.py"), "sep = '/'\nname = 'posix'\n").expect("a file of our own");
    fs::write(root.join("Lib/empty.py"), "").expect("a file of our own");
    // Out of the tree, as a release's links never lead.
    std::os::unix::fs::symlink("../outside", root.join("link")).expect("a link of our own");
}

fuzz_target!(|data: &[u8]| {
    let place = Place::new();
    make_tree(&place.inside);
    let before = snapshot(&place.inside);
    let changed = apply(&place.inside, &[Patch::new("fuzzed.patch", data)]);
    place.assert_nothing_outside_changed();
    let after = snapshot(&place.inside);
    match changed {
        Err(_) => assert_eq!(before, after, "a patch that is refused changes nothing"),
        Ok(changed) => {
            for (name, content) in &after {
                let is_said = changed.iter().any(|path| path == name);
                let is_new_folder = content.is_none() && !before.contains_key(name);
                assert!(
                    is_said || is_new_folder || before.get(name) == Some(content),
                    "{}",
                    name.display()
                );
            }
        }
    }
});
