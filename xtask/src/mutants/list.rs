//! The mutants: mistakes as data, each a text in a file and what stands there instead.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pmoe_results::text::did_you_mean;
use serde::Deserialize;

use crate::BadInput;

/// Where the lists are.
pub const FOLDER: &str = "xtask/mutants";

/// A plausible mistake.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Unique, in words joined by hyphens.
    pub name: String,
    /// What is wrong, in one sentence.
    pub mistake: String,
    /// The file with the mistake, from the root of the workspace.
    pub file: String,
    /// A text that the file contains once.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// Methods that it affects; all if there are none.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Tasks that it affects; all if there are none.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Tests to run before the others, because they should notice it: `lib` or the name of a file.
    #[serde(default)]
    pub tests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutant: Vec<Mutant>,
}

impl Mutant {
    /// Returns the name of the crate with the mistake.
    pub fn package(&self) -> &str {
        self.file.split('/').nth(1).unwrap_or_default()
    }

    /// Returns `text`, which is that of the file, with the mistake in it.
    ///
    /// # Errors
    /// If the text to replace does not occur exactly once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let Self { name, file, find, replace, .. } = self;
        match text.matches(find.as_str()).count() {
            1 => Ok(text.replacen(find.as_str(), replace, 1)),
            0 => bail!("mutant `{name}`: {file} does not contain its `find`; adapt it to the code"),
            found => {
                bail!("mutant `{name}`: {file} contains its `find` {found} times; make it longer")
            }
        }
    }

    /// Identifies the mistake, apart from its description.
    pub fn digest(&self) -> String {
        let parts = [&self.file, &self.find, &self.replace].map(String::as_bytes);
        let digest = blake3::hash(&parts.join(&0));
        digest.to_hex()[..16].to_owned()
    }
}

/// Reads all lists, those of the crate that the others depend on first: then the mutants of a crate
/// follow each other, and little is compiled twice.
///
/// # Errors
/// If a file is malformed or two mutants have the same name.
pub fn load(root: &Path) -> Result<Vec<Mutant>> {
    let folder = root.join(FOLDER);
    let files = fs::read_dir(&folder).with_context(|| format!("cannot list {FOLDER}"))?;
    let mut paths = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut mutants = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        mutants.extend(parse(&text).with_context(|| path.display().to_string())?);
    }
    check(&mutants)?;
    mutants.sort_by_key(|mutant| ORDER.iter().position(|package| *package == mutant.package()));
    Ok(mutants)
}

/// The crates that may have mutants.
const ORDER: [&str; 3] = ["pmoe-envs", "pmoe-core", "pmoe-algos"];

fn parse(text: &str) -> Result<Vec<Mutant>> {
    let file: File = toml::from_str(text).map_err(|error| BadInput(error.to_string()))?;
    Ok(file.mutant)
}

fn check(mutants: &[Mutant]) -> Result<()> {
    let mut names = BTreeSet::new();
    for mutant in mutants {
        let Mutant { name, file, find, replace, .. } = mutant;
        let problem = if !names.insert(name) {
            "its name is not unique".to_owned()
        } else if !file.starts_with("crates/") || !ORDER.contains(&mutant.package()) {
            format!("`file` is {file}, but must be in a crate of {}", ORDER.join(", "))
        } else if find.is_empty() || find == replace {
            "`find` and `replace` must differ and not be empty".to_owned()
        } else {
            continue;
        };
        return Err(BadInput(format!("mutant `{name}`: {problem}")).into());
    }
    Ok(())
}

/// Returns those of these names, or all if there are none.
///
/// # Errors
/// If a name is unknown.
pub fn select(mutants: Vec<Mutant>, only: &[String]) -> Result<Vec<Mutant>> {
    for name in only {
        if !mutants.iter().any(|mutant| mutant.name == *name) {
            let known = mutants.iter().map(|mutant| mutant.name.as_str());
            let meant = did_you_mean(name, known);
            return Err(BadInput(format!(
                "--only: unknown mutant `{name}`: see `cargo xtask mutants --list`{meant}"
            ))
            .into());
        }
    }
    let is_asked = |mutant: &Mutant| only.is_empty() || only.contains(&mutant.name);
    Ok(mutants.into_iter().filter(is_asked).collect())
}

