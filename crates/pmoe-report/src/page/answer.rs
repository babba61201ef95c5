//! Sentences about a section's numbers.

use pmoe_results::suite::Paper;
use pmoe_results::{Preset, Quantity, Suite};
use pmoe_stats::Estimate;

use super::panel::{Measured, label};
use crate::claims::{Decision, Effect, EffectKind, Relation};
use crate::comparison::{Aggregates, Gap};
use crate::format::{count, estimate, number, percent, plural};
use crate::group::Group;
use crate::rows::Row;

/// Decides whether a method's AUC is higher than the reference's on one task. Returns `None` for
/// the reference itself, and if there is no ratio.
pub(crate) fn standing(row: &Row, rows: &[Row], reference: Option<&str>) -> Option<Decision> {
    let reference = reference.filter(|name| *name != row.method)?;
    let estimate = row.relative_auc.clone()?;
    let is_reference =
        |other: &&Row| (other.method.as_str(), &other.task) == (reference, &row.task);
    let seeds = rows.iter().find(is_reference).map_or(0, |row| row.seeds.len());
    let effect = Effect { kind: EffectKind::Ratio, estimate };
    Some(Decision::of(Relation::Higher, &effect, &[row.seeds.len(), seeds]))
}

pub(crate) fn standing_text(standing: Decision) -> &'static str {
    match standing {
        Decision::Holds => "higher",
        Decision::Fails => "lower",
        Decision::Open => "undecided",
        Decision::TooFewRuns => "too few seeds",
    }
}

/// Returns a sentence with our numbers and the paper's. It covers the quantities that the suite is
/// about, if the runs have them.
pub(crate) fn answer(
    group: &Group<'_>,
    rows: &[Row],
    aggregates: Option<&Aggregates>,
    measured: &[&Measured],
) -> String {
    if group.entries.is_empty() {
        return "No run yet.".to_owned();
    }
    if rows.iter().all(|row| row.auc.is_none()) {
        return "No run has finished yet.".to_owned();
    }
    let about = group.suite.map(|suite| suite.paper.about.as_slice()).unwrap_or_default();
    let of_about: Vec<_> =
        about.iter().filter_map(|quantity| of_quantity(*quantity, measured)).collect();
    if !of_about.is_empty() {
        return of_about.join(" ");
    }
    let reference = group.comparison.reference.as_deref();
    let compared =
        |row: &&Row| Some(row.method.as_str()) != reference && row.relative_auc.is_some();
    if let (Some(name), Some(aggregates)) =
        (reference, aggregates.filter(|of| !of.methods.is_empty()))
    {
        let others = aggregates.methods.iter().filter(|of| of.method != name);
        let values = others.map(|of| {
            let paper = paper_mean(group.suite, &of.method, &aggregates.tasks);
            (of.method.as_str(), &of.mean, paper)
        });
        let tasks = aggregates.tasks.len();
        return format!("AUC in % of {name}, mean of {tasks} tasks: {}.", listed(values.collect()));
    }
    if let Some(name) = reference.filter(|_| rows.iter().any(|row| compared(&row))) {
        let mut tasks: Vec<&str> =
            rows.iter().filter(compared).map(|row| row.task.as_str()).collect();
        tasks.dedup();
        let of_task = |task: &&str| {
            let values = rows.iter().filter(compared).filter(|row| row.task == *task);
            let values = values.filter_map(|row| {
                Some((row.method.as_str(), row.relative_auc.as_ref()?, row.paper_percent))
            });
            format!("on {task}: {}", listed(values.collect()))
        };
        let each: Vec<_> = tasks.iter().map(of_task).collect();
        return format!("AUC in % of {name} {}.", each.join("; "));
    }
    let finals: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.final_return.as_ref()?)))
        .map(|(row, value)| {
            format!("{} on {} {}", row.method, row.task, estimate(Some(value), number))
        })
        .collect();
    let more = finals.len().saturating_sub(LISTED);
    let shown = finals[..finals.len() - more].join(", ");
    let more = if more == 0 { String::new() } else { format!(", and {more} more below") };
    let is_comparison = group.suite.is_some_and(|suite| 1 < suite.methods.len());
    let alone = if is_comparison { "No comparison yet. " } else { "" };
    format!("{alone}Final return: {shown}{more}.")
}

