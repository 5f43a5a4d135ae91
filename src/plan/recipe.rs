//! Recipes: a build as a TOML file. Its keys are the long options that decide the result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::debug_info::DebugInfo;
use super::options::Bytecode;
use super::pin_request::PinRequest;
use super::verification::Verify;
use super::version::VersionRequest;
use crate::digest::Sha256;

/// A build. Each key is the long option of the same name; see `pybuild --help`. Relative paths start at the
/// folder of the recipe.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag in a file is a bool; BuildSettings makes enums of them"
)]
pub(crate) struct Recipe {
    /// CPython version: a release such as 3.11.2, or 3.11, 3 or latest for the newest final release
    #[schemars(with = "Option<String>")]
    pub(crate) python: Option<VersionRequest>,
    /// pip to bundle in ensurepip: latest, bundled, a version, a range, the path of a wheel, or none
    #[schemars(with = "Option<String>")]
    pub(crate) pip: Option<PinRequest>,
    /// setuptools to bundle in ensurepip, up to CPython 3.11: as for pip
    #[schemars(with = "Option<String>")]
    pub(crate) setuptools: Option<PinRequest>,
    /// Installation prefix; {version}, {pip} and {setuptools} in it become the versions
    pub(crate) prefix: Option<PathBuf>,
    /// CPython source: a release archive, its URL, or an unpacked source tree
    pub(crate) source: Option<String>,
    /// SHA-256 of the release archive, for a release that pybuild does not know
    #[schemars(with = "Option<String>")]
    pub(crate) sha256: Option<Sha256>,
    /// How to verify the release archive
    pub(crate) verify: Option<Verify>,
    /// Files of OpenPGP keys to trust in addition to the release managers' keys
    pub(crate) keyring: Vec<PathBuf>,
    /// Also create the links bin/python, bin/pip, bin/idle, bin/pydoc and bin/python-config
    pub(crate) unversioned_links: bool,
    /// Enable profile-guided and link-time optimisation
    pub(crate) optimize: bool,
    /// Build libpython as a shared library
    pub(crate) enable_shared: bool,
    /// Optimisation levels of the compiled modules that are installed
    pub(crate) bytecode: Option<Bytecode>,
    /// Debug information of the interpreter and its libraries
    pub(crate) debug_info: Option<DebugInfo>,
    /// Extra arguments for configure
    pub(crate) configure_arg: Vec<String>,
    /// Variables for the build's commands, such as CFLAGS; on the command line `--configure-arg NAME=VALUE`
    pub(crate) environment: BTreeMap<String, String>,
    /// Patches for CPython's source: files, or addresses with #sha256=HEX
    pub(crate) patch: Vec<PathBuf>,
    /// Wheels to install with the built pip: files, or addresses with #sha256=HEX
    pub(crate) wheel: Vec<PathBuf>,
    /// Compatibility patches of pybuild to skip
    pub(crate) no_compat_patch: Vec<String>,
    /// Skip all of pybuild's compatibility patches
    pub(crate) no_compat_patches: bool,
    /// Modules of the standard library that must work
    pub(crate) require: Vec<String>,
    /// Modules that may be missing; zlib, ssl and ctypes are required by default
    pub(crate) allow_missing: Vec<String>,
    /// Extension modules that are not compiled, although their libraries are there
    pub(crate) without_module: Vec<String>,
}

/// Several builds of one recipe: each version with each pip, each setuptools and each set of options.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
struct Matrix {
    /// CPython versions
    #[schemars(with = "Vec<String>")]
    python: Vec<VersionRequest>,
    /// Versions of pip
    #[schemars(with = "Vec<String>")]
    pip: Vec<PinRequest>,
    /// Versions of setuptools
    #[schemars(with = "Vec<String>")]
    setuptools: Vec<PinRequest>,
    /// Keys of a recipe that replace those outside of the matrix
    options: Vec<Recipe>,
}

/// The whole file, for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "pybuild recipe")]
#[expect(dead_code, reason = "only its schema is used")]
struct File {
    #[serde(flatten)]
    recipe: Recipe,
    /// Several builds of one recipe
    #[serde(default)]
    matrix: Matrix,
}

impl Recipe {
    /// The keys that are set.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::try_from(self).unwrap_or_default();
        table.retain(|_, value| match value {
            Value::Boolean(set) => *set,
            Value::Array(items) => !items.is_empty(),
            Value::Table(keys) => !keys.is_empty(),
            _ => true,
        });
        table
    }
}

/// Builds that have one set of options: each version with each pip and each setuptools.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecipeBuilds {
    pub(crate) python: Vec<VersionRequest>,
    pub(crate) pip: Vec<PinRequest>,
    pub(crate) setuptools: Vec<PinRequest>,
    /// Without the three above.
    pub(crate) options: Recipe,
}

/// The defect of a recipe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRecipe {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("the key `{key}` is unknown")]
    UnknownKey { key: String, near: Option<String> },
    #[error("the key `{key}` is in the recipe and in its matrix")]
    Twice { key: String },
    #[error("the variable `{name}` does not get to the build")]
    UnknownVariable { name: String },
    #[error("no CPython version is given: the key `python` is missing")]
    NoPython,
}

/// The JSON Schema of a recipe.
pub(crate) fn schema() -> Schema {
    schema_for!(File)
}

/// Whether the text is a recipe; for fuzzing.
#[must_use]
pub fn is_recipe(text: &str) -> bool {
    read(text).is_ok()
}

/// The keys of a recipe without the matrix.
pub(crate) fn keys() -> BTreeSet<String> {
    properties(&schema_for!(Recipe))
}

