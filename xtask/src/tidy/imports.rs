//! Finds out from the source which modules of a crate import each other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, UseTree};

use super::Files;

/// An import of one module from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    /// The source file.
    pub(super) file: String,
    /// The top-level module that the file belongs to.
    pub(super) from: String,
    /// The top-level module that the name comes from.
    pub(super) to: String,
    /// The name, if it was imported from the crate's root, which only re-exports it.
    pub(super) through_root: Option<String>,
}

/// Returns what the top-level modules of a crate, such as `crates/pmoe-core`, import from each
/// other. Test code is ignored.
pub(super) fn imports(files: &Files, folder: &str) -> Result<Vec<Import>> {
    let source = format!("{folder}/src/");
    let mut modules = Vec::new();
    for (path, text) in files.below(&source, ".rs") {
        let file = syn::parse_file(text).with_context(|| format!("cannot parse {path}"))?;
        let mut module = Module::of(path, &source);
        module.visit_file(&file);
        modules.push(module);
    }
    let tests: BTreeSet<_> = modules.iter().flat_map(|module| module.tests.clone()).collect();
    let is_test =
        |module: &Module| tests.iter().any(|test: &Vec<String>| module.path.starts_with(test));
    modules.retain(|module| !is_test(module));
    let tops: BTreeSet<String> =
        modules.iter().filter_map(|module| module.path.first().cloned()).collect();

    let (roots, others): (Vec<_>, Vec<_>) =
        modules.into_iter().partition(|module| module.path.is_empty());
    let re_exports: BTreeMap<String, String> = roots
        .iter()
        .flat_map(|root| &root.names)
        .filter(|(_, path)| path.first().is_some_and(|top| tops.contains(top)))
        .map(|(name, path)| (name.clone(), path[0].clone()))
        .collect();

    let mut all = BTreeSet::new();
    for Module { file, path: module, names, paths, .. } in others {
        let from = &module[0];
        let absolute = names.into_iter().map(|(_, path)| path).chain(paths);
        for path in absolute {
            let Some(first) = path.first() else { continue };
            let (to, through_root) = match re_exports.get(first) {
                _ if tops.contains(first) => (first, None),
                Some(module) => (module, Some(first.clone())),
                None => continue,
            };
            if to != from || through_root.is_some() {
                let [from, to] = [from, to].map(Clone::clone);
                all.insert(Import { file: file.clone(), from, to, through_root });
            }
        }
    }
    Ok(all.into_iter().collect())
}

/// A source file and the names of its own crate that it uses.
struct Module {
    file: String,
    /// The module's path from the root.
    path: Vec<String>,
    /// Modules that exist only for tests.
    tests: BTreeSet<Vec<String>>,
    /// Imports: the local name, and the path from the root.
    names: Vec<(String, Vec<String>)>,
    /// Other paths, from the root.
    paths: Vec<Vec<String>>,
}

impl Module {
    fn of(file: &str, source: &str) -> Self {
        let inner = file.trim_start_matches(source).trim_end_matches(".rs");
        let path = match inner {
            "lib" | "main" => Vec::new(),
            _ => inner.split('/').map(str::to_owned).collect(),
        };
        Self {
            file: file.to_owned(),
            path,
            tests: BTreeSet::new(),
            names: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Resolves a path against the root; `None` if it may refer to another crate or to a local
    /// name.
    fn absolute(&self, written: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = written.split_first()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.path.clone(),
            "super" => self.path.split_last()?.1.to_vec(),
            // In the root, any path may start with a module of this crate.
            _ if self.path.is_empty() => vec![first.clone()],
            _ => return None,
        };
        while let Some(("super", more)) = rest.split_first().map(|(one, more)| (one.as_str(), more))
        {
            path.pop()?;
            rest = more;
        }
        path.extend_from_slice(rest);
        Some(path)
    }

    fn add_path(&mut self, written: &[String]) {
        self.paths.extend(self.absolute(written));
    }

    fn add_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, before)),
            UseTree::Name(name) if name.ident == "self" => self.add_name(before.last(), before),
            UseTree::Name(name) => self.add_name(Some(&name.ident.to_string()), &with(&name.ident)),
            UseTree::Rename(name) => {
                self.add_name(Some(&name.rename.to_string()), &with(&name.ident));
            }
            UseTree::Glob(_) => self.add_name(None, before),
        }
    }

    fn add_name(&mut self, name: Option<&String>, written: &[String]) {
        let name = name.cloned().unwrap_or_default();
        self.names.extend(self.absolute(written).map(|path| (name, path)));
    }

    /// Adds the paths in a macro's argument, which may be any tokens.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1
                }
                TokenTree::Ident(name) if colons == 2 => {
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.add_path(&std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.add_path(&path);
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(module) => {
                self.path.push(module.ident.to_string());
                if is_for_tests(&module.attrs) {
                    self.tests.insert(self.path.clone());
                } else {
                    syn::visit::visit_item(self, item);
                }
                self.path.pop();
            }
            _ if is_for_tests(attributes(item)) => {}
            Item::Use(item) => self.add_use(&item.tree, &[]),
            _ => syn::visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            self.add_path(&names);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }
}