/// Formats one quantity, or returns `None` without values:
/// `Success rate over training, %, on TargetReaching-v0: sac 41.2 [31.2, 51.2], …`.
fn of_quantity(quantity: Quantity, measured: &[&Measured]) -> Option<String> {
    let measures: Vec<_> = measured.iter().filter(|of| of.quantity == quantity).collect();
    let mut tasks: Vec<&str> = measures.iter().map(|row| row.task.as_str()).collect();
    tasks.dedup();
    let of_task = |task: &&str| {
        let here = measures.iter().filter(|row| row.task == *task);
        let values = here.map(|of| format!("{} {}", of.method, of.text()));
        format!("on {task}: {}", values.collect::<Vec<_>>().join(", "))
    };
    let each: Vec<_> = tasks.iter().map(of_task).collect();
    let mut label = label(quantity);
    label[..1].make_ascii_uppercase();
    let comma = if quantity.is_share() { "," } else { "" };
    (!each.is_empty()).then(|| format!("{label}{comma} {}.", each.join("; ")))
}

/// Maximum number of methods listed in a sentence.
const LISTED: usize = 3;

/// Formats values as `a 97.0 [90.1, 104.0] (paper 104.8), …`; with many, only the highest and the
/// lowest.
fn listed(mut values: Vec<(&str, &Estimate, Option<f64>)>) -> String {
    let text = |(method, value, paper): &(&str, &Estimate, Option<f64>)| {
        let paper = paper.map(|paper| format!(" (paper {})", number(paper))).unwrap_or_default();
        format!("{method} {}{paper}", estimate(Some(value), percent))
    };
    if values.len() <= LISTED {
        return values.iter().map(text).collect::<Vec<_>>().join(", ");
    }
    values.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    let (highest, lowest) = (&values[0], &values[values.len() - 1]);
    format!("highest {}, lowest {}", text(highest), text(lowest))
}

