//! The tables as files.

use crate::format;
use crate::rows::{Measure, Row};

/// GitHub's Markdown, one table per suite.
pub(crate) fn markdown(groups: &[(String, Vec<Row>)], level: f64) -> String {
    let level = format!("{:.0}", 100.0 * level);
    let mut text = String::from("# Area under the learning curve\n");
    for (title, rows) in groups {
        text.push_str(&format!(
            "\n## {title}\n\n\
             Mean evaluation return over training (AUC), and of the last tenth of it; in brackets \
             the {level} % bootstrap interval over seeds.\n\n\
             | task | method | steps | AUC | % of reference | paper, % | final return | seeds | left out |\n\
             |---|---|--:|--:|--:|--:|--:|--:|---|\n",
            title = plain(title)
        ));
        for row in rows {
            let cells = [
                row.task.clone(),
                row.algo.clone(),
                format::count(row.total_steps),
                row.auc_text(),
                row.relative_text(),
                row.paper_text(),
                row.final_text(),
                row.seed_count(),
                row.note(),
            ];
            let cells: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

/// Text that Markdown leaves as it is, on one line.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '<' | '>' | '&' | '#' | '!' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Comma-separated values (RFC 4180), full precision, empty where there is no number.
pub(crate) fn csv(groups: &[(String, Vec<Row>)]) -> String {
    let mut text = String::from(
        "suite,task,algo,total_steps,seeds,left_out,auc,auc_low,auc_high,\
         relative_auc,relative_auc_low,relative_auc_high,paper_percent,\
         final_return,final_return_low,final_return_high,note\n",
    );
    for row in groups.iter().flat_map(|(_, rows)| rows) {
        let mut fields = vec![quoted(&row.suite), quoted(&row.task), quoted(&row.algo)];
        fields.push(row.total_steps.to_string());
        fields.push(row.seeds.len().to_string());
        fields.push(row.left_out.len().to_string());
        fields.extend(numbers(row.auc));
        fields.extend(numbers(row.relative_auc));
        fields.push(row.paper_percent.map(|value| value.to_string()).unwrap_or_default());
        fields.extend(numbers(row.final_return));
        fields.push(quoted(&row.note()));
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

fn numbers(measure: Option<Measure>) -> [String; 3] {
    let interval = measure.and_then(|measure| measure.interval);
    let parts = [measure.map(|m| m.mean), interval.map(|i| i[0]), interval.map(|i| i[1])];
    parts.map(|value| value.map(|value| value.to_string()).unwrap_or_default())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::LeftOut;

    fn row() -> Row {
        Row {
            suite: "fig,1".into(),
            task: "Hopper|<b>".into(),
            algo: "say \"a\"\n".into(),
            total_steps: 3000,
            seeds: vec![0, 1],
            left_out: vec![LeftOut { seed: 2, reason: "failed: no, really".into() }],
            auc: Some(Measure { mean: 0.1, interval: Some([-0.25, f64::INFINITY]) }),
            relative_auc: None,
            reference_near_zero: true,
            paper_percent: Some(115.4),
            final_return: Some(Measure { mean: 5.0, interval: None }),
        }
    }

    #[test]
    fn csv_by_hand() {
        let text = csv(&[("title".into(), vec![row()])]);
        let (_, line) = text.split_once('\n').unwrap();
        let expected = "\"fig,1\",Hopper|<b>,\"say \"\"a\"\"\n\",3000,2,1,0.1,-0.25,inf,,,,115.4,\
                        5,,,\"seed 2 failed: no, really\"\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn markdown_keeps_one_line_per_row() {
        let text = markdown(&[("a # title".into(), vec![row()])], 0.9);
        let line = text.lines().last().unwrap();
        let expected = "| Hopper\\|\\<b\\> | say \"a\"  | 3\u{202f}000 | 0.1 [−0.2,\u{a0}∞] | \
                        reference near zero | 115.4 | 5.0 | 2 of 3 | seed 2 failed: no, really |";
        assert_eq!(line, expected);
        assert!(text.contains("## a \\# title\n") && text.contains("90 % bootstrap"));
    }
}
