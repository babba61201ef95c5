//! Links between documents.

use super::Files;
use crate::markdown::{anchors, destination, links};

/// Returns links of documents to files, folders or headings that do not exist.
pub(super) fn broken_links(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in files.below("", ".md") {
        for link in links(text) {
            let found = destination(path, link.target);
            let is_there = found.is_some_and(|(to, anchor)| match (files.get(&to), anchor) {
                (Some(page), Some(anchor)) => anchors(page).contains(anchor),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => {
                    let folder = format!("{}/", to.trim_end_matches('/'));
                    files.0.iter().any(|(file, _)| file.starts_with(&folder))
                }
            });
            if !is_there {
                problems.push(format!("{path}:{}: there is no {}", link.line, link.target));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading() {
        let good = "[a](b.md#one-two) [b](../src/a.rs) [c](../src) [d](#here)\n# Here\n";
        let bad = "\n[a](b.md#one) [b](../src/b.rs) [c](../sr) [d](#there) [e](../../x)";
        let contents = [
            ("docs/a.md", good),
            ("docs/b.md", "## One, two"),
            ("docs/c.md", bad),
            ("src/a.rs", ""),
        ];
        let found = broken_links(&Files::of(&contents));
        let expected = ["b.md#one", "../src/b.rs", "../sr", "#there", "../../x"];
        assert_eq!(found, expected.map(|target| format!("docs/c.md:2: there is no {target}")));
    }
}