#[cfg(test)]
impl Mutant {
    /// One for tests.
    pub fn example() -> Self {
        Self {
            name: "sum".to_owned(),
            mistake: "The sum is a difference.".to_owned(),
            file: "crates/pmoe-core/src/lib.rs".to_owned(),
            find: "+".to_owned(),
            replace: "-".to_owned(),
            methods: Vec::new(),
            tasks: Vec::new(),
            tests: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str) -> Mutant {
        Mutant {
            name: name.to_owned(),
            mistake: "The sum is a difference.".to_owned(),
            file: "crates/pmoe-core/src/lib.rs".to_owned(),
            find: "a + b".to_owned(),
            replace: "a - b".to_owned(),
            methods: Vec::new(),
            tasks: Vec::new(),
            tests: Vec::new(),
        }
    }

    #[test]
    fn the_text_is_replaced_where_it_occurs_once() {
        let mutant = mutant("sum");
        assert_eq!(mutant.apply("let c = a + b;\n").unwrap(), "let c = a - b;\n");
        let missing = mutant.apply("let c = a * b;").unwrap_err().to_string();
        assert!(missing.contains("`sum`") && missing.contains("does not contain"), "{missing}");
        let twice = mutant.apply("a + b; a + b").unwrap_err().to_string();
        assert!(twice.contains("2 times") && twice.contains("pmoe-core/src/lib.rs"), "{twice}");
    }

    #[test]
    fn the_digest_is_of_the_mistake_alone() {
        let one = mutant("sum");
        assert_eq!(one.digest(), Mutant { name: "other".to_owned(), ..one.clone() }.digest());
        assert_ne!(one.digest(), Mutant { replace: "b".to_owned(), ..one.clone() }.digest());
        // No text can move from one part to the next unnoticed.
        let moved = Mutant { find: "a + ba".to_owned(), replace: " - b".to_owned(), ..one.clone() };
        assert_ne!(one.digest(), moved.digest());
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        let problem = |mutants: &[Mutant]| check(mutants).unwrap_err().to_string();
        assert!(problem(&[mutant("a"), mutant("a")]).contains("not unique"));
        let elsewhere = Mutant { file: "xtask/src/main.rs".to_owned(), ..mutant("a") };
        assert!(problem(&[elsewhere]).contains("pmoe-envs, pmoe-core, pmoe-algos"));
        let nothing = Mutant { replace: "a + b".to_owned(), ..mutant("a") };
        assert!(problem(&[nothing]).contains("must differ"));
        let error = parse("[[mutant]]\nname = \"a\"\nwhat = 1").unwrap_err();
        assert!(error.is::<BadInput>() && error.to_string().contains("what"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_bad_input_and_suggests_another() {
        let all = vec![mutant("gae-off-by-one"), mutant("adam-betas")];
        let some = select(all.clone(), &["adam-betas".to_owned()]).unwrap();
        assert_eq!(some.len(), 1);
        let error = select(all, &["gae-of-by-one".to_owned()]).unwrap_err();
        assert!(error.is::<BadInput>());
        assert!(error.to_string().contains("did you mean `gae-off-by-one`"), "{error}");
    }

    #[test]
    fn every_mutant_of_the_project_fits_the_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mutants = load(root).unwrap();
        assert!(mutants.len() >= 36, "{}", mutants.len());
        for mutant in mutants {
            let text = fs::read_to_string(root.join(&mutant.file)).unwrap();
            mutant.apply(&text).unwrap();
            assert!(mutant.mistake.ends_with('.'), "{}", mutant.mistake);
        }
    }
}
