//! The paper's claims and their verdicts.

use std::path::Path;

use pmoe_results::Run;
use pmoe_stats::Bootstrap;

use super::Section;
use super::badge::Badge;
use crate::claims::{Claim, Effect, EffectKind, Evidence, Judgement, Test, Than, Verdict};
use crate::files::{link, relative};
use crate::format::{NOTHING, count, estimate, halves, number, percent, plural};
use crate::group::Group;
use crate::sources::Sources;

/// Data of `templates/claims.html`.
pub(crate) struct Ledger<'a> {
    /// The claims, in the order of their files.
    pub(crate) lines: Vec<ClaimLine<'a>>,
}

/// A claim and its verdict.
pub(crate) struct ClaimLine<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) judgement: Judgement<'a>,
    /// Section of the page with its runs, and its place on the page.
    pub(crate) section: Option<String>,
    place: usize,
    /// Runs behind the verdict.
    pub(crate) runs: Vec<ClaimRun>,
}

/// A run behind a claim.
pub(crate) struct ClaimRun {
    /// Folder relative to the report.
    pub(crate) dir: String,
    /// The folder as a link.
    pub(super) link: String,
    /// Id that a plan assigns to the run, if any.
    pub(crate) id: Option<String>,
}

impl<'a> Ledger<'a> {
    /// Judges the claims by the runs of the suites among `groups`. Without any suite the ledger is
    /// empty.
    ///
    /// `sections` are the sections of `groups`, in the same order.
    pub(crate) fn new(
        claims: &'a [Claim],
        groups: &[Group<'a>],
        sections: &[Section],
        sources: &Sources,
        output: &Path,
        bootstrap: &Bootstrap,
    ) -> Self {
        let evidence: Vec<_> = groups
            .iter()
            .filter_map(|group| {
                Some(Evidence { suite: group.suite?, comparison: &group.comparison })
            })
            .collect();
        let section_of = |claim: &Claim| match &claim.test {
            Test::Runs(test) => {
                let of_suite =
                    |group: &Group<'_>| group.suite.is_some_and(|suite| suite.name == test.suite);
                groups.iter().position(of_suite)
            }
            Test::Otherwise(_) => None,
        };
        let run = |run: &&Run| ClaimRun {
            dir: relative(output, &run.path),
            link: link(output, &run.path),
            id: sources.id_of(&run.path).map(str::to_owned),
        };
        let line = |claim: &'a Claim| {
            let judgement = claim.judge(&evidence, bootstrap);
            let runs = judgement.runs.iter().map(run).collect();
            let shown = section_of(claim);
            let section = shown.map(|index| sections[index].id.clone());
            ClaimLine { claim, judgement, section, place: shown.unwrap_or(usize::MAX), runs }
        };
        let has_suites = !evidence.is_empty();
        Self { lines: claims.iter().filter(|_| has_suites).map(line).collect() }
    }

    /// Returns the claims that were decided either way, in the order of the parts, which is the
    /// paper's; in each part those about all tasks first.
    pub(super) fn decided(&self) -> Vec<&ClaimLine<'a>> {
        important_first(self.judged().filter(|line| line.is_decided()))
    }

    /// Returns the claims with finished runs that were not decided, in the same order.
    pub(super) fn undecided(&self) -> Vec<&ClaimLine<'a>> {
        important_first(self.judged().filter(|line| !line.is_decided()))
    }

    /// Returns the claims with finished runs behind them.
    pub(super) fn judged(&self) -> impl Iterator<Item = &ClaimLine<'a>> {
        self.lines.iter().filter(|line| line.judgement.effect.is_some())
    }

    /// Returns the claims with the given verdict.
    fn of(&self, verdict: Verdict) -> Vec<&ClaimLine<'a>> {
        self.lines.iter().filter(|line| line.judgement.verdict == verdict).collect()
    }

    pub(crate) fn needs_new_runs(&self) -> Vec<&ClaimLine<'a>> {
        self.of(Verdict::NeedsNewRuns)
    }

    pub(super) fn not_run(&self) -> Vec<&ClaimLine<'a>> {
        self.of(Verdict::NotRun)
    }

    pub(super) fn not_tested(&self) -> Vec<&ClaimLine<'a>> {
        self.of(Verdict::NotTested)
    }

    /// Returns a badge for each verdict with its number of claims, strongest first.
    pub(super) fn counts(&self) -> Vec<String> {
        counts(&self.lines.iter().collect::<Vec<_>>())
    }

    /// Returns the claims that a section's runs test: the most important of those that were
    /// decided, the number of further ones, and badges that count the others.
    pub(super) fn of_section(&self, id: &str) -> (Vec<&ClaimLine<'a>>, usize, Vec<String>) {
        let of_section = |line: &&ClaimLine<'_>| line.section.as_deref() == Some(id);
        let mut decided: Vec<_> = self.decided().into_iter().filter(of_section).collect();
        let others: Vec<_> = self.undecided().into_iter().filter(of_section).collect();
        let more = decided.len().saturating_sub(LISTED);
        decided.truncate(LISTED);
        (decided, more, counts(&others))
    }

    /// Describes how many claims were decided either way, and how many would be decided by chance
    /// if no methods differed.
    pub(super) fn chance(&self, level: &f64) -> String {
        let tested = self.judged().filter(|line| line.is_decidable()).count();
        let decided = self.decided().len();
        let covered = [*level, Bootstrap::COVERAGE_OF_THREE];
        let [nominal, few] = covered.map(|covered| ((1.0 - covered) * tested as f64).ceil());
        if tested == 0 {
            return "None has enough runs yet to be decided.".to_owned();
        }
        let no_more =
            if decided as f64 <= few { ": their number alone is no evidence" } else { "" };
        format!(
            "Of {tested} with enough runs {decided} are decided. If no method differed from any other, \
             {nominal:.0} or so would be decided by chance at the nominal level of the intervals; with three \
             runs a side rather {few:.0}, as such intervals are too narrow{no_more}. Many claims share runs, \
             so they err together."
        )
    }
}

