//! The layers of `src/`: a file uses its own folder and the layers below it, and no two files use each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, Token, UseTree};

/// The table in `docs/development.md` is the definition of the layers.
const DOCUMENT: &str = include_str!("../../docs/development.md");

type Path = Vec<String>;

/// The modules that one file declares and uses.
#[derive(Default)]
struct Module {
    /// Names that `use` brings in, with their absolute paths.
    imports: BTreeMap<String, Path>,
    /// Names among `imports` that other files may use through this module.
    exports: BTreeSet<String>,
    /// Absolute paths that the code uses.
    used: BTreeSet<Path>,
    children: BTreeSet<String>,
    test_children: BTreeSet<String>,
}

/// Collects the paths of one file. Items for tests are left out.
struct Reader<'a> {
    own: &'a Path,
    module: Module,
}

impl Reader<'_> {
    /// The absolute path, without `crate`; `None` for a path into another crate.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let mut base = self.own.clone();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => base.extend_from_slice(&path[1..]),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                base.truncate(base.len().saturating_sub(ups));
                base.extend_from_slice(&path[ups..]);
            }
            first if self.module.children.contains(first) => base.extend_from_slice(path),
            first => {
                let mut found = self.module.imports.get(first)?.clone();
                found.extend_from_slice(&path[1..]);
                return Some(found);
            }
        }
        Some(base)
    }

    fn read_use(&mut self, tree: &UseTree, before: &mut Path, exported: bool) {
        match tree {
            UseTree::Path(part) => {
                before.push(part.ident.to_string());
                self.read_use(&part.tree, before, exported);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(tree, before, exported);
                }
            }
            UseTree::Name(name) => self.add_use(before, &name.ident.to_string(), None, exported),
            UseTree::Rename(name) => {
                let local = name.rename.to_string();
                self.add_use(before, &name.ident.to_string(), Some(local), exported);
            }
            UseTree::Glob(_) => {}
        }
    }

    fn add_use(&mut self, before: &Path, name: &str, local: Option<String>, exported: bool) {
        let mut path = before.clone();
        if name != "self" {
            path.push(name.to_owned());
        }
        let Some(absolute) = self.absolute(&path) else {
            return;
        };
        let local = local.unwrap_or_else(|| path[path.len() - 1].clone());
        if exported {
            self.module.exports.insert(local.clone());
        } else {
            // Macros may be the only users of an import, and their text is not always read.
            self.module.used.insert(absolute.clone());
        }
        self.module.imports.insert(local, absolute);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg")
            && list.is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            let exported = !matches!(item.vis, syn::Visibility::Inherited);
            self.read_use(&item.tree, &mut Vec::new(), exported);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Path = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if let Some(absolute) = self.absolute(&names) {
            self.module.used.insert(absolute);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = arguments.parse2(call.tokens.clone()) {
            for argument in &arguments {
                // The borrow ends with this call: the tree of a macro lives no longer than it.
                let mut inner = Reader {
                    own: self.own,
                    module: std::mem::take(&mut self.module),
                };
                visit::visit_expr(&mut inner, argument);
                self.module = inner.module;
            }
        }
        visit::visit_macro(self, call);
    }
}

fn read(own: &Path, text: &str) -> Module {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{own:?}: {error}"));
    let mut reader = Reader {
        own,
        module: Module::default(),
    };
    for item in &file.items {
        if let Item::Mod(child) = item {
            let name = child.ident.to_string();
            if is_for_tests(&child.attrs) {
                reader.module.test_children.insert(name);
            } else {
                reader.module.children.insert(name);
            }
        }
    }
    // Imports first: a path in the code may begin with the name of one further down.
    for item in &file.items {
        if let Item::Use(item) = item {
            reader.visit_item_use(item);
        }
    }
    reader.visit_file(&file);
    reader.module
}

/// All files of a crate, by module.
struct Tree(BTreeMap<Path, Module>);

