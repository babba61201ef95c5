//! Compares the tables that documents quote from reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};

use super::Difference;
use crate::error::ReportError;

/// Start of a quoted table, followed by the path of its source.
const BEGIN: &str = "<!-- table: ";
/// End of a quoted table.
const END: &str = "<!-- end of table -->";

/// Compares the quotes in `README.md` and `docs/*.md` below `root` with `tables`, for sources below
/// `results`. Returns the number of quotes and the differences.
pub(super) fn check(
    root: &Path,
    results: &Path,
    tables: &BTreeMap<PathBuf, String>,
) -> Result<(usize, Vec<Difference>), ReportError> {
    let failed = |path: &Path, source| ReportError::Read { path: path.to_owned(), source };
    let results = fs::canonicalize(results).map_err(|error| failed(results, error))?;
    let (mut count, mut differences) = (0, Vec::new());
    for document in documents(root)? {
        let text = read_text(&document, MOST_CONFIG_BYTES)?;
        for quote in quotes(&text) {
            let path = root.join(quote.path);
            let path = fs::canonicalize(&path).unwrap_or(path);
            if !path.starts_with(&results) {
                continue;
            }
            count += 1;
            let differs = |published: &str, found: &str| Difference {
                file: document.clone(),
                name: format!("line {}, table of {}", quote.line, quote.path),
                published: published.to_owned(),
                found: found.to_owned(),
            };
            let Some(table) = tables.get(&path) else {
                differences.push(differs("a table", "no such table in a report"));
                continue;
            };
            let Some(quoted) = quote.lines else {
                differences.push(differs("a table", &format!("no `{END}` after it")));
                continue;
            };
            if blocks(table).any(|block| block == quoted) {
                continue;
            }
            // Report the first differing line of the most similar table.
            let same =
                |block: &[&str]| block.iter().zip(&quoted).take_while(|(a, b)| a == b).count();
            let nearest = blocks(table).max_by_key(|block| same(block)).unwrap_or_default();
            let at = same(&nearest);
            let show = |lines: &[&str]| lines.get(at).map_or("nothing", |line| line).to_owned();
            differences.push(differs(&show(&quoted), &show(&nearest)));
        }
    }
    Ok((count, differences))
}

fn documents(root: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut documents: Vec<_> =
        [root.join("README.md")].into_iter().filter(|path| path.is_file()).collect();
    let folder = root.join("docs");
    if folder.is_dir() {
        let failed = |source| ReportError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            documents.push(entry.map_err(failed)?.path());
        }
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.sort();
    Ok(documents)
}

/// A quoted table of a document.
struct Quote<'a> {
    /// Line number of the start mark, from 1.
    line: usize,
    /// Path of the quoted file.
    path: &'a str,
    /// Lines between the marks except empty ones; `None` without an end mark.
    lines: Option<Vec<&'a str>>,
}

fn quotes(text: &str) -> Vec<Quote<'_>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut quotes = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(path) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix("-->")) else {
            continue;
        };
        let behind = &lines[index + 1..];
        let end = behind.iter().position(|line| *line == END || line.starts_with(BEGIN));
        let inner = end.filter(|end| behind[*end] == END).map(|end| &behind[..end]);
        let lines =
            inner.map(|inner| inner.iter().filter(|line| !line.is_empty()).copied().collect());
        quotes.push(Quote { line: index + 1, path: path.trim(), lines });
    }
    quotes
}

/// Returns the tables of a Markdown file: blocks of lines that start with `|`.
fn blocks(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let mut lines = text.lines().map(str::trim).peekable();
    std::iter::from_fn(move || {
        while lines.next_if(|line| !line.starts_with('|')).is_some() {}
        let mut block = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
            block.push(line);
        }
        (!block.is_empty()).then_some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_tables_are_found() {
        let text = "a\n<!-- table: x/auc.md -->\n\n| b |\n| c |\n\n<!-- end of table -->\n\
                    <!-- table: y.md -->\n| d |\n";
        let found: Vec<_> = quotes(text).into_iter().map(|q| (q.line, q.path, q.lines)).collect();
        assert_eq!(found, [(2, "x/auc.md", Some(vec!["| b |", "| c |"])), (8, "y.md", None)]);
        let tables: Vec<_> = blocks("# t\n\n| b |\n| c |\n\nd\n| e |").collect();
        assert_eq!(tables, [vec!["| b |", "| c |"], vec!["| e |"]]);
    }
}
