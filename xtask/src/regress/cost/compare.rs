//! Compares costs with their reference.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Quantity, Values};

/// One cost beside its reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Method or task.
    pub of: String,
    /// What was measured.
    pub quantity: Quantity,
    /// `None` if it is new.
    pub reference: Option<f64>,
    /// `None` if it is gone.
    pub now: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// More than the tolerance above the reference, or not measured any more: it does not pass.
    Worse,
    /// More than the tolerance below.
    Better,
    /// Within the tolerance.
    Same,
    /// Without a reference, so that it passes.
    New,
}

impl Row {
    /// Returns the change relative to the reference: 0.1 is 10 % more.
    pub fn change(&self) -> Option<f64> {
        Some(self.now? / self.reference? - 1.0)
    }
}

/// Compares all costs. They are worse if they rose by more than `tolerance` of the reference.
///
/// A ratio to the products only counts if the update takes more instructions, too: otherwise it rose
/// because products were saved.
pub fn compare(reference: &Values, measured: &Values, tolerance: f64) -> Vec<Row> {
    let at = |values: &Values, of: &str, quantity| values.get(of)?.get(&quantity).copied();
    let all = reference.iter().chain(measured);
    let mut all: Vec<_> =
        all.flat_map(|(of, values)| values.keys().map(move |quantity| (of, *quantity))).collect();
    all.sort();
    all.dedup();
    let row = |(of, quantity): (&String, Quantity)| {
        let then = at(reference, of, quantity);
        let now = at(measured, of, quantity);
        let update = [reference, measured].map(|values| at(values, of, Quantity::Update));
        let products_were_saved = quantity == Quantity::Ratio && update[1] <= update[0];
        let verdict =
            match (then, now) {
                (None, _) => Verdict::New,
                (Some(_), None) => Verdict::Worse,
                (Some(_), Some(_)) if quantity == Quantity::ProductFlops => Verdict::Same,
                (Some(then), Some(now)) if now > then * (1.0 + tolerance) => {
                    if products_were_saved { Verdict::Same } else { Verdict::Worse }
                }
                (Some(then), Some(now)) if now < then * (1.0 - tolerance) => Verdict::Better,
                (Some(_), Some(_)) => Verdict::Same,
            };
        Row { of: of.clone(), quantity, reference: then, now, verdict }
    };
    all.into_iter().map(row).collect()
}

/// Draws the rows that differ from the reference, worst first, and says how the rest did.
pub fn table(rows: &[Row]) -> String {
    let mut shown: Vec<_> = rows.iter().filter(|row| row.verdict != Verdict::Same).collect();
    let change = |row: &Row| row.change().unwrap_or(f64::INFINITY);
    shown.sort_by(|a, b| change(b).total_cmp(&change(a)));
    let mut text = String::new();
    let mut line = |of: &str, quantity: &str, numbers: [&str; 3], verdict: &str| {
        let [reference, now, change] = numbers;
        let line =
            format!("{of:<20} {quantity:<26} {reference:>14} {now:>14} {change:>9}  {verdict}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    if !shown.is_empty() {
        line("method or task", "quantity", ["reference", "now", "change"], "");
    }
    for row in shown {
        let number = |value: Option<f64>| match value {
            None => "-".to_owned(),
            Some(value) if row.quantity == Quantity::Ratio => format!("{value:.2}"),
            Some(value) => format!("{value:.0}"),
        };
        let change = row.change().map(|change| format!("{:+.1} %", 100.0 * change));
        let numbers = [&number(row.reference), &number(row.now), change.as_deref().unwrap_or("-")];
        let verdict = match row.verdict {
            Verdict::Worse => "WORSE",
            Verdict::Better => "better",
            Verdict::Same => "",
            Verdict::New => "new",
        };
        line(&row.of, row.quantity.name(), numbers, verdict);
    }
    text
}

/// Says in one line how many costs moved, and by how much at most.
pub fn moved(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let costs = rows.iter().filter(|row| row.quantity != Quantity::ProductFlops);
    let changes: Vec<_> = costs.filter_map(Row::change).collect();
    let of = |pick: fn(f64, f64) -> f64| 100.0 * changes.iter().copied().fold(0.0, pick);
    format!(
        "{} costs: {} worse, {} better, {} new; changes from {:+.1} % to {:+.1} %",
        rows.len(),
        count(Verdict::Worse),
        count(Verdict::Better),
        count(Verdict::New),
        of(f64::min),
        of(f64::max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(all: &[(&str, Quantity, f64)]) -> Values {
        let mut values = Values::new();
        for (of, quantity, value) in all {
            values.entry((*of).to_owned()).or_default().insert(*quantity, *value);
        }
        values
    }

    fn verdicts(then: &[(&str, Quantity, f64)], now: &[(&str, Quantity, f64)]) -> Vec<Verdict> {
        let rows = compare(&values(then), &values(now), 0.05);
        rows.into_iter().map(|row| row.verdict).collect()
    }

    #[test]
    fn more_than_the_tolerance_is_worse_and_less_than_before_is_not() {
        use Quantity::Update;
        for (now, verdict) in [
            (1050.0, Verdict::Same),
            (1051.0, Verdict::Worse),
            (950.0, Verdict::Same),
            (949.0, Verdict::Better),
        ] {
            assert_eq!(verdicts(&[("sac", Update, 1000.0)], &[("sac", Update, now)]), [verdict]);
        }
    }

    #[test]
    fn a_cost_that_is_gone_does_not_pass_and_a_new_one_does() {
        use Quantity::{Act, Update};
        let then = [("sac", Act, 1.0), ("sac", Update, 1.0)];
        let now = [("dac", Act, 1.0), ("sac", Update, 1.0)];
        assert_eq!(verdicts(&then, &now), [Verdict::New, Verdict::Same, Verdict::Worse]);
    }

    #[test]
    fn a_ratio_that_rose_because_products_were_saved_passes() {
        use Quantity::{Ratio, Update};
        let then = [("sac", Update, 100.0), ("sac", Ratio, 2.0)];
        let saved = [("sac", Update, 80.0), ("sac", Ratio, 2.2)];
        assert_eq!(verdicts(&then, &saved), [Verdict::Better, Verdict::Same]);
        let slower = [("sac", Update, 104.0), ("sac", Ratio, 2.2)];
        assert_eq!(verdicts(&then, &slower), [Verdict::Same, Verdict::Worse]);
    }

    #[test]
    fn the_table_names_method_quantity_reference_value_and_change() {
        use Quantity::{Act, Update};
        let then = values(&[("sac", Update, 1000.0), ("sac", Act, 10.0)]);
        let now = values(&[("sac", Update, 1200.0), ("sac", Act, 10.0)]);
        let rows = compare(&then, &now, 0.05);
        let text = table(&rows);
        let row: Vec<_> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        let expected =
            ["sac", "instructions", "of", "an", "update", "1000", "1200", "+20.0", "%", "WORSE"];
        assert_eq!(row, expected);
        let all = "2 costs: 1 worse, 0 better, 0 new; changes from +0.0 % to +20.0 %";
        assert_eq!(moved(&rows), all);
    }
}
