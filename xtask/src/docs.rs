//! Builds the documentation as a site: the pages with mdBook, the reference of the crates with rustdoc.

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use pmoe_matrix::process;

use crate::markdown::{destination, links};
use crate::{cargo, tools};

/// The list of all pages.
const SUMMARY: &str = "docs/SUMMARY.md";

/// The chapter that leads to the reference of the crates, in the folder of the site.
const REFERENCE: &str = "reference.md";

/// Builds the site into `target/book/html` and checks its links.
///
/// # Errors
/// If a page is not in the summary, a link leads nowhere, or rustdoc or mdBook fail.
pub fn run(root: &Path) -> Result<()> {
    let mut doc = cargo::cargo();
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc.args(["doc", "--release", "--workspace", "--lib", "--no-deps"]);
    process::run(&mut doc)?;

    let target = cargo::target_directory()?;
    let book = target.join("book");
    if book.exists() {
        fs::remove_dir_all(&book).context("cannot remove the earlier site")?;
    }
    fs::create_dir_all(book.join("src"))?;
    fs::copy(root.join("docs/book.toml"), book.join("book.toml"))?;
    let summary = read(root, SUMMARY)?;
    let pages = pages(&summary);
    let missing: Vec<_> =
        documents(root)?.into_iter().filter(|page| !pages.contains(page)).collect();
    if !missing.is_empty() {
        bail!("{SUMMARY} lacks {}", missing.join(", "));
    }
    gather(root, &book.join("src"), &pages)?;
    let crates = crates(&target.join("doc"))?;
    fs::write(book.join("src").join(REFERENCE), reference(&crates))?;
    fs::write(book.join("src/SUMMARY.md"), from_the_root(&summary))?;

    let mut build = Command::new(tools::MDBOOK.installed()?);
    process::run(build.arg("build").arg(&book))?;
    let html = book.join("html");
    site::copy_reference(&target.join("doc"), &html.join("api"), &crates)?;
    let broken = site::broken_links(&html)?;
    for problem in &broken {
        say!("{problem}");
    }
    if !broken.is_empty() {
        bail!("docs: {} links lead nowhere", broken.len());
    }
    say!("docs: {} pages in {}", pages.len(), html.join("index.html").display());
    Ok(())
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Returns the pages of a summary, by their paths from the root.
fn pages(summary: &str) -> BTreeSet<String> {
    let page = |target| destination(SUMMARY, target).map(|(path, _)| path);
    links(summary).into_iter().filter_map(|link| page(link.target)).collect()
}

/// Returns the documents that have to be pages: those below `docs`, without notes about pictures.
fn documents(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "docs"]);
    let listed = process::stdout(&mut git)?;
    let is_page =
        |path: &&str| path.ends_with(".md") && *path != SUMMARY && !path.ends_with("/README.md");
    Ok(listed.lines().filter(is_page).map(str::to_owned).collect())
}

/// The summary as mdBook takes it: pages by their paths from the root, and a last chapter.
fn from_the_root(summary: &str) -> String {
    let mut text = summary.to_owned();
    for link in links(summary).into_iter().rev() {
        if let Some((path, _)) = destination(SUMMARY, link.target) {
            text.replace_range(link.range, &format!("[{}]({path})", link.text));
        }
    }
    format!("{}\n- [Reference of the crates]({REFERENCE})\n", text.trim_end())
}

/// Copies pages, and the files that they lead to, into the folder of sources. A link to a folder, which a site can't
/// show, becomes text.
fn gather(root: &Path, sources: &Path, pages: &BTreeSet<String>) -> Result<()> {
    let mut files = BTreeSet::new();
    for page in pages {
        let mut text = read(root, page)?;
        let original = text.clone();
        for link in links(&original).into_iter().rev() {
            let Some((path, _)) = destination(page, link.target) else {
                bail!("{page}:{}: {} leads out of the repository", link.line, link.target);
            };
            if root.join(&path).is_dir() {
                text.replace_range(link.range, link.text);
            } else if pages.contains(&path) {
                continue;
            } else if path.ends_with(".md") {
                // mdBook would link to a page that it doesn't make.
                bail!("{page}:{}: {path} is not a page; {SUMMARY} lists them", link.line);
            } else {
                files.insert(path);
            }
        }
        write(&sources.join(page), text.as_bytes())?;
    }
    for path in files {
        let bytes = fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        write(&sources.join(&path), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the crates of ours that rustdoc has written about, each with its first sentence.
fn crates(doc: &Path) -> Result<BTreeMap<String, String>> {
    let metadata =
        process::stdout(cargo::cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("there are packages")?;
    let described = packages.iter().filter_map(|package| {
        let name = package["name"].as_str()?.replace('-', "_");
        let is_there = doc.join(&name).join("index.html").is_file();
        is_there.then(|| (name, package["description"].as_str().unwrap_or_default().to_owned()))
    });
    Ok(described.collect())
}

/// The chapter about the crates.
fn reference(crates: &BTreeMap<String, String>) -> String {
    let rows = crates
        .iter()
        .map(|(name, description)| format!("- [{name}](api/{name}/index.html): {description}\n"));
    format!("# Reference of the crates\n\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_pages_from_the_root() {
        let summary =
            "# Summary\n\n[pmoe](../README.md)\n\n- [Use](usage.md)\n  - [Why](lab/why.md)\n";
        let expected = ["README.md", "docs/lab/why.md", "docs/usage.md"].map(str::to_owned);
        assert_eq!(pages(summary), expected.into());
        let text = from_the_root(summary);
        assert!(
            text.contains(
                "[pmoe](README.md)\n\n- [Use](docs/usage.md)\n  - [Why](docs/lab/why.md)\n- ["
            ),
            "{text}"
        );
    }

    #[test]
    fn pages_come_with_the_files_that_they_name() {
        let dir = tempfile::tempdir().unwrap();
        let [root, sources] = ["root", "sources"].map(|name| dir.path().join(name));
        let page = "[b](b.md) ![c](../pictures/c.svg) [docs](../docs) `[no](no.md)`\n";
        for (path, text) in [("docs/a.md", page), ("docs/b.md", "b"), ("pictures/c.svg", "c")] {
            write(&root.join(path), text.as_bytes()).unwrap();
        }
        let pages = ["docs/a.md", "docs/b.md"].map(str::to_owned).into();
        gather(&root, &sources, &pages).unwrap();
        let text = fs::read_to_string(sources.join("docs/a.md")).unwrap();
        assert_eq!(text, page.replace("[docs](../docs)", "docs"));
        assert_eq!(fs::read_to_string(sources.join("pictures/c.svg")).unwrap(), "c");
        write(&root.join("docs/b.md"), b"[gone](gone.rs)").unwrap();
        let error = format!("{:#}", gather(&root, &sources, &pages).unwrap_err());
        assert!(error.contains("cannot read docs/gone.rs"), "{error}");
        write(&root.join("docs/b.md"), b"\n[d](../tables/d.md)").unwrap();
        write(&root.join("tables/d.md"), b"d").unwrap();
        let error = format!("{:#}", gather(&root, &sources, &pages).unwrap_err());
        assert!(error.contains("docs/b.md:2: tables/d.md is not a page"), "{error}");
    }
}
