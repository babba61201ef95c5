//! Formats numbers and names.

use pmoe_stats::{Estimate, Interval};

use crate::comparison::Aggregate;

/// Placeholder for a missing number.
pub(crate) const NOTHING: &str = "–";

/// Formats a return: one decimal below a thousand, none above.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v.is_infinite() => if v < 0.0 { "−∞" } else { "∞" }.to_owned(),
        v if 999.95 <= v.abs() => grouped(v.round()),
        v => minus(&format!("{v:.1}")),
    }
}

/// Replaces the hyphen by a minus sign, or drops it if all digits are zero.
fn minus(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| "0.".contains(c)) => zero.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text.to_owned(),
    }
}

/// Formats a number near 1.
pub(crate) fn two_decimals(value: f64) -> String {
    minus(&format!("{value:.2}"))
}

/// Formats a ratio in percent, without the percent sign.
pub(crate) fn percent(ratio: f64) -> String {
    number(100.0 * ratio)
}

/// Formats `value [low, high]`, each number by `show`. A line may only break before the bracket.
pub(crate) fn estimate(estimate: Option<&Estimate>, show: fn(f64) -> String) -> String {
    match estimate {
        None => NOTHING.to_owned(),
        Some(Estimate { value, interval: None, .. }) => show(*value),
        Some(Estimate { value, interval: Some(Interval { low, high }), .. }) => {
            format!("{} [{},\u{a0}{}]", show(*value), show(*low), show(*high))
        }
    }
}

/// Formats the value and `[low, high]` apart, for two cells of a table.
pub(crate) fn parts(of: Option<&Estimate>, show: fn(f64) -> String) -> [String; 2] {
    halves(&estimate(of, show))
}

/// Splits a text of [`estimate`] before its bracket.
pub(crate) fn halves(text: &str) -> [String; 2] {
    match text.split_once(" [") {
        Some((value, interval)) => [value.to_owned(), format!("[{interval}")],
        None => [text.to_owned(), String::new()],
    }
}

/// Formats a whole number with thin spaces between thousands.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Formats a whole number; four digits stay together.
fn grouped(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let digits = value.abs() as u64;
    let text = if digits < 10_000 { digits.to_string() } else { count(digits) };
    format!("{sign}{text}")
}

/// Formats a duration in its two largest units.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Formats a count with its noun: `1 run`, `2 runs`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Quotes an argument for a POSIX shell.
pub(crate) fn shell(argument: &str) -> String {
    // Quoting fails only at a NUL, which no program argument can contain.
    shlex::try_quote(argument).map_or_else(|_| argument.to_owned(), Into::into)
}

/// Formats the number of runs: `5 × 2 tasks`, or `3 + 4, IQM 3 × 2 tasks` if it differs between
/// tasks.
pub(crate) fn runs_text(of: &Aggregate) -> String {
    let tasks = plural(of.num_runs.len(), "task");
    let full = format!("{} × {tasks}", of.iqm_seeds);
    if of.num_runs.iter().all(|count| *count == of.iqm_seeds) {
        return full;
    }
    let counts: Vec<_> = of.num_runs.iter().map(ToString::to_string).collect();
    format!("{}, IQM {full}", counts.join(" + "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases = [
            (0.0, "0.0"),
            (-3.25, "−3.2"),
            (-0.04, "0.0"),
            (999.96, "1000"),
            (-1234.5, "−1235"),
            (9999.6, "10\u{202f}000"),
            (123_456.7, "123\u{202f}457"),
            (-123_456.7, "−123\u{202f}457"),
            (f64::INFINITY, "∞"),
        ];
        cases.iter().for_each(|&(value, text)| assert_eq!(number(value), text));
        assert_eq!(percent(1.154), "115.4");
        assert_eq!(count(1_000_000), "1\u{202f}000\u{202f}000");
        assert_eq!((count(999), count(1000)), ("999".into(), "1\u{202f}000".into()));
        assert_eq!(estimate(None, number), "–");
        let interval = Some(Interval { low: 1.0, high: f64::INFINITY });
        let text = estimate(Some(&Estimate::statistic(2.0, interval)), number);
        assert_eq!(text, "2.0 [1.0,\u{a0}∞]");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(3.04), "3.0 s");
        assert_eq!(duration(59.7), "1 min 0 s");
        assert_eq!(duration(7265.0), "2 h 1 min");
    }

    #[test]
    fn shell_arguments_are_one_word() {
        assert_eq!(shell("results/a_1"), "results/a_1");
        for argument in ["a b; rm 'x'", "", "temperature={auto={initial_alpha=0.5,a=b}}"] {
            assert_eq!(shlex::split(&shell(argument)).unwrap(), [argument]);
        }
    }
}
