//! Whole numbers in the notations that people use.

use std::ops::RangeInclusive;

/// The largest number of environment steps.
///
/// Up to here a 64-bit float, the number type of most JSON readers, counts exactly, and sums of a
/// few such numbers fit into 64 bits.
pub const MOST_STEPS: u64 = 1_000_000_000_000_000;

/// The largest number of episodes in an evaluation, which is one event of some 25 bytes per
/// episode.
pub const MOST_EPISODES: u64 = 1_000_000;

/// The largest seed: TOML integers are signed and have 64 bits.
pub const MOST_SEED: u64 = i64::MAX.unsigned_abs();

/// Returns an argument parser for whole numbers within `range`.
///
/// It accepts the notations of [`whole_number`]; numbers that don't fit into `T` are errors. Error
/// messages give the range and show how to write a number.
pub fn whole<T: TryFrom<u64> + 'static>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let found = whole_number(text).filter(|number| range.contains(number));
        found.and_then(|number| T::try_from(number).ok()).ok_or_else(|| expected(&range))
    }
}

/// Returns a message such as `expected a whole number from 1 to 1_000_000, such as 2000, ...`.
fn expected(range: &RangeInclusive<u64>) -> String {
    let (low, high) = (range.start(), range.end());
    let spelling = if *high < 1000 { "" } else { ", such as 2000, 2_000, 2e3 or 2k" };
    format!("expected a whole number from {low} to {}{spelling}", grouped(*high))
}

/// Formats a number with `_` between thousands, as Rust, TOML and [`whole_number`] accept it.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Parses a whole number; `None` if `text` is not one or it does not fit into 64 bits.
///
/// Digits may have a `_` between two of them. A fraction, an exponent, `k` for a thousand or `M`
/// for a million are allowed as long as the value is whole: `2000`, `2_000`, `2e3`, `2.5e3`, `2k`,
/// `1.5M`. Nothing is rounded.
#[must_use]
pub fn whole_number(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E', 'k', 'M']) {
        None => (text, 0),
        Some(at) => {
            let (mantissa, suffix) = text.split_at(at);
            let exponent = match suffix {
                "k" => 3,
                "M" => 6,
                _ => suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?,
            };
            (mantissa, exponent)
        }
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (digits(whole)?, digits(fraction)?),
        None => (digits(mantissa)?, String::new()),
    };
    // The value is `all` · 10^shift.
    let all = whole + &fraction;
    let shift = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = significant.len() - significant.trim_end_matches('0').len();
    let zeros = i64::try_from(zeros).ok()?;
    let dropped = usize::try_from(shift.min(0).unsigned_abs()).ok()?;
    if shift + zeros < 0 {
        return None;
    }
    let kept: u64 = significant[..significant.len() - dropped].parse().ok()?;
    kept.checked_mul(10_u64.checked_pow(u32::try_from(shift.max(0)).ok()?)?)
}

/// Returns one or more digits without their `_`; `None` if a `_` is not between two digits.
fn digits(text: &str) -> Option<String> {
    let parts: Vec<_> = text.split('_').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.iter().all(is_number).then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_whole_number_is_exact() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("0010", 10),
            ("+5", 5),
            ("1_000_000", 1_000_000),
            ("1e6", 1_000_000),
            ("1E+6", 1_000_000),
            ("2.5e3", 2_500),
            ("0.5e1", 5),
            ("1000.0", 1_000),
            ("1500e-2", 15),
            ("300k", 300_000),
            ("1.5M", 1_500_000),
            ("0.001k", 1),
            ("0e99", 0),
            ("0.0", 0),
            ("18446744073709551615", u64::MAX),
            ("1.8446744073709551615e19", u64::MAX),
        ] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for text in [
            "",
            "-1",
            "-0",
            "1.5",
            "1e-1",
            "2.55e1",
            "1e",
            "e6",
            "k",
            "1kk",
            "1ke3",
            "1K",
            "1m",
            "1G",
            "_1",
            "1_",
            "1__0",
            "1,000",
            "1 000",
            " 1",
            "0x10",
            "1.",
            ".5",
            "inf",
            "nan",
            "ten",
            "1e20",
            "18446744073709551616",
            "1e2147483648",
            "1e-2147483648",
            "1e99999999999",
            "٣",
        ] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn the_error_names_range_and_spelling() {
        let steps = whole::<u64>(1..=MOST_STEPS);
        assert_eq!(steps("1e15"), Ok(MOST_STEPS));
        let error = "expected a whole number from 1 to 1_000_000_000_000_000, such as 2000, 2_000, 2e3 or 2k";
        for text in ["0", "-1", "1e19", "many", "1.5"] {
            assert_eq!(steps(text), Err(error.to_owned()), "{text}");
        }
        let threads = whole::<u8>(1..=2);
        assert_eq!(threads("2"), Ok(2));
        assert_eq!(threads("3"), Err("expected a whole number from 1 to 2".to_owned()));
        // The upper bound exceeds the type.
        assert!(whole::<u8>(0..=1000)("256").is_err());
    }

    #[test]
    fn thousands_are_kept_apart() {
        let grouped = [0, 12, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "12", "999", "1_000", "12_345", "1_234_567"]);
    }
}
