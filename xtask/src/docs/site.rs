//! The site as it was built: its links, and the reference of the crates in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders of rustdoc's output that belong to no crate.
const SHARED: [&str; 5] = ["search.index", "src", "static.files", "trait.impl", "type.impl"];

/// Copies rustdoc's pages about `crates`.
pub(super) fn copy_reference(
    doc: &Path,
    to: &Path,
    crates: &BTreeMap<String, String>,
) -> Result<()> {
    for entry in list(doc)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_file() || SHARED.contains(&name.as_str()) || crates.contains_key(&name) {
            copy(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in list(from)? {
            copy(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Returns the links of mdBook's pages that lead to no file of the site, or to no heading of its page.
///
/// rustdoc checks its own; its pages only have to be there.
pub(super) fn broken_links(html: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    collect(html, &mut pages)?;
    let mut broken = Vec::new();
    for (page, text) in &pages {
        let folder = page.parent().unwrap_or(html);
        // The page that other servers show for a path that does not exist has absolute links.
        if page.ends_with("404.html") {
            continue;
        }
        for target in attributes(text, "href").chain(attributes(text, "src")) {
            if target.contains("://") || target.contains(':') || target.is_empty() {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = match path {
                "" => page.clone(),
                path => normal(&folder.join(path.split('?').next().unwrap_or_default())),
            };
            let has_anchor = || match pages.get(&to) {
                Some(text) => attributes(text, "id").any(|id| id == anchor),
                None => true,
            };
            if !to.is_file() || !(anchor.is_empty() || has_anchor()) {
                let page = page.strip_prefix(html).unwrap_or(page).display();
                broken.push(format!("{page}: there is no {target}"));
            }
        }
    }
    Ok(broken)
}

/// Reads all pages below a folder but rustdoc's.
fn collect(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in list(folder)? {
        if entry.is_dir() {
            if !entry.ends_with("html/api") {
                collect(&entry, pages)?;
            }
        } else if entry.extension().is_some_and(|extension| extension == "html") {
            pages.insert(entry.clone(), fs::read_to_string(&entry)?);
        }
    }
    Ok(())
}

/// Returns the values of an attribute in a page.
fn attributes<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let start = format!(" {name}=\"");
    let values: BTreeSet<&str> =
        text.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    values.into_iter()
}

/// Resolves `..`, without asking the file system.
fn normal(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(found.pop()),
            part => found.push(part),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_site_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.html", "<a href=\"docs/b.html#here\">b</a> <a href=\"https://x.y\">x</a>");
        write(
            "docs/b.html",
            "<h1 id=\"here\">b</h1><a href=\"#here\">h</a><img src=\"../c.svg?v=1\">",
        );
        write("c.svg", "");
        assert_eq!(broken_links(dir.path()).unwrap(), Vec::<String>::new());
        write("d.html", "<a href=\"docs/b.html#there\">b</a><img src=\"e.svg\">");
        let expected = ["docs/b.html#there", "e.svg"];
        let expected = expected.map(|target| format!("d.html: there is no {target}"));
        assert_eq!(broken_links(dir.path()).unwrap(), expected);
    }
}
