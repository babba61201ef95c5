//! Tables as Markdown and CSV files.

mod acting;
mod claims;
mod series;

use pmoe_stats::Estimate;

pub(crate) use self::acting::{acting_csv, acting_markdown};
pub(crate) use self::claims::{claims_csv, claims_markdown};
pub(crate) use self::series::{curves_csv, metrics_csv};
use crate::format::{self, runs_text};
use crate::page::{Section, label};

/// Formats AUC, final return and related numbers as GitHub Markdown, one table per suite.
pub(crate) fn markdown(sections: &[Section], level: f64) -> String {
    let mut text = String::from("# Area under the learning curve\n");
    for section in sections.iter().filter(|section| !section.rows.is_empty()) {
        text.push_str(&format!(
            "\n## {title}\n\n\
             Mean evaluation return over training (AUC), and of the last tenth of it; P(higher): how likely \
             a run has a higher AUC than one of the reference. In brackets the {level:.0} % bootstrap interval \
             over seeds.\n\n{note}\
             | task | method | steps | AUC | % of reference | paper, % | P(higher), % | final return | seeds | left out |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
            title = plain(&section.title),
            level = 100.0 * level,
            note = scale_note(section),
        ));
        for row in &section.rows {
            text.push_str(&line(&[
                row.task.clone(),
                row.method.clone(),
                format::count(row.total_steps),
                row.auc_text(),
                row.relative_text(),
                row.paper_text(),
                row.improvement_text(),
                row.final_text(),
                row.seed_count(),
                row.note(),
            ]));
        }
    }
    text
}

/// Formats the aggregates over tasks as GitHub Markdown, one table per suite with several tasks.
pub(crate) fn tasks_markdown(sections: &[Section], level: f64) -> String {
    let mut text = String::from("# Several tasks in one number\n");
    for section in sections {
        let Some(of) = section.aggregates.as_ref().filter(|of| !of.methods.is_empty()) else {
            continue;
        };
        let gaps: Vec<_> =
            section.gaps.iter().map(|gap| format!("Left out: {}.\n", plain(gap))).collect();
        text.push_str(&format!(
            "\n## {title}\n\n\
             AUC in % of the reference's mean on the same task, over {tasks}: interquartile mean, median, mean, \
             and by how much runs stay below the reference's mean on average (optimality gap, lower is better). \
             P(higher): how likely a run beats one of the reference on the same task. In brackets the {level:.0} % \
             stratified bootstrap interval; that of the mean has the reference's spread in it, the others take its \
             mean as given. The IQM is of the seeds that every \
             task has.\n\n{note}{gaps}\
             | method | IQM | median | mean | optimality gap | P(higher), % | runs |\n\
             |---|--:|--:|--:|--:|--:|--:|\n",
            title = plain(&section.title),
            tasks = plain(&of.tasks.join(", ")),
            level = 100.0 * level,
            note = scale_note(section),
            gaps = if gaps.is_empty() { String::new() } else { gaps.concat() + "\n" },
        ));
        for method in &of.methods {
            let show = |value: Option<&Estimate>| format::estimate(value, format::percent);
            text.push_str(&line(&[
                method.method.clone(),
                show(method.iqm.as_ref()),
                show(Some(&method.median)),
                show(Some(&method.mean)),
                show(Some(&method.optimality_gap)),
                show(method.improvement.as_ref()),
                runs_text(method),
            ]));
        }
    }
    text
}

/// Formats the other quantities as GitHub Markdown, one table per suite that has any.
pub(crate) fn more_markdown(sections: &[Section], level: f64) -> String {
    let mut text = String::from("# Other quantities\n");
    for section in sections.iter().filter(|section| section.measured().next().is_some()) {
        text.push_str(&format!(
            "\n## {title}\n\n\
             Mean over the runs; in brackets the {level:.0} % bootstrap interval over seeds.\n\n{note}\
             | quantity | task | method | mean | runs |\n|---|---|---|--:|--:|\n",
            title = plain(&section.title),
            level = 100.0 * level,
            note = scale_note(section),
        ));
        for more in section.measured() {
            text.push_str(&line(&[
                label(more.quantity),
                more.task.clone(),
                more.method.clone(),
                more.text(),
                more.runs.len().to_string(),
            ]));
        }
    }
    text
}

