//! `configs/claims.toml`, and the claims that the suites' tables of the paper's numbers make.

use std::path::Path;

use serde::Deserialize;

use super::{Claim, Relation, RunTest, Test, Than};
use crate::{Quantity, ResultsError, Suite, run_dir};

/// The file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsToml {
    claims: Vec<ClaimToml>,
}

/// A claim as written: either `quantity` and what belongs to it, or `instead`.
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
    /// A method.
    than: Option<String>,
    /// A number.
    than_value: Option<f64>,
    is: Option<RelationToml>,
    /// Of `is = "equal"`.
    within: Option<f64>,
    /// Why no run can test it, or what holds it instead.
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
    /// When it can't be read, has an unknown key, a wrong type, or names what there is not.
    pub fn load(path: &Path, suites: &[Suite]) -> Result<Vec<Self>, ResultsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ResultsError::io(path, source))?;
        Self::parse(&text, path, suites)
    }

    /// Checks the text of a file of claims.
    ///
    /// # Errors
    /// When it has an unknown key, a wrong type, or names what there is not.
    pub fn parse(text: &str, path: &Path, suites: &[Suite]) -> Result<Vec<Self>, ResultsError> {
        let table = run_dir::parse_config(text, path)?;
        let raw: ClaimsToml =
            serde_path_to_error::deserialize(table).map_err(|error| ResultsError::BadFile {
                path: path.to_owned(),
                key: error.path().to_string(),
                message: error.inner().message().to_owned(),
            })?;
        let mut claims: Vec<Self> = Vec::new();
        for (index, raw) in raw.claims.into_iter().enumerate() {
            let bad = |key: &str, message: String| ResultsError::BadFile {
                path: path.to_owned(),
                key: format!("claims[{index}].{key}"),
                message,
            };
            if claims.iter().any(|known| known.id == raw.id) {
                return Err(bad("id", format!("`{}` is there twice", raw.id)));
            }
            claims.push(raw.check(suites, bad)?);
        }
        Ok(claims)
    }

    /// What the paper's tables say of AUCs: above or below their reference, method by method and task by
    /// task, from the numbers in the suites.
    #[must_use]
    pub fn of_tables(suites: &[Suite]) -> Vec<Self> {
        let mut claims = Vec::new();
        for suite in suites {
            let place = suite.item.split(", ").find(|item| item.starts_with("Table"));
            // In the order of the suite, not of the alphabet.
            for method in suite.methods.iter().filter(|method| method.name != suite.reference) {
                for task in &suite.tasks {
                    let percent = suite.paper.auc.get(&method.name).and_then(|of| of.get(task));
                    let Some(percent) = percent else { continue };
                    let (name, reference) = (&method.name, &suite.reference);
                    claims.push(Self {
                        id: format!("{}-{name}-{task}", suite.name),
                        place: place.unwrap_or(&suite.item).to_owned(),
                        says: format!(
                            "On {task} the AUC of {name} is {percent:.1} % of {reference}'s."
                        ),
                        test: Test::Runs(RunTest {
                            suite: suite.name.clone(),
                            task: Some(task.clone()),
                            quantity: Quantity::Auc,
                            method: name.clone(),
                            than: Than::Method(reference.clone()),
                            is: if *percent < 100.0 { Relation::Lower } else { Relation::Higher },
                            paper: Some(percent / 100.0),
                        }),
                    });
                }
            }
        }
        claims
    }
}

impl ClaimToml {
    fn check(
        self,
        suites: &[Suite],
        bad: impl Fn(&str, String) -> ResultsError,
    ) -> Result<Claim, ResultsError> {
        let Self { id, place, says, suite, task, quantity, method, than, than_value, .. } = self;
        let is_tested = quantity.is_some();
        if let Some(reason) = self.instead {
            let others = [suite.is_some(), task.is_some(), is_tested, method.is_some()];
            if others.contains(&true) || self.is.is_some() || than.is_some() {
                return Err(bad("instead", "stands alone: nothing is tested".to_owned()));
            }
            return Ok(Claim { id, place, says, test: Test::Otherwise(reason) });
        }
        let needed =
            |key: &str| bad(key, "is missing; without a test, `instead` says why".to_owned());
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
                    "either `than`, a method, or `than_value`, a number".to_owned(),
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
                return Err(bad("within", "`is = \"equal\"` needs a margin above 0".to_owned()));
            }
            (_, Some(_)) => {
                return Err(bad("within", "is for `is = \"equal\"` alone".to_owned()));
            }
        };
        let suite = suite_name;
        let test = RunTest { suite, task, quantity, method, than, is, paper: None };
        Ok(Claim { id, place, says, test: Test::Runs(test) })
    }
}
