use super::{line, numbers, plain, quoted, scale_note};
use crate::format;
use crate::page::Section;

/// Formats the returns of training episodes beside those of evaluations as GitHub Markdown, one
/// table per suite that has any.
pub(crate) fn acting_markdown(sections: &[Section], level: f64) -> String {
    let mut text = String::from("# The return as the agent acts\n");
    for section in sections.iter().filter(|section| !section.acting.is_empty()) {
        text.push_str(&format!(
            "\n## {title}\n\n\
             Evaluations play the mean of the policy, of PMOE's mixture that of a drawn primitive; training \
             episodes are played with all its noise, and are what it learns from. AUC: mean return over training; final: of the last tenth of it. In brackets the \
             {level:.0} % bootstrap interval over seeds.\n\n{note}\
             | task | method | steps | AUC of evaluations | of training | % of reference, evaluations | training | \
             final return of evaluations | of training | runs |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
            title = plain(&section.title),
            level = 100.0 * level,
            note = scale_note(section),
        ));
        for row in &section.acting {
            let names = [row.task.clone(), row.method.clone()];
            let steps = format::count(row.total_steps);
            let cells = names.into_iter().chain([steps]).chain(row.texts());
            let runs = row.runs.len().to_string();
            text.push_str(&line(&cells.chain([runs]).collect::<Vec<_>>()));
        }
    }
    text
}

/// Formats the content of [`acting_markdown`] as CSV, see [`super::csv`].
pub(crate) fn acting_csv(sections: &[Section]) -> String {
    let columns = [
        "auc",
        "acting_auc",
        "relative_auc",
        "relative_acting_auc",
        "final_return",
        "acting_return",
    ];
    let columns = columns.map(|name| format!("{name},{name}_low,{name}_high"));
    let mut text = format!("suite,task,method,total_steps,runs,{}\n", columns.join(","));
    for section in sections {
        for row in &section.acting {
            let names = [&section.suite, &row.task, &row.method];
            let mut fields: Vec<_> = names.into_iter().map(|name| quoted(name)).collect();
            fields.push(row.total_steps.to_string());
            fields.push(row.runs.len().to_string());
            fields.extend(row.estimates().into_iter().flat_map(numbers));
            text.push_str(&fields.join(","));
            text.push('\n');
        }
    }
    text
}
