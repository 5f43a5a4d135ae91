//! Any recipe.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = pybuild::is_recipe(text);
});
