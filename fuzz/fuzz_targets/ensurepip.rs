//! Any text for `Lib/ensurepip/__init__.py`: where it is understood, what is made of it must name the
//! wheels that were wished, and nothing else may have changed about that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pybuild::source::ensurepip::{Bundled, NamedWheel, PinChange, renamed};

fn wheel(version: &str, python_tag: &str) -> NamedWheel {
    NamedWheel {
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
    assert_eq!(renamed(text, None, PinChange::Keep).as_deref(), Ok(text));
    for tag in ["py3", "py2.py3"] {
        let pip = wheel("99.1", tag);
        for setuptools in [
            PinChange::Keep,
            PinChange::Remove,
            PinChange::Replace(wheel("98.2", "py3")),
        ] {
            let Ok(after) = renamed(text, Some(pip.clone()), setuptools.clone()) else {
                continue;
            };
            let named = Bundled::read(&after).expect("what was written is read again");
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
