//! Aligned columns for a terminal.

use super::one_line;

/// Formats `rows` under `header`: text aligned left, columns of numbers right.
///
/// # Panics
/// Panics if a row is shorter than the header.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let harmless = |row: &Vec<String>| row.iter().map(|cell| one_line(cell)).collect();
    let rows: &[Vec<String>] = &rows.iter().map(harmless).collect::<Vec<_>>();
    let column = |index: usize| rows.iter().map(move |row| row[index].as_str());
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(index, title)| {
            column(index).chain([*title]).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> = (0..header.len()).map(|index| column(index).all(is_number)).collect();

    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .enumerate()
            .map(|(index, cell)| {
                let width = widths[index];
                if numeric[index] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut header.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// Whether a cell starts with a number, or stands for one that there is not.
fn is_number(cell: &str) -> bool {
    cell == "–" || cell.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_on_one_line() {
        let rows = [["a\nb", "\u{1b}[31mred"].map(str::to_owned).to_vec()];
        assert_eq!(table(&["x", "y"], &rows), "x    y\na b  [31mred\n");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["sac", "10", "new"], ["pmoe-sac", "-2", "done"], ["dac", "–", ""]]
            .map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table(&["method", "runs", "state"], &rows),
            "method    runs  state\nsac         10  new\npmoe-sac    -2  done\ndac          –\n"
        );
    }
}
