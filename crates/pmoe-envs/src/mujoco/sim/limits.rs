//! Size limits of model files, checked before MuJoCo reads them.
//!
//! MuJoCo trusts the file. Given a billion copies, a file that attaches itself, or a million
//! numbers per body, it computes until the system kills the process, and nothing can stop it. Hence
//! this check of the counts in the file and in the files that it includes. The contents of meshes
//! and images are not checked.

use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node, ParsingOptions};

/// The largest file (bytes).
const MAX_FILE_BYTES: u64 = 1 << 26;
/// The most elements, copies included; MuJoCo takes a few seconds to load as many.
const MAX_ELEMENTS: f64 = 20_000.0;
/// The largest size: numbers per object, keyframes, rows and columns of images and terrain.
const MAX_SIZE: f64 = 10_000.0;

/// Checks that a model is not too large and does not include itself; the error is the reason.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut elements = 0.0;
    add(path, 1.0, &mut vec![path.to_owned()], &mut elements)
}

/// Adds the elements of `copies` copies of the file `path`, which is the last of the `open` ones.
fn add(
    path: &Path,
    copies: f64,
    open: &mut Vec<PathBuf>,
    elements: &mut f64,
) -> Result<(), String> {
    let text = read(path)?;
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options)
        .map_err(|error| format!("it is not well-formed XML: {error}"))?;
    for node in document.root().descendants().filter(Node::is_element) {
        check_sizes(node)?;
        let copies = copies * node.ancestors().map(count).product::<f64>();
        *elements += copies;
        if *elements > MAX_ELEMENTS {
            return Err(format!("it has more than {MAX_ELEMENTS} elements, including copies"));
        }
        if let Some(file) = included(node) {
            // MuJoCo looks in the folder of the including file and in that of the main one.
            let folders = [path, open[0].as_path()].map(|path| path.parent().unwrap_or(path));
            let file = folders.iter().find_map(|folder| folder.join(file).canonicalize().ok());
            // MuJoCo reports missing files.
            let Some(file) = file else { continue };
            if open.contains(&file) {
                return Err(format!("{} includes itself", file.display()));
            }
            open.push(file.clone());
            add(&file, copies, open, elements)
                .map_err(|reason| format!("{}: {reason}", file.display()))?;
            open.pop();
        }
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<String, String> {
    let facts = fs::metadata(path).map_err(|error| error.to_string())?;
    if !facts.is_file() || facts.len() > MAX_FILE_BYTES {
        return Err(format!("it is not a regular file of at most {MAX_FILE_BYTES} bytes"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Returns the file that an element includes.
fn included<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    matches!(node.tag_name().name(), "include" | "model").then(|| node.attribute("file"))?
}

/// Number of copies that an element makes of its contents, usually 1.
fn count(node: Node<'_, '_>) -> f64 {
    let counts = match node.tag_name().name() {
        "replicate" | "composite" | "flexcomp" => {
            [node.attribute("count"), node.attribute("cellcount")]
        }
        _ => return 1.0,
    };
    // MuJoCo reports a count that is not a number.
    let number = |word: &str| word.parse::<f64>().unwrap_or(1.0).max(1.0);
    counts.into_iter().flatten().flat_map(str::split_whitespace).map(number).product()
}

fn check_sizes(node: Node<'_, '_>) -> Result<(), String> {
    let is_size = |name: &str| match node.tag_name().name() {
        "size" => name.starts_with('n') && !["njmax", "nconmax", "nstack"].contains(&name),
        "texture" => ["width", "height"].contains(&name),
        "hfield" => ["nrow", "ncol"].contains(&name),
        _ => false,
    };
    for attribute in node.attributes().filter(|attribute| is_size(attribute.name())) {
        let (name, value) = (attribute.name(), attribute.value());
        if value.trim().parse::<f64>().is_ok_and(|value| value > MAX_SIZE) {
            return Err(format!("its {name} is {value}, more than {MAX_SIZE}"));
        }
    }
    Ok(())
}
