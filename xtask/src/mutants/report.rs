//! The table of all mutants in the documentation.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::list::Mutant;
use super::record::{Check, Record};
use crate::BadInput;
use crate::regress::Layer;

/// The page with the table.
const PAGE: &str = "docs/mutants.md";
const BEGIN: &str = "<!-- The table is from `cargo xtask mutants --report`. -->\n";
const END: &str = "<!-- End of the table. -->\n";

/// Replaces the table of the page.
///
/// # Errors
/// If the page lacks the lines around the table.
pub fn write(root: &Path, mutants: &[Mutant], record: &Record) -> Result<()> {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let page = replaced(&page, &table(mutants, record))?;
    fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))
}

fn replaced(page: &str, table: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        let [begin, end] = [BEGIN, END].map(str::trim_end);
        return Err(BadInput(format!("{PAGE} lacks the lines `{begin}` and `{end}`")).into());
    };
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

/// Returns a sentence with the counts, and the table.
fn table(mutants: &[Mutant], record: &Record) -> String {
    let known = |mutant: &Mutant, check: &str| -> Option<Check> {
        let entry = record.mutants.get(&mutant.name)?;
        (entry.digest == mutant.digest()).then(|| entry.checks.get(check).cloned()).flatten()
    };
    let count = |check: &str| {
        let tried: Vec<_> = mutants.iter().filter_map(|mutant| known(mutant, check)).collect();
        let noticed = tried.iter().filter(|check| check.noticed.is_some()).count();
        format!("{noticed} of {} by {check}", tried.len())
    };
    let mut text = format!("{} mutants; noticed were {}", mutants.len(), count("tests"));
    for layer in [Layer::Bits, Layer::Learning, Layer::Cost].map(Layer::name) {
        let _ = write!(text, ", {}", count(layer));
    }
    text.push_str(".\n\n| mutant | mistake | tests | bits | learning | cost |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for mutant in mutants {
        let tests = match known(mutant, "tests") {
            None => "–".to_owned(),
            Some(Check { noticed: None, .. }) => "no".to_owned(),
            Some(Check { noticed: Some(noticed), .. }) => {
                let first = noticed.by.first().map_or("", String::as_str);
                let more = match noticed.by.len() {
                    0 | 1 => String::new(),
                    all => format!(" and {} more", all - 1),
                };
                format!("{}: `{first}`{more}", noticed.suite)
            }
        };
        let _ = write!(text, "| `{}` | {} | {tests} |", mutant.name, mutant.mistake);
        for layer in [Layer::Bits, Layer::Learning, Layer::Cost].map(Layer::name) {
            let word = match known(mutant, layer).map(|check| check.noticed.is_some()) {
                None => "–",
                Some(true) => "yes",
                Some(false) => "no",
            };
            let _ = write!(text, " {word} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::mutants::record::{Entry, Noticed};

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("# Page\n{BEGIN}old\n{END}after\n");
        let new = replaced(&page, "| new |\n").unwrap();
        assert_eq!(new, format!("# Page\n{BEGIN}\n| new |\n\n{END}after\n"));
        assert_eq!(replaced(&new, "| new |\n").unwrap(), new);
        assert!(replaced("# Page\n", "").unwrap_err().is::<BadInput>());
    }

    #[test]
    fn the_table_tells_what_was_noticed_what_was_not_and_what_was_not_tried() {
        let mutant = Mutant::example();
        let by = vec!["a::b".to_owned(), "c".to_owned()];
        let noticed = Noticed { suite: "pmoe-core lib".to_owned(), by };
        let check =
            |noticed| Check { commit: String::new(), code: String::new(), seconds: 1.0, noticed };
        let checks = BTreeMap::from([
            ("tests".to_owned(), check(Some(noticed))),
            ("bits".to_owned(), check(None)),
        ]);
        let mut record = Record::default();
        let digest = mutant.digest();
        record.mutants.insert("sum".to_owned(), Entry { digest, checks });
        let table = table(std::slice::from_ref(&mutant), &record);
        assert!(
            table.starts_with("1 mutants; noticed were 1 of 1 by tests, 0 of 1 by bits"),
            "{table}"
        );
        let row =
            "| `sum` | The sum is a difference. | pmoe-core lib: `a::b` and 1 more | no | – | – |";
        assert!(table.contains(row), "{table}");
    }
}
