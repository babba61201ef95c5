//! Checks of a suite file.

use std::collections::BTreeSet;

use super::{Method, NoiseReturn, Override, Preset, PresetPlan, Suite};
use crate::analysis::Quantity;
use crate::error::ResultsError;
use crate::number::{MOST_STEPS, grouped};
use crate::text::{did_you_mean, one_of};

/// Limits on the methods, tasks or seeds of a suite, and on the runs of a preset: a plan must fit
/// into memory and one file.
const MOST_NAMES: usize = 1_000;
const MOST_RUNS: usize = 100_000;

impl Suite {
    pub(super) fn check(&self, place: &str) -> Result<(), ResultsError> {
        let bad = |key: &str, value: String, allowed: String| ResultsError::BadValue {
            place: place.to_owned(),
            key: key.to_owned(),
            value,
            allowed,
        };
        let name = |key: &str, value: &str| {
            if is_name(value) {
                return Ok(());
            }
            let allowed = "made of letters, digits, `-`, `_` and `.`, and not start with a dot";
            Err(bad(key, format!("{value:?}"), allowed.to_owned()))
        };
        let one = |key: &str, value: &str, allowed: &[String]| {
            if allowed.iter().any(|allowed| allowed == value) {
                return Ok(());
            }
            let meant = did_you_mean(value, allowed.iter().map(String::as_str));
            Err(bad(key, format!("{value:?}"), one_of(allowed) + &meant))
        };
        // The budget has one place; a second one could only contradict it.
        let budget_apart = |key: &str, set: &toml::Table| match set.get("schedule.total_steps") {
            None => Ok(()),
            Some(_) => {
                let allowed =
                    "without `schedule.total_steps`; the preset's `total_steps` sets the budget";
                Err(bad(key, format!("{set:?}"), allowed.to_owned()))
            }
        };

        let few = |key: &str, found: usize, most: usize| match found <= most {
            true => Ok(()),
            false => {
                let allowed = format!("at most {}", grouped(most as u64));
                Err(bad(key, format!("a list of {found}"), allowed))
            }
        };
        let budget = |key: &str, steps: u64| match steps {
            0 => Err(bad(key, "0".to_owned(), "at least 1".to_owned())),
            1..=MOST_STEPS => Ok(()),
            _ => Err(bad(key, steps.to_string(), format!("at most {}", grouped(MOST_STEPS)))),
        };

        name("file name", &self.name)?;
        let methods: Vec<_> = self.methods.iter().map(|method| method.name.clone()).collect();
        for (key, values) in [("methods and variants", &methods), ("tasks", &self.tasks)] {
            values.iter().try_for_each(|value| name(key, value))?;
            if values.is_empty() || has_repeats(values) {
                return Err(bad(
                    key,
                    format!("{values:?}"),
                    "nonempty and without repeats".to_owned(),
                ));
            }
            few(key, values.len(), MOST_NAMES)?;
        }
        for Method { name: method, base, set } in &self.methods {
            name(&format!("variants.{method}.base"), base)?;
            budget_apart(&format!("variants.{method}.set"), set)?;
        }
        one("reference", &self.reference, &methods)?;
        self.subject.iter().try_for_each(|subject| one("subject", subject, &methods))?;
        for preset in Preset::ALL {
            let PresetPlan { seeds, total_steps, task_steps, tasks, set, analyses } =
                self.preset(preset);
            let key = |name: &str| format!("presets.{preset}.{name}");
            if seeds.is_empty() || has_repeats(seeds) {
                let allowed = "nonempty and without repeats".to_owned();
                return Err(bad(&key("seeds"), format!("{seeds:?}"), allowed));
            }
            few(&key("seeds"), seeds.len(), MOST_NAMES)?;
            let runs = seeds.len() * self.methods.len() * self.tasks(preset).len();
            few(&key("seeds"), runs, MOST_RUNS)?;
            budget(&key("total_steps"), *total_steps)?;
            for (task, steps) in task_steps {
                one(&key("task_steps"), task, &self.tasks)?;
                budget(&key(&format!("task_steps.{task}")), *steps)?;
            }
            if let Some(tasks) = tasks {
                tasks.iter().try_for_each(|task| one(&key("tasks"), task, &self.tasks))?;
                if tasks.is_empty() || has_repeats(tasks) {
                    let allowed = "nonempty and without repeats".to_owned();
                    return Err(bad(&key("tasks"), format!("{tasks:?}"), allowed));
                }
            }
            budget_apart(&key("set"), set)?;
            if let Some(kind) = analyses.keys().find(|kind| !self.analyses.contains_key(kind)) {
                let allowed = "one of the suite's `analyses`".to_owned();
                return Err(bad(&key("analyses"), format!("\"{kind}\""), allowed));
            }
            for kind in self.analyses.keys() {
                self.analysis(preset, *kind, &format!("{place}, analyses of preset {preset}"))?;
            }
        }
        for (index, Override { when, set }) in self.overrides.iter().enumerate() {
            let key = format!("overrides[{index}].when");
            when.method.iter().try_for_each(|value| one(&key, value, &methods))?;
            when.task.iter().try_for_each(|value| one(&key, value, &self.tasks))?;
            budget_apart(&format!("overrides[{index}].set"), set)?;
        }
        let finite = |key: &str, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(bad(key, value.to_string(), "a finite number".to_owned())),
        };
        for (method, tasks) in &self.paper.auc {
            one("paper.auc", method, &methods)?;
            for (task, percent) in tasks {
                let key = format!("paper.auc.{method}");
                one(&key, task, &self.tasks)?;
                finite(&key, *percent)?;
            }
        }
        for task in &self.paper.states.steps {
            one("paper.states.steps", task, &self.tasks)?;
        }
        let strengths: Vec<f64> =
            Quantity::ALL.into_iter().filter_map(Quantity::obs_noise).collect();
        for (index, NoiseReturn { method, task, obs_noise, mean, std }) in
            self.paper.noise.iter().enumerate()
        {
            let key = format!("paper.noise[{index}]");
            one(&key, method, &methods)?;
            one(&key, task, &self.tasks)?;
            [mean, std].into_iter().try_for_each(|value| finite(&key, *value))?;
            if !strengths.iter().any(|known| known.total_cmp(obs_noise).is_eq()) {
                let key = format!("{key}.obs_noise");
                return Err(bad(&key, obs_noise.to_string(), one_of(&strengths)));
            }
        }
        Ok(())
    }
}

/// Whether a value is a plain folder name, without path separators or a leading dot.
fn is_name(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !value.is_empty() && !value.starts_with('.') && value.chars().all(allowed)
}

fn has_repeats<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}
