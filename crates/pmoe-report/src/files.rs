//! Writes the report's files, and links from them to the runs.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use pmoe_results::files::{Prepared, read_text};

use crate::error::ReportError;

/// File name of the page.
pub(crate) const PAGE: &str = "index.html";

/// File name of the numbers.
pub(crate) const NUMBERS: &str = "numbers.json";

/// Size limit for reading a page: several times the size of a page with all experiments.
const MOST_PAGE_BYTES: u64 = 1 << 28;

/// Folders of all other files.
pub(crate) const FOLDERS: [&str; 2] = ["figures", "tables"];

/// Returns the tables and figures that an earlier report in `output` links to, relative to
/// `output`. These are the files that a new report may remove.
pub(crate) fn parts_of_earlier(output: &Path) -> Vec<String> {
    let page = read_text(&output.join(PAGE), MOST_PAGE_BYTES).unwrap_or_default();
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let is_part = |link: &&str| {
        let (folder, name) = link.split_once('/').unwrap_or_default();
        let is_harmless = !name.starts_with('.') && !name.contains('/');
        let kind = name.rsplit_once('.').map(|(_, kind)| kind);
        is_harmless
            && FOLDERS.contains(&folder)
            && ["svg", "png", "pdf", "md", "csv"].map(Some).contains(&kind)
    };
    // The page may not be a report's, and its links may point to the user's files.
    match page.contains(&format!("href=\"{}\"", NUMBERS)) {
        true => links.filter(is_part).map(str::to_owned).collect(),
        false => Vec::new(),
    }
}

/// Removes a file if it exists.
pub(crate) fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ReportError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Writes a file's new bytes beside its place, and creates the parent folders.
pub(crate) fn prepare(path: &Path, bytes: &[u8]) -> Result<Prepared, ReportError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| Prepared::write(path, bytes))
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

/// Puts a file in its place.
pub(crate) fn replace(file: Prepared) -> Result<(), ReportError> {
    let path = file.path().to_owned();
    file.replace().map_err(|source| ReportError::Write { path, source })
}

/// Maximum length of a file name without extension, in bytes; every file system allows it.
const LONGEST: usize = 120;

/// Converts a name to a file name that is valid on every system and not in `taken`. A name that is
/// too long is cut and gets a checksum of the whole name.
pub(crate) fn file_stem(name: &str, taken: &mut Vec<String>) -> String {
    let harmless = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }
    };
    let mut stem: String = name.chars().map(harmless).collect();
    if stem.starts_with('.') || stem.is_empty() {
        stem.insert(0, '_');
    }
    if LONGEST < stem.len() {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        stem = format!("{}-{}", &stem[..LONGEST - 17], &hash[..16]);
    }
    let mut unique = stem.clone();
    let mut number = 1;
    while taken.contains(&unique) {
        number += 1;
        unique = format!("{stem}-{number}");
    }
    taken.push(unique.clone());
    unique
}

/// Returns the path to `to` relative to `from`; both must be absolute and without symbolic links.
pub(crate) fn relative(from: &Path, to: &Path) -> String {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    let path = path.to_string_lossy();
    if path.is_empty() { ".".to_owned() } else { path.into_owned() }
}

/// Returns [`relative`] as a percent-encoded link.
pub(crate) fn link(from: &Path, to: &Path) -> String {
    let mut link = String::new();
    for byte in relative(from, to).bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push_str(&format!("%{byte:02X}"));
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_harmless_and_unique() {
        let mut taken = Vec::new();
        let names = ["Hopper-v4", "../up", "a/b", "a b", "", "Hopper-v4", "Hopper-v4"];
        let stems = names.map(|name| file_stem(name, &mut taken));
        let expected = ["Hopper-v4", "_.._up", "a_b", "a_b-2", "_", "Hopper-v4-2", "Hopper-v4-3"];
        assert_eq!(stems, expected);
    }

    #[test]
    fn stems_are_short_and_of_the_whole_name() {
        let long = |end: &str| format!("{}{end}", "é\n".repeat(200));
        let names = [long("a"), long("b"), long("a"), "x".repeat(120), "x".repeat(121)];
        let mut taken = Vec::new();
        let stems: Vec<_> = names.iter().map(|name| file_stem(name, &mut taken)).collect();
        assert!(stems.iter().all(|stem| stem.len() <= 122), "{stems:?}");
        let distinct: std::collections::BTreeSet<_> = stems.iter().collect();
        assert_eq!((distinct.len(), &stems[3]), (5, &names[3]));
        // The same names yield the same files.
        let mut again = Vec::new();
        names.iter().for_each(|name| drop(file_stem(name, &mut again)));
        assert_eq!(again, stems);
    }

    #[test]
    fn links_are_relative_and_encoded() {
        let page = Path::new("/r/report");
        assert_eq!(link(page, Path::new("/r/suite/sac")), "../suite/sac");
        assert_eq!(link(page, Path::new("/r/report/a b\"<>#?%")), "a%20b%22%3C%3E%23%3F%25");
        assert_eq!(link(page, page), ".");
        // A folder name must not become a URL scheme.
        assert_eq!(link(page, Path::new("/r/report/javascript:x")), "javascript%3Ax");
    }
}
