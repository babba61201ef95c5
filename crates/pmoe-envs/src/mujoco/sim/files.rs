//! The files that make up a model.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node, ParsingOptions};

use super::limits;

/// Returns the blake3 of a model file and of every file that it refers to, concatenated: files that
/// it includes or attaches, recursively, and meshes, height fields, textures and skins.
///
/// Missing files are skipped; MuJoCo will report them.
pub(in crate::mujoco) fn model_blake3(path: &Path) -> Result<String, String> {
    let path = path.canonicalize().map_err(|error| error.to_string())?;
    let mut files = Files { first: path.clone(), asset_folders: Vec::new(), found: Vec::new() };
    files.add(&path, true)?;
    let mut hasher = blake3::Hasher::new();
    for file in &files.found {
        let open = File::open(file);
        open.and_then(|file| hasher.update_reader(file).map(|_| ()))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

struct Files {
    /// The main model file. MuJoCo also searches its folder for files that others refer to.
    first: PathBuf,
    /// `meshdir`, `texturedir` and `assetdir` of all files so far.
    asset_folders: Vec<PathBuf>,
    found: Vec<PathBuf>,
}

impl Files {
    /// Adds a file and, if it is MJCF, the files that it refers to.
    fn add(&mut self, path: &Path, is_mjcf: bool) -> Result<(), String> {
        let is_new = !self.found.iter().any(|known| known == path);
        if !is_new || !fs::metadata(path).is_ok_and(|facts| facts.is_file()) {
            return Ok(());
        }
        self.found.push(path.to_owned());
        if !is_mjcf {
            return Ok(());
        }
        let text = limits::read(path)?;
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&text, options)
            .map_err(|error| format!("it is not well-formed XML: {error}"))?;
        let elements = || document.root().descendants().filter(Node::is_element);
        for compiler in elements().filter(|node| node.has_tag_name("compiler")) {
            let folders = ["meshdir", "texturedir", "assetdir"];
            let folders = folders.iter().filter_map(|name| compiler.attribute(*name));
            self.asset_folders.extend(folders.map(PathBuf::from));
        }
        for node in elements() {
            let is_mjcf = ["include", "model"].contains(&node.tag_name().name());
            // `fileright` and similar attributes name the sides of a cube.
            let named = node.attributes().filter(|attribute| attribute.name().starts_with("file"));
            for attribute in named {
                for place in self.places(path, Path::new(attribute.value()), is_mjcf) {
                    self.add(&place, is_mjcf)?;
                }
            }
        }
        Ok(())
    }

    /// Paths where MuJoCo may find `file`, referred to by `of`. Extra candidates are harmless;
    /// missing ones are not.
    fn places(&self, of: &Path, file: &Path, is_mjcf: bool) -> Vec<PathBuf> {
        let mut places = Vec::new();
        for folder in [of, &self.first].map(|path| path.parent().unwrap_or(path)) {
            places.push(folder.join(file));
            if !is_mjcf {
                // `strippath` reduces the path to the file name.
                let names = [Some(file), file.file_name().map(Path::new)];
                let names = names.into_iter().flatten();
                let folders = self.asset_folders.iter();
                places.extend(names.flat_map(|name| {
                    folders.clone().map(move |assets| folder.join(assets).join(name))
                }));
            }
        }
        places.iter().filter_map(|place| place.canonicalize().ok()).collect()
    }
}