fn properties(schema: &Schema) -> BTreeSet<String> {
    let properties = schema.get("properties").and_then(|found| found.as_object());
    properties
        .into_iter()
        .flat_map(|keys| keys.keys().cloned())
        .collect()
}

/// Reads a recipe. The result has an element for each set of options.
pub(crate) fn read(text: &str) -> Result<Vec<RecipeBuilds>, InvalidRecipe> {
    // Once as the types, whose errors name the line.
    let recipe: Recipe = toml::from_str(text)?;
    let mut table: Table = toml::from_str(text)?;
    let matrix = table.remove(MATRIX);
    ensure_known(&table, &keys(), "")?;
    let (matrix, options) = match matrix {
        None => (Matrix::default(), Vec::new()),
        Some(matrix) => read_matrix(matrix, &table)?,
    };
    let sets = if options.is_empty() {
        vec![recipe]
    } else {
        options
    };
    sets.into_iter()
        .map(|mut options| {
            let python = one_or_all(options.python.take(), &matrix.python);
            if python.is_empty() {
                return Err(InvalidRecipe::NoPython);
            }
            let pip = one_or_all(options.pip.take(), &matrix.pip);
            let setuptools = one_or_all(options.setuptools.take(), &matrix.setuptools);
            Ok(RecipeBuilds {
                python,
                pip,
                setuptools,
                options,
            })
        })
        .collect()
}

const MATRIX: &str = "matrix";
const OPTIONS: &str = "options";

/// The matrix, and its sets of options over the keys of the recipe.
fn read_matrix(matrix: Value, recipe: &Table) -> Result<(Matrix, Vec<Recipe>), InvalidRecipe> {
    let typed: Matrix = matrix.clone().try_into()?;
    let Value::Table(matrix) = matrix else {
        return Ok((typed, Vec::new()));
    };
    ensure_known(&matrix, &properties(&schema_for!(Matrix)), "matrix.")?;
    let sets = matrix.get(OPTIONS).and_then(Value::as_array);
    let sets = sets.into_iter().flatten().filter_map(Value::as_table);
    let mut options = Vec::new();
    for set in sets.clone() {
        ensure_known(set, &keys(), "matrix.options.")?;
        let mut merged = recipe.clone();
        merged.extend(set.clone());
        options.push(Value::Table(merged).try_into()?);
    }
    let outside: Vec<&Table> = sets.chain([recipe]).collect();
    let is_twice = |key: &&str| {
        matrix.contains_key(*key) && outside.iter().any(|table| table.contains_key(*key))
    };
    match ["python", "pip", "setuptools"].into_iter().find(is_twice) {
        Some(key) => Err(InvalidRecipe::Twice {
            key: key.to_owned(),
        }),
        None => Ok((typed, options)),
    }
}

fn one_or_all<T: Clone>(one: Option<T>, all: &[T]) -> Vec<T> {
    one.map_or_else(|| all.to_vec(), |one| vec![one])
}

fn ensure_known(
    table: &Table,
    known: &BTreeSet<String>,
    before: &str,
) -> Result<(), InvalidRecipe> {
    let Some(key) = table.keys().find(|key| !known.contains(*key)) else {
        return Ok(());
    };
    let mut near: Vec<(f64, &String)> = known
        .iter()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    Err(InvalidRecipe::UnknownKey {
        key: format!("{before}{key}"),
        near: near.first().map(|(_, key)| (*key).clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::{InvalidRecipe, read};

    #[test]
    fn each_set_of_options_has_all_versions_and_pins() {
        let text = "pip = \"latest\"\nrequire = [\"ssl\"]\n[matrix]\npython = [\"3.11.2\", \"3.13\"]\n\
                    [[matrix.options]]\noptimize = true\n[[matrix.options]]\nrequire = [\"zlib\"]\n";
        let builds = read(text).unwrap();
        assert_eq!(builds.len(), 2);
        for build in &builds {
            assert_eq!(build.python.len(), 2);
            assert_eq!(build.pip.len(), 1);
            assert_eq!(build.setuptools.len(), 0);
        }
        let options = [&builds[0].options, &builds[1].options];
        assert_eq!(options.map(|options| options.optimize), [true, false]);
        assert_eq!(options.map(|options| &*options.require[0]), ["ssl", "zlib"]);
    }

    #[test]
    fn a_recipe_with_an_unknown_or_doubled_key_is_refused() {
        let said = |text: &str| match read(text).unwrap_err() {
            InvalidRecipe::UnknownKey { key, near } => format!("{key}: {}", near.unwrap()),
            other => other.to_string(),
        };
        let python = "python = \"3.11.2\"\n";
        let with = |text: &str| said(&format!("{python}{text}"));
        assert_eq!(with("pipp = \"24.0\""), "pipp: pip");
        assert_eq!(with("[matrix]\npips = []"), "matrix.pips: pip");
        assert_eq!(
            with("[[matrix.options]]\noptimise = true"),
            "matrix.options.optimise: optimize"
        );
        // A recipe in its own matrix.
        assert!(with("[[matrix.options]]\nmatrix = {}").starts_with("matrix.options.matrix: "));
        assert!(with("[matrix]\npython = [\"3.13\"]").contains("`python`"));
        assert!(said("pip = \"24.0\"").contains("`python` is missing"));
        assert!(with("optimize = \"yes\"").contains("line 2"));
        assert!(with("pip = \"~~\"").contains("`~~`"));
    }

    #[test]
    fn every_recipe_of_the_folder_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
        let mut count = 0;
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs_err::read_to_string(&path).unwrap();
            assert_eq!(read(&text).unwrap().len(), 1, "{}", path.display());
            count += 1;
        }
        assert!(count >= 6);
    }
}
