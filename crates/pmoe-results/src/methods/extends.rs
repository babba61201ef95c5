//! Methods that state only how they differ from another: `extends = "sac"`.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{committed, path_of};
use crate::error::ExtendsError;
use crate::files::{MOST_CONFIG_BYTES, read_text};
use crate::settings::parse;
use crate::text::did_you_mean;

/// The key that names the method to start from.
const KEY: &str = "extends";

/// A method's own settings, and where they come from.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The file, as messages name it.
    pub(super) path: PathBuf,
    /// Its content.
    pub(super) table: Table,
}

/// Returns all settings of the method in the file `path`, whose content is `table`: what it does not
/// set has the value of the method that it extends, and so on.
///
/// `extends` is the name of a committed method or the path of another file (`.toml`), which starts at
/// the folder of the file. A table adds to the table that it extends, any other value replaces it.
/// Where the settings are a choice, such as `actor` or `temperature`, and the file names another
/// alternative, that one replaces the whole choice.
///
/// # Errors
/// Returns an error if there is no such method, its file can't be read, or the methods extend each
/// other in a circle. Keys are not checked.
pub fn extended(table: Table, path: &Path) -> Result<Table, ExtendsError> {
    extended_among(Layer { path: path.to_owned(), table }, &|_| None)
}

/// Like [`extended`]; `sibling` returns methods that come before the committed ones of the same name.
pub(super) fn extended_among(
    method: Layer,
    sibling: &dyn Fn(&str) -> Option<Layer>,
) -> Result<Table, ExtendsError> {
    let mut layers = vec![method];
    while let Some(value) = layers.last_mut().and_then(|layer| layer.table.remove(KEY)) {
        let base = base(&value, &layers[layers.len() - 1].path, sibling)?;
        let is_known = |layer: &Layer| identity(&layer.path) == identity(&base.path);
        if let Some(first) = layers.iter().position(is_known) {
            let circle = layers[first..].iter().chain([&base]);
            let circle: Vec<_> = circle.map(|layer| layer.path.display().to_string()).collect();
            let message = format!("a circle: {}", circle.join(", which extends "));
            return Err(error(&layers[0].path, message));
        }
        layers.push(base);
    }
    let whole = layers.into_iter().rev().map(|layer| layer.table).reduce(|mut whole, own| {
        merge(&mut whole, own);
        whole
    });
    Ok(whole.unwrap_or_default())
}

/// Returns the method that the file `path` extends.
fn base(
    value: &Value,
    path: &Path,
    sibling: &dyn Fn(&str) -> Option<Layer>,
) -> Result<Layer, ExtendsError> {
    let names = || committed().iter().map(|(name, _)| *name);
    let allowed = || format!("one of {}, or a .toml file", names().collect::<Vec<_>>().join(", "));
    let Some(wanted) = value.as_str() else {
        return Err(error(path, format!("{value} must be {}", allowed())));
    };
    if Path::new(wanted).extension().is_some_and(|extension| extension == "toml") {
        let file = path.parent().unwrap_or(Path::new("")).join(wanted);
        let read = read_text(&file, MOST_CONFIG_BYTES).and_then(|text| parse(&text, &file));
        let table = read.map_err(|cause| error(path, cause.to_string()))?;
        return Ok(Layer { path: file, table });
    }
    sibling(wanted).or_else(|| committed_layer(wanted)).ok_or_else(|| {
        let meant = did_you_mean(wanted, names());
        error(path, format!("unknown method {wanted:?}: it must be {}{meant}", allowed()))
    })
}

fn committed_layer(name: &str) -> Option<Layer> {
    let (_, text) = committed().iter().find(|(known, _)| *known == name)?;
    Some(Layer { path: path_of(name), table: text.parse().ok()? })
}

/// Whatever `..` and links a path has, a file is the same one.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn error(path: &Path, message: String) -> ExtendsError {
    ExtendsError { place: path.display().to_string(), message }
}

/// Writes the settings `own` over those in `whole`.
fn merge(whole: &mut Table, own: Table) {
    for (key, value) in own {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(whole)), Value::Table(own)) if !is_another_choice(whole, &own) => {
                merge(whole, own);
            }
            (_, value) => drop(whole.insert(key, value)),
        }
    }
}