/// Maximum number of decided claims that a section lists.
const LISTED: usize = 3;

fn important_first<'l, 'a>(
    lines: impl Iterator<Item = &'l ClaimLine<'a>>,
) -> Vec<&'l ClaimLine<'a>> {
    let mut lines: Vec<_> = lines.collect();
    let is_of_one =
        |line: &ClaimLine<'_>| !matches!(&line.claim.test, Test::Runs(test) if test.task.is_none());
    let rank = |line: &&ClaimLine<'_>| match line.judgement.verdict {
        Verdict::Contradicted => Verdict::Reproduced,
        verdict => verdict,
    };
    lines.sort_by_key(|line| (rank(line), line.place, is_of_one(line)));
    lines
}

/// Returns a badge for each verdict with its number of claims, strongest first.
fn counts(lines: &[&ClaimLine<'_>]) -> Vec<String> {
    let mut counts: Vec<(&str, String)> = Vec::new();
    for verdict in Verdict::ALL {
        for at_scale in [true, false] {
            let text = verdict.text(at_scale);
            let has = |line: &&&ClaimLine<'_>| {
                (line.judgement.verdict, line.verdict()) == (verdict, text)
            };
            let count = lines.iter().filter(has).count();
            if 0 < count && counts.iter().all(|(known, _)| *known != text) {
                let badge = Badge::of_verdict(verdict);
                counts.push((
                    text,
                    badge.html(at_scale || !badge.is_decided(), &format!("{text}: {count}")),
                ));
            }
        }
    }
    counts.into_iter().map(|(_, badge)| badge).collect()
}