/// Returns the attributes of items that tests may have on their own.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether the attributes contain `#[cfg(test)]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.parse_args::<syn::Path>();
        attribute.path().is_ident("cfg") && condition.is_ok_and(|path| path.is_ident("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the imports in a crate with these files, as `from -> to`, with the name if it is the
    /// root's.
    fn found(contents: &[(&str, &str)]) -> Vec<String> {
        let contents: Vec<_> =
            contents.iter().map(|(path, text)| (format!("crates/x/src/{path}"), *text)).collect();
        let contents: Vec<_> = contents.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let imports = imports(&Files::of(&contents), "crates/x").unwrap();
        let shown = |import: Import| {
            let name = import.through_root.map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{} -> {}{name}", import.from, import.to)
        };
        imports.into_iter().map(shown).collect()
    }

    #[test]
    fn imports_are_found_however_they_are_written() {
        let all = ["a.rs", "b.rs", "c.rs", "d.rs", "e.rs", "f.rs", "a/inner.rs"].map(|path| {
            let text = match path {
                "a.rs" => "mod inner;\nuse crate::b::{self, c::{X as Y, Z}};\nuse inner::I;",
                "b.rs" => "fn f() -> Vec<super::c::T> { x::<crate::d::D>() }",
                "c.rs" => "fn f() { println!(\"{}\", [crate::d::E]) }",
                "d.rs" => "mod inline { use super::super::e::E; use super::G; }",
                "e.rs" => "use other::a::X; use std::fmt; pub(crate) struct S;",
                "a/inner.rs" => "use super::J; use super::super::f; use crate::a::K;",
                _ => "",
            };
            (path, text)
        });
        let expected = ["a -> b", "a -> f", "b -> c", "b -> d", "c -> d", "d -> e"];
        assert_eq!(
            found(&all).into_iter().collect::<BTreeSet<_>>(),
            expected.map(str::to_owned).into()
        );
    }

    #[test]
    fn names_that_the_root_re_exports_come_from_their_modules() {
        let root = "mod a; mod b; pub use a::{A, g as f}; use crate::b::B; pub struct Own; use std::fmt::Write;";
        let found = found(&[
            ("lib.rs", root),
            ("a.rs", "use super::{B, Own}; use crate::A;"),
            ("b.rs", "fn x() { assert!(crate::f()); crate::b::y(); crate::Write; }"),
        ]);
        assert_eq!(found, ["a -> a (A)", "a -> b (B)", "b -> a (f)"]);
    }

    #[test]
    fn tests_do_not_count() {
        let found = found(&[
            ("main.rs", "mod a; mod b; #[cfg(test)] mod helpers;"),
            (
                "a.rs",
                "#[cfg(test)] use crate::b::X; struct A; impl A { #[cfg(test)] fn f() { crate::b::y() } }\n\
                 #[cfg(test)] mod tests; #[cfg(not(test))] fn g() {}",
            ),
            ("a/tests.rs", "use crate::b::X;"),
            ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }"),
            ("helpers.rs", "use crate::a::A;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_is_no_rust_is_named() {
        let files = Files::of(&[("crates/x/src/lib.rs", "fn (")]);
        let error = imports(&files, "crates/x").unwrap_err();
        assert_eq!(error.to_string(), "cannot parse crates/x/src/lib.rs");
    }
}
