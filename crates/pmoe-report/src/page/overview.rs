//! The answer at the top of the page, made from the numbers.

use pmoe_results::Suite;
use pmoe_stats::{Estimate, Interval};

use super::answer::{self, standing_text};
use super::badge::Badge;
use super::{ClaimLine, Ledger, Section};
use crate::claims::{Decision, Effect, EffectKind, Relation, Test, Than};
use crate::format::{count, estimate, percent};

/// What the runs say of the first of the paper's claims that they test.
pub(crate) struct Headline {
    /// Part of the page with the runs.
    pub(super) section: Option<String>,
    pub(super) method: String,
    /// The number, beside the paper's.
    pub(super) text: String,
    /// Whether the method is above what it is compared with.
    pub(super) badge: String,
    /// How sure that is.
    pub(super) sureness: String,
    /// The same by task, each with its badge.
    pub(super) tasks: Vec<(String, String)>,
}

impl Headline {
    /// Takes the first claim over several tasks that compares returns of two methods, or else the
    /// first of one task.
    pub(crate) fn new(ledger: &Ledger<'_>, sections: &[Section], suites: &[Suite]) -> Option<Self> {
        let of = |line: &'_ ClaimLine<'_>| Self::of_claim(line, sections, suites);
        let is_of_all = |line: &&ClaimLine<'_>| matches!(&line.claim.test, Test::Runs(test) if test.task.is_none());
        let lines = || ledger.lines.iter();
        lines().filter(is_of_all).find_map(of).or_else(|| lines().find_map(of))
    }

    fn of_claim(line: &ClaimLine<'_>, sections: &[Section], suites: &[Suite]) -> Option<Self> {
        let Test::Runs(test) = &line.claim.test else {
            return None;
        };
        let Than::Method(than) = &test.than else {
            return None;
        };
        let of = &line.judgement;
        let effect = of.effect.as_ref().filter(|effect| effect.kind == EffectKind::Ratio)?;
        let suite = suites.iter().find(|suite| suite.name == test.suite)?;
        let label = test.quantity.label();
        let ours = short_estimate(&effect.estimate);
        let [steps, full] = of.steps;
        let tasks = listed(&of.tasks);
        let missing = match of.missing_tasks {
            0 => String::new(),
            missing => {
                format!(" ({} of {} tasks so far)", of.tasks.len(), of.tasks.len() + missing)
            }
        };
        let is_stated = of.tasks.iter().all(|task| suite.paper.states.steps.contains(task));
        let assumed = if is_stated { "" } else { " (assumed)" };
        let paper = suite.paper_ratio(test.quantity, &test.method, than, &of.tasks).map(|ratio| {
            format!("; the paper on the same: {} % at {}{assumed}", short(ratio), count(full))
        });
        let text = format!(
            "{ours} of {than}'s {label}, over {tasks}{missing} at {} environment steps{}.",
            count(steps),
            paper.unwrap_or_default()
        );
        let decision = Decision::of(Relation::Higher, effect, &of.num_runs);
        let section = sections.iter().find(|section| Some(&section.id) == line.section.as_ref());
        Some(Self {
            section: line.section.clone(),
            method: test.method.clone(),
            text,
            badge: Badge::of_standing(decision).html(true, standing_text(decision)),
            sureness: sureness(decision, effect, than),
            tasks: section.map(|section| by_task(section, &test.method, than)).unwrap_or_default(),
        })
    }
}

/// Says in words what the interval means.
fn sureness(decision: Decision, effect: &Effect, than: &str) -> String {
    let Estimate { value, interval, .. } = &effect.estimate;
    match (decision, interval) {
        (Decision::TooFewRuns, _) | (_, None) => format!(
            "Fewer than {} runs on a side: too few to tell a difference from chance.",
            Decision::FEWEST_RUNS
        ),
        (Decision::Holds, _) => {
            format!(
                "Above {than}, and the whole interval with it: chance alone would hardly do that."
            )
        }
        (Decision::Fails, _) => {
            format!(
                "Below {than}, and the whole interval with it: chance alone would hardly do that."
            )
        }
        (Decision::Open, Some(Interval { low, high })) => {
            let (side, end) =
                if *value < 1.0 { ("Below", high - 1.0) } else { ("Above", 1.0 - low) };
            // An interval that ends at 100 is nearly decided.
            let far = if end < 0.1 * (high - low) { "just reaches" } else { "reaches beyond" };
            format!("{side} {than}, but the interval {far} 100 %: not certain.")
        }
    }
}

/// Returns each task's number and its verdict, if the section compares with `than`.
fn by_task(section: &Section, method: &str, than: &str) -> Vec<(String, String)> {
    if section.reference.as_deref() != Some(than) {
        return Vec::new();
    }
    let rows = section.rows.iter().filter(|row| row.method == method);
    let of_row = |row: &crate::rows::Row| {
        let standing = answer::standing(row, &section.rows, Some(than))?;
        let badge = Badge::of_standing(standing).html(true, standing_text(standing));
        Some((format!("{} {}", row.task, estimate(row.relative_auc.as_ref(), percent)), badge))
    };
    rows.filter_map(of_row).collect()
}

/// Formats `87 % [76, 100.2]`.
fn short_estimate(of: &Estimate) -> String {
    match of.interval {
        None => format!("{} %", short(of.value)),
        Some(Interval { low, high }) => {
            format!("{} % [{},\u{a0}{}]", short(of.value), short(low), short(high))
        }
    }
}

/// Formats a ratio in whole percent, unless that would hide on which side of 100 it is.
fn short(ratio: f64) -> String {
    let rounded = (100.0 * ratio).round();
    let hides = rounded == 100.0 && (ratio - 1.0).abs() > 1e-9;
    if hides || !rounded.is_finite() {
        percent(ratio)
    } else {
        format!("{rounded:.0}").replace('-', "−")
    }
}

/// Formats `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(value: f64, low: f64, high: f64) -> Effect {
        let estimate = Estimate::statistic(value, Some(Interval { low, high }));
        Effect { kind: EffectKind::Ratio, estimate }
    }

    #[test]
    fn the_words_follow_from_the_interval() {
        let cases = [
            (effect(0.87, 0.76, 1.002), "Below sac, but the interval just reaches 100 %"),
            (effect(0.95, 0.8, 1.2), "Below sac, but the interval reaches well beyond 100 %"),
            (effect(1.05, 0.8, 1.2), "Above sac, but the interval reaches well beyond 100 %"),
            (
                effect(0.87, 0.76, 0.999),
                "Below sac, and the whole interval with it, but it ends close",
            ),
            (effect(1.2, 1.1, 1.3), "Above sac, and the whole interval with it: hardly"),
            (effect(0.8, 0.7, 0.9), "Below sac, and the whole interval"),
        ];
        for (effect, words) in cases {
            let decision = Decision::of(Relation::Higher, &effect, &[3, 3]);
            let text = sureness(decision, &effect, "sac");
            assert!(text.starts_with(words), "{text}");
        }
        let few = sureness(Decision::TooFewRuns, &effect(0.8, 0.7, 0.9), "sac");
        assert!(few.starts_with("Fewer than 3 runs"), "{few}");
    }

    #[test]
    fn whole_percents_hide_no_side() {
        let texts = [0.874, 1.0, 1.0004, 0.996, 0.9949, f64::INFINITY].map(short);
        assert_eq!(texts, ["87", "100", "100.0", "99.6", "99", "∞"]);
        assert_eq!(short_estimate(&effect(0.87, 0.76, 1.002).estimate), "87 % [76,\u{a0}100.2]");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
