//! What an experiment found, for people: a table and a figure.

use pmoe_report::plot::Picture;

/// The results of an experiment.
pub trait Findings {
    /// Writes the results as Markdown: what was done, and one table or more.
    fn markdown(&self) -> String;

    /// Draws the results.
    fn picture(&self) -> Picture;
}

/// Writes a Markdown table. The first column is text, the others are numbers.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = format!("|---|{}\n", "--:|".repeat(header.len() - 1));
    line(&header) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// Writes a number with a true minus sign; zero has none.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let is_zero = text.chars().all(|c| "-0.".contains(c));
    if is_zero { text.replace('-', "") } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_numbers_by_hand() {
        let rows = [vec!["a".to_owned(), number(-0.25, 1)], vec!["b".to_owned(), number(-1e-9, 2)]];
        assert_eq!(table(&["x", "y"], &rows), "| x | y |\n|---|--:|\n| a | −0.2 |\n| b | 0.00 |\n");
    }
}
