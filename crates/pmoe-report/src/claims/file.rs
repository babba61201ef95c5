//! Reads `configs/claims.toml`.

use std::path::Path;

use pmoe_results::files::{MOST_CONFIG_BYTES, read_text};
use pmoe_results::text::explained;
use pmoe_results::{Quantity, ResultsError, Suite, settings};
use serde::Deserialize;

use super::{Claim, Relation, RunTest, Test, Than};

/// Raw content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsToml {
    claims: Vec<ClaimToml>,
}

/// A raw claim: either `quantity` with its related keys, or `instead`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimToml {
    id: String,
    place: String,
    says: String,
    suite: Option<String>,
    task: Option<String>,
    quantity: Option<Quantity>,
    method: Option<String>,
    /// Name of a method to compare with.
    than: Option<String>,
    /// Number to compare with.
    than_value: Option<f64>,
    is: Option<RelationToml>,
    /// Margin of `is = "equal"`.
    within: Option<f64>,
    /// Why no run can test the claim, or the alternative evidence.
    instead: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RelationToml {
    Higher,
    Lower,
    Equal,
}

impl Claim {
    /// Reads a file of claims and checks it against the suites.
    ///
    /// # Errors
    /// If the file can't be read, contains an unknown key or a wrong type, or refers to an unknown
    /// suite, task or method.
    pub fn load(path: &Path, suites: &[Suite]) -> Result<Vec<Self>, ResultsError> {
        Self::parse(&read_text(path, MOST_CONFIG_BYTES)?, path, suites)
    }

    /// Parses the text of a file of claims and checks it against the suites.
    ///
    /// # Errors
    /// If the text contains an unknown key or a wrong type, or refers to an unknown suite, task or
    /// method.
    pub fn parse(text: &str, path: &Path, suites: &[Suite]) -> Result<Vec<Self>, ResultsError> {
        let table = settings::parse(text, path)?;
        let raw: ClaimsToml =
            serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadFile {
                path: path.to_owned(),
                key: error.path().to_string(),
                message: explained(error.inner().message()),
            })?;
        let mut claims: Vec<Self> = Vec::new();
        for (index, raw) in raw.claims.into_iter().enumerate() {
            let bad = |key: &str, message: String| ResultsError::BadFile {
                path: path.to_owned(),
                key: format!("claims[{index}].{key}"),
                message,
            };
            if claims.iter().any(|known| known.id == raw.id) {
                return Err(bad("id", format!("`{}` occurs twice", raw.id)));
            }
            claims.push(raw.check(suites, bad)?);
        }
        Ok(claims)
    }
}

impl ClaimToml {
    fn check(
        self,
        suites: &[Suite],
        bad: impl Fn(&str, String) -> ResultsError,
    ) -> Result<Claim, ResultsError> {
        let Self { id, place, says, suite, task, quantity, method, than, than_value, .. } = self;
        if let Some(reason) = self.instead {
            let of_test = [suite.is_some(), task.is_some(), quantity.is_some(), method.is_some()];
            let of_than = [than.is_some(), than_value.is_some(), self.within.is_some()];
            if of_test.contains(&true) || of_than.contains(&true) || self.is.is_some() {
                return Err(bad("instead", "excludes the keys of a test".to_owned()));
            }
            return Ok(Claim { id, place, says, test: Test::Otherwise(reason) });
        }
        let needed = |key: &str| {
            bad(key, "is missing; without a test, `instead` must give the reason".to_owned())
        };
        let quantity = quantity.ok_or_else(|| needed("quantity"))?;
        let suite_name = suite.ok_or_else(|| needed("suite"))?;
        let method = method.ok_or_else(|| needed("method"))?;
        let names = |names: Vec<&str>| names.join(", ");
        let suite = suites.iter().find(|known| known.name == suite_name).ok_or_else(|| {
            let known = names(suites.iter().map(|suite| suite.name.as_str()).collect());
            bad("suite", format!("`{suite_name}` is not one of {known}"))
        })?;
        let known_method = |key: &str, name: &str| match suite.method(name) {
            Some(_) => Ok(()),
            None => {
                let known = names(suite.methods.iter().map(|of| of.name.as_str()).collect());
                Err(bad(key, format!("`{name}` is not one of {known}")))
            }
        };
        known_method("method", &method)?;
        if let Some(task) = &task
            && !suite.tasks.contains(task)
        {
            let message = format!("`{task}` is not one of {}", suite.tasks.join(", "));
            return Err(bad("task", message));
        }
        let than = match (than, than_value) {
            (Some(name), None) => {
                known_method("than", &name)?;
                Than::Method(name)
            }
            (None, Some(value)) if value.is_finite() => Than::Value(value),
            _ => {
                return Err(bad(
                    "than",
                    "expected either `than`, a method, or `than_value`, a finite number".to_owned(),
                ));
            }
        };
        let is = match (self.is.ok_or_else(|| needed("is"))?, self.within) {
            (RelationToml::Higher, None) => Relation::Higher,
            (RelationToml::Lower, None) => Relation::Lower,
            (RelationToml::Equal, Some(margin)) if 0.0 < margin && margin.is_finite() => {
                Relation::Within(margin)
            }
            (RelationToml::Equal, _) => {
                return Err(bad(
                    "within",
                    "`is = \"equal\"` needs a finite margin above 0".to_owned(),
                ));
            }
            (_, Some(_)) => {
                return Err(bad("within", "is allowed only with `is = \"equal\"`".to_owned()));
            }
        };
        let paper = match &than {
            Than::Method(than) => {
                let tasks = task.as_ref().map_or(suite.tasks.as_slice(), std::slice::from_ref);
                suite.paper_ratio(quantity, &method, than, tasks)
            }
            Than::Value(_) => None,
        };
        let suite = suite_name;
        let test = RunTest { suite, task, quantity, method, than, is, paper };
        Ok(Claim { id, place, says, test: Test::Runs(test) })
    }
}