/// Formats the content of [`more_markdown`] as CSV, see [`csv`].
pub(crate) fn more_csv(sections: &[Section]) -> String {
    let mut text = String::from("suite,task,method,quantity,mean,low,high,runs\n");
    for (section, more) in
        sections.iter().flat_map(|section| section.measured().map(move |more| (section, more)))
    {
        let mut fields: Vec<_> = [&section.suite, &more.task, &more.method]
            .into_iter()
            .map(|name| quoted(name))
            .collect();
        fields.push(quoted(more.quantity.name()));
        fields.extend(numbers(Some(&more.estimate)));
        fields.push(more.runs.len().to_string());
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

fn scale_note(section: &Section) -> String {
    section.scale_note.as_ref().map(|note| format!("{}\n\n", plain(note))).unwrap_or_default()
}

/// Formats a row of a Markdown table.
fn line(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes a text for Markdown and keeps it on one line.
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

/// Formats the rows as comma-separated values (RFC 4180) in full precision; missing numbers are
/// empty.
pub(crate) fn csv(sections: &[Section]) -> String {
    let mut text = String::from(
        "suite,task,method,total_steps,seeds,left_out,auc,auc_low,auc_high,\
         relative_auc,relative_auc_low,relative_auc_high,paper_percent,\
         improvement,improvement_low,improvement_high,final_return,final_return_low,final_return_high,note\n",
    );
    for row in sections.iter().flat_map(|section| &section.rows) {
        let mut fields = vec![quoted(&row.suite), quoted(&row.task), quoted(&row.method)];
        fields.push(row.total_steps.to_string());
        fields.push(row.seeds.len().to_string());
        fields.push(row.left_out.len().to_string());
        fields.extend(numbers(row.auc.as_ref()));
        fields.extend(numbers(row.relative_auc.as_ref()));
        fields.push(row.paper_percent.map(|value| value.to_string()).unwrap_or_default());
        fields.extend(numbers(row.improvement.as_ref()));
        fields.extend(numbers(row.final_return.as_ref()));
        fields.push(quoted(&row.note()));
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// Formats the content of [`tasks_markdown`] as CSV, see [`csv`]. Scores are in units of the
/// reference's mean.
pub(crate) fn tasks_csv(sections: &[Section]) -> String {
    let mut text = String::from(
        "suite,method,tasks,runs,iqm_seeds,iqm,iqm_low,iqm_high,median,median_low,median_high,mean,mean_low,mean_high,\
         optimality_gap,optimality_gap_low,optimality_gap_high,improvement,improvement_low,improvement_high\n",
    );
    for section in sections {
        for (tasks, of) in section
            .aggregates
            .iter()
            .flat_map(|of| of.methods.iter().map(|method| (of.tasks.join(" "), method)))
        {
            let mut fields = vec![quoted(&section.suite), quoted(&of.method), quoted(&tasks)];
            fields.push(of.num_runs.iter().sum::<usize>().to_string());
            fields.push(of.iqm_seeds.to_string());
            let whole = [&of.median, &of.mean, &of.optimality_gap].map(Some);
            for value in [of.iqm.as_ref()].into_iter().chain(whole).chain([of.improvement.as_ref()])
            {
                fields.extend(numbers(value));
            }
            text.push_str(&fields.join(","));
            text.push('\n');
        }
    }
    text
}

/// Returns a number and the ends of its interval.
fn numbers(estimate: Option<&Estimate>) -> [String; 3] {
    let interval = estimate.and_then(|estimate| estimate.interval);
    let parts =
        [estimate.map(|of| of.value), interval.map(|of| of.low), interval.map(|of| of.high)];
    parts.map(|value| value.map(|value| value.to_string()).unwrap_or_default())
}

/// Quotes a text as a CSV cell. A text that a spreadsheet would read as a formula gets a leading
/// apostrophe.
fn quoted(text: &str) -> String {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{LeftOut, Row};

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate::statistic(value, Some(pmoe_stats::Interval { low, high }))
    }

    fn row() -> Row {
        Row {
            suite: "fig,1".into(),
            task: "Hopper|<b>".into(),
            method: "say \"a\"\n".into(),
            total_steps: 3000,
            seeds: vec![0, 1],
            left_out: vec![LeftOut { seed: 2, reason: "failed: no, really".into() }],
            auc: Some(estimate(0.1, -0.25, f64::INFINITY)),
            relative_auc: None,
            reference_near_zero: true,
            improvement: None,
            paper_percent: Some(115.4),
            final_return: Some(Estimate::statistic(5.0, None)),
        }
    }

    #[test]
    fn csv_by_hand() {
        let text = csv(&[Section::of_rows("title", vec![row()])]);
        let (_, line) = text.split_once('\n').unwrap();
        let expected = "\"fig,1\",Hopper|<b>,\"say \"\"a\"\"\n\",3000,2,1,0.1,-0.25,inf,,,,115.4,\
                        ,,,5,,,\"seed 2 failed: no, really\"\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn no_text_is_a_formula_and_numbers_stay_numbers() {
        for name in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=HYPERLINK(\"x\")"]
        {
            let cell = quoted(name);
            let inner = cell.trim_start_matches('"');
            assert!(inner.starts_with('\''), "{cell:?}");
            assert!(inner[1..].starts_with(name.chars().next().unwrap()), "{cell:?}");
        }
        for name in ["", "sac", "a=b", "1-2", " x", "'quoted"] {
            assert_eq!(quoted(name), name);
        }
        let mut row = row();
        row.method = "=cmd|' /C calc'!A0".into();
        row.auc = Some(estimate(-0.5, -1.0, 0.0));
        let text = csv(&[Section::of_rows("title", vec![row])]);
        assert!(text.contains(",'=cmd|' /C calc'!A0,") && text.contains(",-0.5,-1,0,"), "{text}");
    }

    #[test]
    fn markdown_keeps_one_line_per_row() {
        let text = markdown(&[Section::of_rows("a # title", vec![row()])], 0.9);
        let line = text.lines().last().unwrap();
        let expected = "| Hopper\\|\\<b\\> | say \"a\"  | 3\u{202f}000 | 0.1 [−0.2,\u{a0}∞] | \
                        reference near zero | 115.4 | – | 5.0 | 2 of 3 | seed 2 failed: no, really |";
        assert_eq!(line, expected);
        assert!(text.contains("## a \\# title\n") && text.contains("90 % bootstrap"));
    }
}
