//! What is searched: a setting and its range.

use serde::{Deserialize, Serialize};
use toml::Value;

/// The most choices of a parameter: each is tried as a setting.
const MOST_CHOICES: usize = 64;

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Parameter {
    /// A number.
    Float {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// Whether factors count instead of differences.
        #[serde(default)]
        log: bool,
    },
    /// A whole number.
    Int {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
        /// Whether factors count instead of differences.
        #[serde(default)]
        log: bool,
        /// Distance of the numbers, from `low` on.
        #[serde(default = "one")]
        step: i64,
    },
    /// One of some values.
    Categorical {
        /// The values.
        choices: Vec<Choice>,
    },
}

/// A value of TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Labelled")]
pub struct Choice(pub Value);

/// A choice for Python: a number, text or truth, and what `--set` takes.
#[derive(Serialize)]
struct Labelled {
    label: Value,
    set: String,
}

fn one() -> i64 {
    1
}

impl From<Value> for Choice {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl From<Choice> for Labelled {
    fn from(Choice(value): Choice) -> Self {
        let set = value.to_string();
        let label = match value {
            Value::Array(_) | Value::Table(_) | Value::Datetime(_) => Value::String(set.clone()),
            value => value,
        };
        Self { label, set }
    }
}

impl Parameter {
    /// What is wrong with it, and what is allowed.
    pub(super) fn problem(&self) -> Option<(String, &'static str)> {
        let range = |low: &dyn ToString, high: &dyn ToString| {
            format!("from {} to {}", low.to_string(), high.to_string())
        };
        match self {
            Self::Float { low, high, log } => {
                let is_range = low.is_finite() && high.is_finite() && low < high;
                if !is_range {
                    return Some((range(low, high), "a range, `low` below `high`"));
                }
                (*log && *low <= 0.0).then(|| (range(low, high), "above 0, as `log` is true"))
            }
            Self::Int { low, high, log, step } => {
                if low >= high {
                    return Some((range(low, high), "a range, `low` below `high`"));
                }
                if *step < 1 || (*log && *step != 1) {
                    let allowed = "a `step` of 1 or more, and of 1 if `log` is true";
                    return Some((format!("with a step of {step}"), allowed));
                }
                (*log && *low < 1).then(|| (range(low, high), "1 or more, as `log` is true"))
            }
            Self::Categorical { choices } => {
                let mut few = choices.iter().take(MOST_CHOICES).enumerate();
                let is_twice = few.any(|(at, choice)| choices[..at].contains(choice));
                let text = || {
                    let all: Vec<_> =
                        choices.iter().map(|Choice(value)| value.to_string()).collect();
                    format!("[{}]", all.join(", "))
                };
                let is_good = (1..=MOST_CHOICES).contains(&choices.len()) && !is_twice;
                (!is_good).then(|| (text(), "1 to 64 different choices"))
            }
        }
    }

    /// Its ends, or all its choices, as `--set` takes them.
    pub(super) fn ends(&self) -> Vec<String> {
        match self {
            Self::Float { low, high, .. } => [low, high].map(|end| format!("{end:?}")).into(),
            Self::Int { low, high, .. } => [low, high].map(ToString::to_string).into(),
            Self::Categorical { choices } => {
                choices.iter().map(|Choice(value)| value.to_string()).collect()
            }
        }
    }
}
