//! Numbers and lists in words.

use std::collections::BTreeSet;
use std::fmt::Display;

use pmoe_results::text::paper_key;

/// Formats a count with its noun: `1 run`, `2 runs`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}

/// Formats a number with spaces between thousands: `1 000 000`.
pub(crate) fn grouped(n: u64) -> String {
    pmoe_results::number::grouped(n).replace('_', " ")
}

/// Lists the items, sorted and without repeats.
pub(crate) fn listed<T: Display + Ord>(items: impl Iterator<Item = T>) -> String {
    let items: BTreeSet<_> = items.collect();
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Lists names of suites or items without repeats, in the order of the paper.
pub(crate) fn in_paper_order(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<_> = names.map(|name| (paper_key(&name), name)).collect();
    names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

/// Formats a rough duration: `about 1 h 20 min`.
pub(crate) fn spoken(seconds: f64) -> String {
    let round = |value: f64, to: f64| (value / to).round() * to;
    let minutes = seconds / 60.0;
    match seconds {
        ..55.0 => format!("about {} s", round(seconds, 5.0).max(5.0)),
        ..3570.0 => format!("about {} min", minutes.round()),
        ..86_400.0 => {
            // An estimate of hours is not accurate to the minute.
            let minutes = round(minutes, 5.0);
            format!("about {} h {} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
        _ => {
            let hours = (seconds / 3600.0).round();
            format!("about {} d {} h", (hours / 24.0).floor(), hours % 24.0)
        }
    }
}

/// Formats bytes: `40 MB`, `1.4 GB`, `13 GB`.
pub(crate) fn size(bytes: f64) -> String {
    match bytes {
        ..1.5e6 => "1 MB".to_owned(),
        ..9.995e8 => format!("{:.0} MB", bytes / 1e6),
        ..9.95e9 => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "run")), ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn thousands_are_apart() {
        let texts = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn lists_are_sorted_and_have_no_repeats() {
        assert_eq!(listed([3, 1, 3].iter()), "1, 3");
        let names = ["fig11", "mine", "fig2", "fig11"].map(str::to_owned);
        assert_eq!(in_paper_order(names.into_iter()), "fig2, fig11, mine");
    }

    #[test]
    fn durations_and_sizes_are_spoken() {
        let spoken = [2.0, 42.0, 58.0, 600.0, 3_590.0, 4_800.0, 100_000.0].map(spoken);
        assert_eq!(
            spoken,
            [
                "about 5 s",
                "about 40 s",
                "about 1 min",
                "about 10 min",
                "about 1 h 0 min",
                "about 1 h 20 min",
                "about 1 d 4 h"
            ]
        );
        let sizes = [0.0, 9e4, 4.2e8, 9.999e8, 1.26e9, 1.26e10].map(size);
        assert_eq!(sizes, ["1 MB", "1 MB", "420 MB", "1.0 GB", "1.3 GB", "13 GB"]);
    }
}
