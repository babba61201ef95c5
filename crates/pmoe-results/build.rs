//! Embeds the committed methods and the settings of analyses.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = configs().join("methods");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut code = "pub(crate) static METHODS: &[(&str, &str)] = &[\n".to_owned();
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        code += &format!("    ({stem:?}, {}),\n", embedded(&file));
    }
    code += "];\n";
    write("methods.rs", &code);
    let analyses = embedded(&configs().join("analyses.toml"));
    write("analyses.rs", &format!("const DEFAULTS: &str = {analyses};\n"));
}

/// The folder `configs`: that of the repository, or the copy in a package, which has what the links in
/// this crate's own folder lead to.
fn configs() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let package = Path::new(&package);
    let of_repository = package.join("../../configs");
    if of_repository.join("methods").is_dir() { of_repository } else { package.join("configs") }
}

/// The expression that holds a file's text.
fn embedded(file: &Path) -> String {
    println!("cargo::rerun-if-changed={}", file.display());
    let path = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    format!("include_str!({:?})", path.display().to_string())
}

fn write(name: &str, code: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join(name), code).expect("OUT_DIR can be written");
}
