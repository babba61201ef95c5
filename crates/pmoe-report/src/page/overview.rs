//! The answer at the top of the page, made from the numbers.

use pmoe_results::{Quantity, Suite};
use pmoe_stats::{Estimate, Interval};

use super::answer::{self, standing_text};
use super::badge::Badge;
use super::{ClaimLine, Ledger, Section};
use crate::claims::{Decision, Effect, EffectKind, Relation, Test, Than};
use crate::format::{count, estimate, percent};
use crate::rows::Row;

/// What the runs say of the most important comparison.
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
    /// first of one task. Without claims it compares the two methods of the only part.
    pub(crate) fn new(ledger: &Ledger<'_>, sections: &[Section], suites: &[Suite]) -> Option<Self> {
        let of = |line: &'_ ClaimLine<'_>| Self::of_claim(line, sections, suites);
        let is_of_all = |line: &&ClaimLine<'_>| matches!(&line.claim.test, Test::Runs(test) if test.task.is_none());
        let lines = || ledger.lines.iter();
        let of_claims = lines().filter(is_of_all).find_map(of).or_else(|| lines().find_map(of));
        match (of_claims, sections) {
            (None, [one]) => Self::of_section(one),
            (headline, _) => headline,
        }
    }

    /// Compares the two methods of a section, if there are just two, over its tasks.
    fn of_section(section: &Section) -> Option<Self> {
        let than = section.reference.as_deref()?;
        let is_compared = |row: &&Row| row.method != than && row.relative_auc.is_some();
        let rows: Vec<&Row> = section.rows.iter().filter(is_compared).collect();
        let first = rows.first()?;
        let method = first.method.as_str();
        let over_tasks = section.aggregates.as_ref().filter(|of| !of.methods.is_empty());
        let (estimate, tasks) = match (over_tasks, rows.as_slice()) {
            _ if rows.iter().any(|row| row.method != method) => return None,
            (Some(of), _) => {
                let mean = &of.methods.iter().find(|of| of.method == method)?.mean;
                (mean.clone(), of.tasks.clone())
            }
            (None, [one]) => (one.relative_auc.clone()?, vec![one.task.clone()]),
            (None, _) => return None,
        };
        let behind = || section.rows.iter().filter(|row| tasks.contains(&row.task));
        let num_runs = [method, than].map(|name| {
            let of_method = behind().filter(|row| row.method == name);
            of_method.map(|row| row.seeds.len()).min().unwrap_or(0)
        });
        let steps = behind().map(|row| row.total_steps).max().unwrap_or(0);
        let text = format!(
            "{} of {than}'s {}, over {} at {} environment steps.",
            short_estimate(&estimate),
            Quantity::Auc.label(),
            listed(&tasks),
            count(steps)
        );
        let effect = Effect { kind: EffectKind::Ratio, estimate };
        let decision = Decision::of(Relation::Higher, &effect, &num_runs);
        Some(Self {
            section: Some(section.id.clone()),
            method: method.to_owned(),
            text,
            badge: Badge::of_standing(decision).html(true, standing_text(decision)),
            sureness: sureness(decision, &effect, than),
            tasks: by_task(section, method, than),
        })
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
        (_, Some(Interval { low, high })) => {
            let (side, end) =
                if *value < 1.0 { ("Below", high - 1.0) } else { ("Above", 1.0 - low) };
            // How far the interval passes 100 %, in terms of its width.
            let how = match end / (high - low) {
                ..-0.1 => "and the whole interval with it: hardly by chance",
                -0.1..0.0 => {
                    "and the whole interval with it, but it ends close to 100 %: likely, not certain"
                }
                0.0..0.1 => "but the interval just reaches 100 %: not certain",
                _ => "but the interval reaches well beyond 100 %: not certain",
            };
            format!("{side} {than}, {how}.")
        }
    }
}

/// Returns each task's number and its verdict, if the section compares with `than`.
fn by_task(section: &Section, method: &str, than: &str) -> Vec<(String, String)> {
    if section.reference.as_deref() != Some(than) {
        return Vec::new();
    }
    let rows = section.rows.iter().filter(|row| row.method == method);
    let of_row = |row: &Row| {
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
    let hides = (rounded - 100.0).abs() < 0.5 && (ratio - 1.0).abs() > 1e-9;
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