impl ClaimLine<'_> {
    pub(crate) fn verdict(&self) -> &'static str {
        self.judgement.verdict.text(self.judgement.at_scale())
    }

    /// Returns the verdict as a badge.
    pub(super) fn badge(&self) -> String {
        let badge = Badge::of_verdict(self.judgement.verdict);
        badge.html(self.judgement.at_scale() || !badge.is_decided(), self.verdict())
    }

    fn is_decidable(&self) -> bool {
        self.is_decided() || self.judgement.verdict == Verdict::Inconclusive
    }

    fn is_decided(&self) -> bool {
        Badge::of_verdict(self.judgement.verdict).is_decided()
    }

    /// Formats the effect and its interval apart.
    pub(super) fn effect_parts(&self) -> [String; 2] {
        halves(&self.effect())
    }

    /// Describes the comparison: `area under the learning curve of pmoe-sac in % of sac's`.
    pub(crate) fn compared(&self) -> String {
        let Test::Runs(test) = &self.claim.test else {
            return NOTHING.to_owned();
        };
        let kind = self.judgement.effect.as_ref().map(|effect| effect.kind);
        let unit = if test.quantity.is_share() { " (percentage points)" } else { "" };
        let than = match (&test.than, kind) {
            (Than::Method(name), Some(EffectKind::Difference)) => {
                format!("minus that of {name}{unit}")
            }
            (Than::Method(name), _) => format!("in % of {name}'s"),
            (Than::Value(value), _) if test.quantity.is_share() => {
                format!("minus {} %{unit}, a threshold of ours", percent(*value))
            }
            (Than::Value(value), _) => format!("minus {value}, a threshold of ours"),
        };
        let tasks = match self.judgement.missing_tasks {
            0 => String::new(),
            missing => {
                let tasks = &self.judgement.tasks;
                format!(
                    ", on {} alone, {} of {}",
                    tasks.join(", "),
                    tasks.len(),
                    tasks.len() + missing
                )
            }
        };
        format!("{} of {} {than}{tasks}", test.quantity.label(), test.method)
    }

    /// Formats the effect with its interval.
    pub(crate) fn effect(&self) -> String {
        let Some(Effect { kind, estimate: of }) = &self.judgement.effect else {
            return NOTHING.to_owned();
        };
        let is_share = matches!(&self.claim.test, Test::Runs(test) if test.quantity.is_share());
        let show = match kind {
            EffectKind::Ratio => percent,
            EffectKind::Difference if is_share => points,
            EffectKind::Difference => difference,
        };
        estimate(Some(of), show)
    }

    /// Returns the paper's ratio, or `None` if our effect is a difference or covers other tasks.
    pub(crate) fn paper_ratio(&self) -> Option<f64> {
        let Test::Runs(test) = &self.claim.test else {
            return None;
        };
        let kind = self.judgement.effect.as_ref().map_or(EffectKind::Ratio, |effect| effect.kind);
        let is_alike = kind == EffectKind::Ratio && self.judgement.missing_tasks == 0;
        test.paper.filter(|_| is_alike)
    }

    /// Returns whether the paper's ratio lies inside or outside our interval; the verdict depends
    /// only on the direction.
    pub(crate) fn paper_place(&self) -> Option<&'static str> {
        let paper = self.paper_ratio()?;
        let of = self.judgement.effect.as_ref()?.estimate.interval?;
        Some(if of.low <= paper && paper <= of.high { "inside" } else { "outside" })
    }

    /// Formats the paper's ratio: `the paper: 115.4, outside this interval`.
    pub(super) fn paper_beside_ours(&self) -> Option<String> {
        let paper = percent(self.paper_ratio()?);
        let place = self.paper_place().map(|place| format!(", {place} this interval"));
        Some(format!("the paper: {paper}{}", place.unwrap_or_default()))
    }

    /// Formats the number of runs on either side.
    pub(crate) fn num_runs(&self) -> String {
        let Judgement { num_runs: [ours, theirs], left_out, .. } = &self.judgement;
        let mut text = match theirs {
            0 => ours.to_string(),
            _ => format!("{ours} and {theirs}"),
        };
        if 1 < self.judgement.tasks.len() {
            text += " a task at least";
        }
        if 0 < *left_out {
            text += &format!("; {left_out} left out");
        }
        text
    }

    /// Formats the length of the runs, and that of the paper's if ours are shorter.
    pub(crate) fn steps(&self) -> String {
        let [ours, theirs] = self.judgement.steps;
        match self.judgement.at_scale() {
            true => count(ours),
            false => format!("{} of {}", count(ours), count(theirs)),
        }
    }

    /// Says what the finished runs lack: `10 finished runs do not record: entropy of the acting
    /// policy, nats`.
    pub(crate) fn lack(&self) -> String {
        let Test::Runs(test) = &self.claim.test else {
            return NOTHING.to_owned();
        };
        let lacking = self.judgement.lacking;
        let verb = if lacking == 1 { "does" } else { "do" };
        format!("{} {verb} not record: {}", plural(lacking, "finished run"), test.quantity.label())
    }

    /// Returns why the claim is not tested.
    pub(super) fn reason(&self) -> &str {
        match &self.claim.test {
            Test::Otherwise(reason) => reason,
            Test::Runs(_) => "",
        }
    }
}

/// Formats a difference.
fn difference(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{}{value:.3}", plus(value)).replace('-', "−"),
        _ => format!("{}{}", plus(value), number(value)),
    }
}

/// Formats a difference of two shares in percentage points.
fn points(value: f64) -> String {
    format!("{}{}", plus(value), percent(value))
}

/// Returns the sign of a positive number; others carry their own.
fn plus(value: f64) -> &'static str {
    if 0.0 < value { "+" } else { "" }
}
