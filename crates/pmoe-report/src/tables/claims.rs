use super::{line, numbers, plain, quoted};
use crate::claims::EffectKind;
use crate::format::{NOTHING, percent};
use crate::page::{ClaimLine, Ledger};

/// Formats the claims with finished runs as GitHub Markdown, and counts the others.
pub(crate) fn claims_markdown(ledger: &Ledger<'_>, level: f64) -> String {
    let mut text = format!(
        "# The paper's claims\n\n\
         In brackets the {level:.0} % bootstrap interval over runs; a claim is decided if it lies wholly on one side. \
         Of a printed number that is the side of 100 %; the next column says whether the interval holds the number \
         itself. \"So far\": the runs are shorter than the paper's, whose length is assumed where it states none.\n\n\
         | claim | place | verdict | effect | what it is | paper, % | in the interval | runs | steps |\n\
         |---|---|---|--:|---|--:|---|--:|--:|\n",
        level = 100.0 * level,
    );
    for of in &ledger.lines {
        if of.judgement.effect.is_some() {
            text.push_str(&line(&[
                of.claim.says.clone(),
                of.claim.place.clone(),
                of.verdict().to_owned(),
                of.effect(),
                of.compared(),
                of.paper_ratio().map_or_else(|| NOTHING.to_owned(), percent),
                of.paper_place().unwrap_or(NOTHING).to_owned(),
                of.num_runs(),
                of.steps(),
            ]));
        }
    }
    let needing = ledger.needs_new_runs();
    if !needing.is_empty() {
        text.push_str("\nThese need new runs:\n\n");
        for of in &needing {
            let [says, place, lack] = [&*of.claim.says, &*of.claim.place, &*of.lack()].map(plain);
            text.push_str(&format!("- {says} ({place}) {lack}.\n"));
        }
    }
    let without = ledger.lines.iter().filter(|of| of.judgement.effect.is_none()).count();
    text + &format!("\nWithout runs: {} more claims.\n", without - needing.len())
}

/// Formats every claim as CSV, with the ids of its runs and, in the same order, their folders
/// relative to the report.
pub(crate) fn claims_csv(ledger: &Ledger<'_>) -> String {
    let mut text = String::from(
        "id,place,says,verdict,effect,effect_low,effect_high,kind,paper,paper_place,runs,other_runs,left_out,steps,\
         paper_steps,run_ids,dirs\n",
    );
    for line in &ledger.lines {
        let ClaimLine { claim, judgement: of, runs, .. } = line;
        let kind = match of.effect.as_ref().map(|effect| effect.kind) {
            Some(EffectKind::Ratio) => "ratio",
            Some(EffectKind::Difference) => "difference",
            None => "",
        };
        let ids: Vec<_> = runs.iter().map(|run| run.id.as_deref().unwrap_or("none")).collect();
        let dirs: Vec<_> = runs.iter().map(|run| run.dir.as_str()).collect();
        let mut fields = vec![quoted(&claim.id), quoted(&claim.place), quoted(&claim.says)];
        fields.push(of.verdict.text(of.at_scale()).to_owned());
        fields.extend(numbers(of.effect.as_ref().map(|effect| &effect.estimate)));
        fields.push(kind.to_owned());
        fields.push(line.paper_ratio().map(|value| value.to_string()).unwrap_or_default());
        fields.push(line.paper_place().unwrap_or_default().to_owned());
        fields.extend(of.num_runs.map(|runs| runs.to_string()));
        fields.push(of.left_out.to_string());
        fields.extend(of.steps.map(|steps| steps.to_string()));
        fields.push(quoted(&ids.join(" ")));
        fields.push(quoted(&dirs.join(" ")));
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}
