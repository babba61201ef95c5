//! What a Markdown document holds: links and headings.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// Returns the text with blanks in place of code, at the same offsets.
fn prose(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        is_inside ^= is_fence;
        let mut is_code = is_inside || is_fence;
        for c in line.chars() {
            let is_tick = c == '`' && !is_inside && !is_fence;
            is_code ^= is_tick;
            match is_code && c != '\n' {
                true => prose.extend(std::iter::repeat_n(' ', c.len_utf8())),
                false => prose.push(c),
            }
        }
    }
    prose
}

/// A link or a picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Number of its line, from 1.
    pub line: usize,
    /// Its place in the document.
    pub range: Range<usize>,
    /// The text that is shown.
    pub text: &'a str,
    /// Where it leads.
    pub target: &'a str,
}

/// Returns links and pictures, without those to other sites.
pub fn links(text: &str) -> Vec<Link<'_>> {
    let prose = prose(text);
    let mut links = Vec::new();
    for (middle, _) in prose.match_indices("](") {
        let end = prose[middle..].find(')').map(|length| middle + length);
        // The bracket that opens this one: what is between may have brackets, too.
        let mut depth = 0;
        let opens = |c: char| {
            depth += i32::from(c == ']') - i32::from(c == '[');
            c == '[' && depth < 0
        };
        let start = prose[..middle].rfind(opens);
        let (Some(start), Some(end)) = (start, end) else { continue };
        let target = &text[middle + 2..end];
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let is_picture = prose[..start].ends_with('!');
        links.push(Link {
            line: 1 + text[..start].matches('\n').count(),
            range: start - usize::from(is_picture)..end + 1,
            text: &text[start + 1..middle],
            target,
        });
    }
    links
}

/// Returns the names of the headings, as links to them have it.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_inside = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_inside ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_inside || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = |c: char| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        };
        anchors.insert(heading.trim().to_lowercase().chars().filter_map(kept).collect());
    }
    anchors
}

/// Returns the path from the root of what a link in the document at `from` leads to, and the heading there.
///
/// `None` if it leads out of the repository.
pub fn destination<'a>(from: &str, target: &'a str) -> Option<(String, Option<&'a str>)> {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    if path.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut found = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => found.pop().then_some(())?,
            Component::Normal(name) => found.push(name),
            _ => return None,
        }
    }
    Some((found.to_str()?.to_owned(), anchor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# One & two\n\
See [a `b` [c]](x.md#d), ![p](../p.svg) and `[no](link)`.\n\
```sh no\n\
[no](link)  # comment\n\
```\n\
## A `code_x` heading: with-dash\n\
[far](https://example.org) ü [near](#e)\n";

    #[test]
    fn links_and_headings_are_found_outside_of_code() {
        let found = links(PAGE);
        let short: Vec<_> = found.iter().map(|link| (link.line, link.text, link.target)).collect();
        let expected = [(2, "a `b` [c]", "x.md#d"), (2, "p", "../p.svg"), (7, "near", "#e")];
        assert_eq!(short, expected);
        assert_eq!(&PAGE[found[1].range.clone()], "![p](../p.svg)");
        let expected = ["a-code_x-heading-with-dash", "one--two"].map(str::to_owned);
        assert_eq!(anchors(PAGE), expected.into());
    }

    #[test]
    fn links_lead_from_the_folder_of_their_page() {
        let of = |target| destination("docs/a.md", target);
        assert_eq!(of("b.md#c"), Some(("docs/b.md".to_owned(), Some("c"))));
        assert_eq!(of("../README.md"), Some(("README.md".to_owned(), None)));
        assert_eq!(of("#c"), Some(("docs/a.md".to_owned(), Some("c"))));
        assert_eq!(of("../../elsewhere"), None);
    }
}