/// Whether two tables name one alternative each, and not the same one.
fn is_another_choice(whole: &Table, own: &Table) -> bool {
    whole.len() == 1 && own.len() == 1 && whole.keys().ne(own.keys())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    fn sac_with(text: &str) -> Table {
        extended(table(&format!("extends = \"sac\"\n{text}")), Path::new("mine.toml")).unwrap()
    }

    #[test]
    fn only_what_differs_is_stated() {
        let sac = committed_layer("sac").unwrap().table;
        assert_eq!(sac_with(""), sac);
        let mut expected = sac.clone();
        expected["algo"]["sac"]["gamma"] = Value::Float(0.9);
        expected["schedule"]["eval_every"] = Value::Integer(5);
        assert_eq!(sac_with("algo.sac.gamma = 0.9\nschedule.eval_every = 5"), expected);
        // A list is a value.
        let hidden = sac_with("algo.sac.hidden = [8]");
        assert_eq!(hidden["algo"]["sac"]["hidden"], Value::Array(vec![Value::Integer(8)]));
    }

    #[test]
    fn another_alternative_replaces_a_choice() {
        let mixture = "[algo.sac.actor.pmoe]\nnum_primitives = 4\nrouting_input = \"obs\"";
        let actor = sac_with(mixture)["algo"]["sac"]["actor"].clone();
        assert_eq!(
            Value::Table(table(mixture)["algo"]["sac"]["actor"].as_table().unwrap().clone()),
            actor
        );
        let bound = sac_with("algo.sac.log_std = { tanh = [-5.0, 2.0] }");
        assert_eq!(bound["algo"]["sac"]["log_std"].to_string(), "{ tanh = [-5.0, 2.0] }");
        // The same alternative keeps the rest.
        let one = sac_with("[algo.sac.temperature.fixed]\nalpha = 0.1");
        assert_eq!(one["algo"]["sac"]["temperature"].to_string(), "{ fixed = { alpha = 0.1 } }");
    }

    #[test]
    fn files_extend_files_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("base")).unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("base/slow.toml", "extends = \"../base/small.toml\"\nalgo.sac.tau = 0.001");
        write("base/small.toml", "extends = \"sac\"\nalgo.sac.hidden = [8]\nalgo.sac.tau = 0.1");
        let path = dir.path().join("mine.toml");
        let mine = extended(table("extends = \"base/slow.toml\"\nalgo.sac.gamma = 0.5"), &path);
        let set = "algo.sac = { hidden = [8], tau = 0.001, gamma = 0.5 }";
        assert_eq!(mine.unwrap(), sac_with(set));
    }

    #[track_caller]
    fn refused(text: &str, path: &Path, words: &[&str]) {
        let message = extended(table(text), path).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }

    #[test]
    fn what_can_not_be_extended_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        let place = "mine.toml: at `extends`: ";
        refused(
            "extends = \"sacc\"",
            &path,
            &[place, "\"sacc\"", "pmoe-sac,", "did you mean `sac`?"],
        );
        refused("extends = 3", &path, &[place, "3 must be one of", "or a .toml file"]);
        refused("extends = \"none.toml\"", &path, &[place, "cannot read", "none.toml"]);
        fs::write(dir.path().join("bad.toml"), "\n= 3").unwrap();
        refused("extends = \"bad.toml\"", &path, &[place, "bad.toml, at `line 2`"]);
    }

    #[test]
    fn a_circle_is_refused_however_its_files_are_called() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("x")).unwrap();
        for (name, extends) in [("a", "../x/b"), ("b", "../x/../x/a")] {
            let text = format!("extends = \"{extends}.toml\"");
            fs::write(dir.path().join(format!("x/{name}.toml")), text).unwrap();
        }
        let path = dir.path().join("mine.toml");
        refused("extends = \"mine.toml\"", Path::new("mine.toml"), &["mine.toml"]);
        refused(
            "extends = \"x/a.toml\"",
            &path,
            &["a circle", "x/a.toml, which extends", "b.toml"],
        );
    }

    /// What a user reads in a file stays short, and names nothing that its base has already.
    #[test]
    fn a_committed_method_states_only_what_differs() {
        fn repeated(whole: &Table, own: &Table, prefix: &str, found: &mut Vec<String>) {
            for (key, value) in own {
                match (whole.get(key), value) {
                    (Some(Value::Table(whole)), Value::Table(own))
                        if !is_another_choice(whole, own) =>
                    {
                        repeated(whole, own, &format!("{prefix}{key}."), found);
                    }
                    (Some(theirs), own) if theirs == own => found.push(format!("{prefix}{key}")),
                    _ => {}
                }
            }
        }
        let mut extending = 0;
        for (name, text) in committed() {
            let own = table(text);
            let Some(Value::String(of)) = own.get(KEY) else { continue };
            let base = extended(committed_layer(of).unwrap().table, Path::new(of)).unwrap();
            let mut found = Vec::new();
            repeated(&base, &own, "", &mut found);
            assert!(found.is_empty(), "{name} repeats {found:?} of {of}");
            extending += 1;
        }
        assert!(0 < extending);
    }
}