/// Returns the mean of the paper's values over the tasks, if the paper prints all of them.
pub(crate) fn paper_mean(suite: Option<&Suite>, method: &str, tasks: &[String]) -> Option<f64> {
    let printed = suite?.paper.auc.get(method)?;
    let values: Vec<f64> =
        tasks.iter().map(|task| printed.get(task).copied()).collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Counts the outcomes of the comparisons with the reference, or returns `None` without any:
/// `1 higher, 4 undecided`.
pub(crate) fn verdict(rows: &[Row], reference: Option<&str>) -> Option<String> {
    let standings: Vec<_> = rows.iter().filter_map(|row| standing(row, rows, reference)).collect();
    let parts = Decision::ALL.iter().filter_map(|decision| {
        let count = standings.iter().filter(|other| *other == decision).count();
        let with = if *decision == Decision::TooFewRuns { "with " } else { "" };
        (0 < count).then(|| format!("{count} {with}{}", standing_text(*decision)))
    });
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Counts how many of the same comparisons the paper prints above its reference.
pub(crate) fn paper_verdict(rows: &[Row], reference: Option<&str>) -> Option<String> {
    let judged = rows.iter().filter(|row| standing(row, rows, reference).is_some());
    let printed: Vec<f64> = judged.filter_map(|row| row.paper_percent).collect();
    let above = printed.iter().filter(|percent| 100.0 < **percent).count();
    let count = printed.len();
    (0 < count).then(|| {
        format!("Of these the paper prints {above} of {count} above 100 %, without intervals.")
    })
}

/// Describes what the paper states about the runs behind its numbers.
pub(crate) fn paper_scale(suite: &Suite) -> String {
    match scale(suite, true).as_slice() {
        [] => "The paper's numbers are without intervals.".to_owned(),
        parts => format!("The paper's numbers: {}, without intervals.", parts.join(", ")),
    }
}

/// Describes what the suite assumes where the paper states nothing, or returns `None` if nothing in
/// the suite is from the paper.
pub(crate) fn assumed(suite: &Suite) -> Option<String> {
    let parts = scale(suite, false);
    (is_of_paper(suite) && !parts.is_empty())
        .then(|| format!("Not stated in the paper, assumed: {}.", parts.join(", ")))
}

fn is_of_paper(suite: &Suite) -> bool {
    suite.paper != Paper::default()
}

/// Returns seeds and steps at the paper's scale, either those that the paper states or the others.
fn scale(suite: &Suite, is_stated: bool) -> Vec<String> {
    let (plan, states) = (suite.preset(Preset::Paper), &suite.paper.states);
    let all = suite.tasks(Preset::Paper);
    let tasks: Vec<&str> = (all.iter().filter(|task| states.steps.contains(task) == is_stated))
        .map(String::as_str)
        .collect();
    let mut steps: Vec<u64> = tasks.iter().map(|task| plan.steps_of(task)).collect();
    steps.sort_unstable();
    steps.dedup();
    let seeds = (states.seeds == is_stated).then(|| plural(plan.seeds.len(), "seed"));
    let steps = (!steps.is_empty()).then(|| {
        let steps: Vec<_> = steps.into_iter().map(count).collect();
        let on =
            if tasks.len() < all.len() { format!(" on {}", tasks.join(", ")) } else { "".into() };
        format!("{} environment steps per run{on}", steps.join(" or "))
    });
    seeds.into_iter().chain(steps).collect()
}

/// Returns the longest steps of rows that are shorter than at full scale, here and there.
fn shorter(suite: &Suite, rows: &[Row]) -> Option<[u64; 2]> {
    let full = |row: &Row| suite.preset(Preset::Paper).steps_of(&row.task);
    let smaller = || rows.iter().filter(|row| row.total_steps < full(row));
    Some([smaller().map(|row| row.total_steps).max()?, smaller().map(full).max()?])
}

/// Says in a few words that the runs are shorter than at full scale, if they are.
pub(crate) fn full_scale(suite: Option<&Suite>, rows: &[Row]) -> Option<String> {
    let [_, theirs] = shorter(suite?, rows)?;
    let whose = if is_of_paper(suite?) { "the paper's" } else { "full scale" };
    Some(format!("{whose}: {}", count(theirs)))
}

/// Returns a note if the runs are shorter than the paper's; it appears wherever they are compared
/// with it.
pub(crate) fn scale_note(suite: Option<&Suite>, rows: &[Row]) -> Option<String> {
    let suite = suite?;
    let [ours, theirs] = shorter(suite, rows)?.map(count);
    let early = "A method that is ahead early need not be in the end";
    if !is_of_paper(suite) {
        return Some(format!(
            "Shorter than at full scale: up to {ours} environment steps per run here, {theirs} there. {early}."
        ));
    }
    let full = |row: &&Row| suite.preset(Preset::Paper).steps_of(&row.task);
    let mut smaller = rows.iter().filter(|row| row.total_steps < full(row));
    let is_stated = smaller.all(|row| suite.paper.states.steps.contains(&row.task));
    let assumed = if is_stated { "" } else { " (assumed where the paper does not say)" };
    Some(format!(
        "Shorter than the paper's: up to {ours} environment steps per run here, {theirs} there{assumed}. {early}, \
         so these numbers can't confirm or contradict the paper's."
    ))
}

/// Describes the tasks that are left out of the aggregates, and why.
pub(crate) fn gaps(aggregates: &Aggregates) -> Vec<String> {
    let gap = |(task, gap): &(String, Gap)| match gap {
        Gap::NoRuns(methods) if methods.is_empty() => format!("{task}: no finished run"),
        Gap::NoRuns(methods) => format!("{task}: no finished run of {}", methods.join(", ")),
        Gap::NoReference => format!("{task}: the reference is not clearly above zero"),
    };
    aggregates.left_out.iter().map(gap).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pmoe_stats::Interval;

    use super::*;

    fn estimate(value: f64, ends: Option<[f64; 2]>) -> Estimate {
        Estimate::statistic(value, ends.map(|[low, high]| Interval { low, high }))
    }

    fn row(method: &str, seeds: u64, relative: Option<(f64, Option<[f64; 2]>)>) -> Row {
        Row {
            suite: "s".into(),
            task: "T".into(),
            method: method.into(),
            total_steps: 300,
            seeds: (0..seeds).collect(),
            left_out: Vec::new(),
            auc: None,
            relative_auc: relative.map(|(value, ends)| estimate(value, ends)),
            reference_near_zero: false,
            improvement: None,
            paper_percent: (method != "b").then_some(115.4),
            final_return: None,
        }
    }

    #[test]
    fn a_verdict_takes_the_whole_interval_and_enough_seeds() {
        let rows = [
            row("ref", 3, Some((1.0, None))),
            row("a", 3, Some((1.2, Some([1.01, 1.4])))),
            row("b", 5, Some((0.9, Some([0.8, 0.99])))),
            row("c", 3, Some((1.2, Some([1.0, 1.4])))),
            row("d", 2, Some((1.2, Some([1.1, 1.4])))),
            row("e", 3, None),
        ];
        let verdicts = rows.each_ref().map(|row| standing(row, &rows, Some("ref")));
        let expected = [
            None,
            Some(Decision::Holds),
            Some(Decision::Fails),
            Some(Decision::Open),
            Some(Decision::TooFewRuns),
            None,
        ];
        assert_eq!(verdicts, expected);
        let text = verdict(&rows, Some("ref")).unwrap();
        assert_eq!(text, "1 higher, 1 lower, 1 undecided, 1 with too few seeds");
        let text = paper_verdict(&rows, Some("ref")).unwrap();
        assert_eq!(text, "Of these the paper prints 3 of 3 above 100 %, without intervals.");
        assert_eq!(verdict(&rows, None), None);
        // A reference with too few seeds leaves the comparison undecided too.
        let rows = [row("ref", 2, Some((1.0, None))), row("a", 5, Some((2.0, Some([1.5, 3.0]))))];
        assert_eq!(standing(&rows[1], &rows, Some("ref")), Some(Decision::TooFewRuns));
    }

    #[test]
    fn many_methods_are_the_highest_and_the_lowest() {
        let values = [0.9, 1.2, 0.8, 1.0].map(|value| estimate(value, None));
        let [a, b, c, d] = values.each_ref();
        assert_eq!(listed(vec![("a", a, None), ("b", b, None)]), "a 90.0, b 120.0");
        let many = vec![("a", a, None), ("b", b, Some(105.0)), ("c", c, None), ("d", d, None)];
        assert_eq!(listed(many), "highest b 120.0 (paper 105.0), lowest c 80.0");
    }

    #[test]
    fn what_an_item_is_about_is_said_task_by_task() {
        let measured = |task: &str, method: &str, value| Measured {
            quantity: Quantity::SuccessAuc,
            task: task.into(),
            method: method.into(),
            estimate: estimate(value, (method == "a").then_some([0.25, 0.75])),
            runs: Vec::new(),
        };
        let rows = [measured("T", "a", 0.5), measured("T", "b", 0.125), measured("U", "b", 1.0)];
        let rows: Vec<_> = rows.iter().collect();
        let text = of_quantity(Quantity::SuccessAuc, &rows).unwrap();
        let expected =
            "Success rate over training, %, on T: a 50.0 [25.0,\u{a0}75.0], b 12.5; on U: b 100.0.";
        assert_eq!(text, expected);
        assert_eq!(of_quantity(Quantity::Entropy, &rows), None);
    }

    #[test]
    fn what_the_paper_does_not_state_is_said() {
        let text = "title = \"t\"\nitem = \"i\"\nreference = \"sac\"\nalgos = [\"sac\"]\n\
                    tasks = [\"T\", \"U\"]\n[presets]\nsmoke = { seeds = [0], total_steps = 1 }\n\
                    quick = { seeds = [0], total_steps = 1 }\n\
                    paper = { seeds = [0, 1], total_steps = 900, task_steps = { T = 300 } }\n";
        let said = |paper: &str| {
            let suite = Suite::parse(&format!("{text}{paper}"), Path::new("s.toml")).unwrap();
            (paper_scale(&suite), assumed(&suite).unwrap_or_default())
        };
        let numbers = |stated: &str| format!("The paper's numbers{stated} without intervals.");
        let open = |parts: &str| format!("Not stated in the paper, assumed: {parts}.");
        // Nothing in the suite is from the paper.
        assert_eq!(said(""), (numbers(" are"), String::new()));
        let all = "2 seeds, 300 or 900 environment steps per run";
        assert_eq!(said("[paper]\nshows = \"s\"\n"), (numbers(" are"), open(all)));
        let states = "[paper]\nstates = { seeds = true, steps = [\"T\", \"U\"] }\n";
        assert_eq!(said(states), (numbers(&format!(": {all},")), String::new()));
        let states = "[paper]\nstates = { seeds = true, steps = [\"T\"] }\n";
        let stated = numbers(": 2 seeds, 300 environment steps per run on T,");
        assert_eq!(said(states), (stated, open("900 environment steps per run on U")));
    }

    #[test]
    fn shorter_runs_are_said_to_be() {
        let text = "title = \"t\"\nitem = \"i\"\nreference = \"sac\"\nalgos = [\"sac\"]\n\
                    tasks = [\"T\", \"U\"]\n[presets]\nsmoke = { seeds = [0], total_steps = 1 }\n\
                    quick = { seeds = [0], total_steps = 1 }\n\
                    paper = { seeds = [0], total_steps = 9000, task_steps = { T = 300 } }\n";
        let suite = Suite::parse(text, Path::new("s.toml")).unwrap();
        let mut rows = [row("sac", 1, None)];
        assert_eq!(scale_note(Some(&suite), &rows), None);
        rows[0].task = "U".into();
        assert_eq!(scale_note(None, &rows), None);
        let note = |paper: &str| {
            let suite = Suite::parse(&format!("{text}{paper}"), Path::new("s.toml")).unwrap();
            scale_note(Some(&suite), &rows).unwrap()
        };
        let steps = "up to 300 environment steps per run here, 9\u{202f}000 there";
        assert!(note("").starts_with(&format!("Shorter than at full scale: {steps}.")));
        let assumed =
            format!("Shorter than the paper's: {steps} (assumed where the paper does not say).");
        assert!(note("[paper]\nshows = \"s\"\n").starts_with(&assumed));
        let stated = "[paper]\nstates = { steps = [\"U\"] }\n";
        assert!(note(stated).starts_with(&format!("Shorter than the paper's: {steps}. A method")));
    }
}
