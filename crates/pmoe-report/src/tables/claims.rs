use std::path::Path;

use pmoe_results::{EffectKind, Test};

use super::{line, numbers, quoted};
use crate::files::relative;
use crate::page::{ClaimLine, Ledger};
use crate::rows::Measure;

/// The claims with finished runs behind them, in GitHub's Markdown; the others are counted.
pub(crate) fn claims_markdown(ledger: &Ledger, level: f64) -> String {
    let mut text = format!(
        "# The paper's claims\n\n\
         In brackets the {level:.0} % bootstrap interval over runs; a claim is decided if it lies wholly on one side. \
         \"So far\": the runs are shorter than the paper's.\n\n\
         | claim | place | verdict | effect | what it is | paper, % | runs | steps |\n\
         |---|---|---|--:|---|--:|--:|--:|\n",
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
                of.paper(),
                of.runs(),
                of.steps(),
            ]));
        }
    }
    let without = ledger.lines.iter().filter(|of| of.judgement.effect.is_none()).count();
    text + &format!("\nWithout runs: {without} more claims.\n")
}

/// Every claim, with the folders of the runs behind it from the report's.
pub(crate) fn claims_csv(ledger: &Ledger, output: &Path) -> String {
    let mut text = String::from(
        "id,place,says,verdict,effect,effect_low,effect_high,kind,paper,runs,other_runs,left_out,steps,paper_steps,dirs\n",
    );
    for ClaimLine { claim, judgement: of, .. } in &ledger.lines {
        let effect = of.effect.map(|effect| Measure {
            mean: effect.value,
            interval: effect.interval.map(|interval| [interval.low, interval.high]),
        });
        let kind = match of.effect.map(|effect| effect.kind) {
            Some(EffectKind::Ratio) => "ratio",
            Some(EffectKind::Difference) => "difference",
            None => "",
        };
        let paper = match &claim.test {
            Test::Runs(test) => test.paper,
            Test::Otherwise(_) => None,
        };
        let dirs: Vec<_> = of.runs.iter().map(|dir| relative(output, dir)).collect();
        let mut fields = vec![quoted(&claim.id), quoted(&claim.place), quoted(&claim.says)];
        fields.push(of.verdict.text(of.at_scale()).to_owned());
        fields.extend(numbers(effect));
        fields.push(kind.to_owned());
        fields.push(paper.map(|value| value.to_string()).unwrap_or_default());
        fields.extend(of.num_runs.map(|runs| runs.to_string()));
        fields.push(of.left_out.to_string());
        fields.extend(of.steps.map(|steps| steps.to_string()));
        fields.push(quoted(&dirs.join(" ")));
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}