impl Tree {
    /// Reads files, named by their path below `src/`.
    fn read<'a>(files: impl IntoIterator<Item = (String, &'a str)>) -> Self {
        let mut modules = BTreeMap::new();
        for (name, text) in files {
            let mut own: Path = name
                .trim_end_matches(".rs")
                .split('/')
                .map(ToOwned::to_owned)
                .collect();
            if own.last().is_some_and(|last| last == "mod") {
                own.pop();
            }
            if own == ["lib"] {
                own.clear();
            }
            let module = read(&own, text);
            modules.insert(own, module);
        }
        let for_tests: BTreeSet<Path> = modules
            .iter()
            .flat_map(|(own, module)| {
                let children = module.test_children.iter();
                children.map(move |child| [own.as_slice(), std::slice::from_ref(child)].concat())
            })
            .collect();
        modules.retain(|own, _| !(1..=own.len()).any(|n| for_tests.contains(&own[..n])));
        Self(modules)
    }

    /// The module that defines what the path names; exports are followed.
    fn defining(&self, path: &[String]) -> Option<Path> {
        let own = (0..=path.len()).rev().map(|n| &path[..n]);
        let own = own.into_iter().find(|own| self.0.contains_key(*own))?;
        let name = path.get(own.len())?;
        let module = &self.0[own];
        match module.imports.get(name) {
            Some(target) if module.exports.contains(name) && target != path => {
                let rest = &path[own.len() + 1..];
                self.defining(&[target.as_slice(), rest].concat())
            }
            _ => Some(own.to_vec()),
        }
    }

    /// Which modules each module uses.
    fn uses(&self) -> BTreeMap<&Path, BTreeSet<Path>> {
        let uses = self.0.iter().map(|(own, module)| {
            let used = module.used.iter().filter_map(|path| self.defining(path));
            (own, used.filter(|other| other != own).collect())
        });
        uses.collect()
    }

    fn upward(&self, layers: &[Vec<String>]) -> Vec<String> {
        let height = |module: &Path| {
            let folder = module.first().map_or("lib", String::as_str);
            layers
                .iter()
                .position(|layer| layer.iter().any(|name| name == folder))
                .unwrap_or_else(|| panic!("no layer lists `{folder}`"))
        };
        let uses = self.uses();
        let edges = uses
            .iter()
            .flat_map(|(own, others)| others.iter().map(move |other| (*own, other)));
        edges
            .filter(|(own, other)| height(other) > height(own))
            .map(|(own, other)| format!("{} uses {}", own.join("::"), other.join("::")))
            .collect()
    }

    /// One shortest circle for each module that is in any.
    fn circles(&self) -> BTreeSet<String> {
        let uses = self.uses();
        let mut circles = BTreeSet::new();
        for start in uses.keys() {
            let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
            let mut queue = VecDeque::from([*start]);
            while let Some(module) = queue.pop_front() {
                for next in uses.get(module).into_iter().flatten() {
                    if !came_from.contains_key(next) {
                        came_from.insert(next, module);
                        queue.push_back(next);
                    }
                }
            }
            if came_from.contains_key(start) {
                let mut circle = vec![start.join("::")];
                let mut at = came_from[start];
                while at != *start {
                    circle.push(at.join("::"));
                    at = came_from[at];
                }
                circle.sort();
                circles.insert(circle.join(", "));
            }
        }
        circles
    }
}

/// The layers, lowest first: the names between backquotes in the first column of the table.
fn layers() -> Vec<Vec<String>> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let names = row.split('|').nth(1).unwrap_or_default().split('`');
        let names = names.skip(1).step_by(2);
        names
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect()
    })
    .collect()
}

fn source() -> Tree {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(folder).unwrap();
            files.push((
                name.to_str().unwrap().to_owned(),
                fs_err::read_to_string(path).unwrap(),
            ));
        }
    }
    assert!(files.len() > 100);
    Tree::read(
        files
            .iter()
            .map(|(name, text)| (name.clone(), text.as_str())),
    )
}

#[test]
fn no_layer_uses_a_higher_one() {
    assert_eq!(source().upward(&layers()), Vec::<String>::new());
}

#[test]
fn no_two_files_use_each_other() {
    assert_eq!(source().circles(), BTreeSet::new());
}

#[test]
fn the_check_follows_exports_modules_and_macros() {
    let files = [
        ("lib.rs", "mod low; mod high;"),
        (
            "low.rs",
            "use crate::high; fn f() { print!(\"{}\", high::inner::g()) }",
        ),
        (
            "high/mod.rs",
            "pub mod inner; pub use inner::G; #[cfg(test)] mod tests;",
        ),
        ("high/inner.rs", "pub struct G; fn h() { crate::low::f() }"),
        ("high/tests.rs", "use super::G; use crate::low::f;"),
    ];
    let tree = Tree::read(files.map(|(name, text)| (name.to_owned(), text)));
    let layers = [
        vec!["low".to_owned()],
        vec!["high".to_owned()],
        vec!["lib".to_owned()],
    ];
    assert_eq!(tree.upward(&layers), ["low uses high::inner"]);
    let circles = BTreeSet::from(["high::inner, low".to_owned()]);
    assert_eq!(tree.circles(), circles);
}
