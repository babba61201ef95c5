//! Runs the paper's experiments from a checkout: builds `pmoe` and runs the matrix in the workspace
//! root.

use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_matrix::{Console, Matrix, MatrixError, Options};
use pmoe_results::{Exit, Methods, Suite};

const CONSOLE: Console = Console { show: |text| show!("{text}"), say: |line| say!("{line}") };

/// Selects the runs; what was misspelt is refused before anything is fetched or built.
pub fn plan(root: &Path, mut options: Options) -> Result<Matrix> {
    let committed = root.join("configs/suites");
    let suites = Suite::load_all(options.suites.as_deref().unwrap_or(&committed))?;
    let methods = Methods::load_all(&root.join("configs/methods"))?;
    options.out = folder(root, &options.out);
    Matrix::new(suites, methods, &options).map_err(with_flags)
}

/// Runs them with the built program `pmoe`.
pub fn run(matrix: &Matrix, pmoe: &Path, dry_run: bool) -> Result<Exit> {
    let end = pmoe_matrix::run(matrix, pmoe, dry_run, CONSOLE).map_err(with_flags)?;
    Ok(end.into())
}

/// Names the flags that decide about what is refused.
fn with_flags(error: MatrixError) -> anyhow::Error {
    let flags = Options::flags(&error);
    let error = anyhow::Error::new(error);
    match flags {
        Some(flags) => error.context(flags),
        None => error,
    }
}

/// Returns `out`, relative to the workspace root if it is below it.
///
/// Programs run there, and the paths that they record should be short and independent of this
/// machine.
fn folder(root: &Path, out: &Path) -> PathBuf {
    out.strip_prefix(root).unwrap_or(out).to_owned()
}

#[cfg(test)]
mod tests {
    use pmoe_results::Preset;

    use super::*;

    #[test]
    fn a_misspelt_name_is_refused_with_what_was_meant() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let only = vec!["fgi6".to_owned()];
        let options = Options { only, ..Options::new(Preset::Smoke, "results") };
        let error = format!("{:#}", plan(root, options).unwrap_err());
        let expected = "--only: `fgi6` matches no run; did you mean `fig6`? (suites: fig1-table2, ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn folders_below_the_root_are_relative_to_it() {
        let root = Path::new("/checkout");
        assert_eq!(folder(root, Path::new("/checkout/a/b")), Path::new("a/b"));
        assert_eq!(folder(root, Path::new("/elsewhere")), Path::new("/elsewhere"));
    }
}
