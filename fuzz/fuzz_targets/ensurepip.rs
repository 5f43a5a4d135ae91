//! Any text for `Lib/ensurepip/__init__.py`: where it can be parsed, the changed text must name the new
//! wheels and keep the others.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pybuild::source::ensurepip::{Bundled, BundledWheel, PinChange, PinChanges, with_wheels};

fn wheel(version: &str, python_tag: &str) -> BundledWheel {
    BundledWheel {
        version: version.to_owned(),
        python_tag: python_tag.to_owned(),
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(before) = Bundled::read(text) else {
        return;
    };
    let nothing = PinChanges {
        pip: None,
        setuptools: PinChange::Keep,
    };
    assert_eq!(with_wheels(text, &nothing).as_deref(), Ok(text));
    for tag in ["py3", "py2.py3"] {
        let pip = wheel("99.1", tag);
        for setuptools in [
            PinChange::Keep,
            PinChange::Remove,
            PinChange::Replace(wheel("98.2", "py3")),
        ] {
            let changes = PinChanges {
                pip: Some(pip.clone()),
                setuptools: setuptools.clone(),
            };
            let Ok(after) = with_wheels(text, &changes) else {
                continue;
            };
            let named = Bundled::read(&after).expect("the new text can be parsed");
            assert_eq!(named.pip, pip);
            let expected = match setuptools {
                PinChange::Keep => before.setuptools.clone(),
                PinChange::Remove => None,
                PinChange::Replace(wheel) => Some(wheel),
            };
            assert_eq!(named.setuptools, expected);
        }
    }
});
