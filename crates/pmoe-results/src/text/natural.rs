//! Names with numbers, in the order that people expect.

/// Returns a key that sorts names with numbers by value: `fig2` comes before `fig11`.
#[must_use]
pub fn natural_key(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, from_digits) = rest.split_at(digits);
        let end = from_digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(from_digits.len());
        let (number, after) = from_digits.split_at(end);
        parts.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = after;
    }
    parts
}

/// Returns a key that sorts names of suites as the paper shows what they make.
///
/// Numbered figures and tables come first, by [`natural_key`]; a name without a number is not of the
/// paper.
#[must_use]
pub fn paper_key(suite: &str) -> (bool, Vec<(String, u64)>) {
    let is_numbered = suite.contains(|c: char| c.is_ascii_digit());
    (!is_numbered, natural_key(suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_comes_in_its_order_and_the_rest_after_it() {
        let mut suites =
            ["table5", "routing-rivals", "fig11", "fig4-fig10", "mine", "fig1-table2", "fig2", ""];
        suites.sort_by_cached_key(|suite| paper_key(suite));
        let expected =
            ["fig1-table2", "fig2", "fig4-fig10", "fig11", "table5", "", "mine", "routing-rivals"];
        assert_eq!(suites, expected);
    }
}
