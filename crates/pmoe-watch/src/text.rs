//! Snapshots as plain text, for logs, pipes and users without a terminal.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pmoe_results::text::one_line;

use crate::format::{
    counts, duration, job, optional, percent, quantity, scale, spoken_left, steps,
};
use crate::snapshot::{Count, RunView, Snapshot, StateKind};

/// The states whose runs are listed, each with the most rows: a queue may be long, and only its first
/// runs are of interest.
const LISTED: [(StateKind, usize); 7] = [
    (StateKind::Running, 1_000),
    (StateKind::Requeued, 20),
    (StateKind::Queued, 5),
    (StateKind::Quiet, 1_000),
    (StateKind::Killed, 1_000),
    (StateKind::Stopped, 1_000),
    (StateKind::Failed, 1_000),
];

/// Most reasons that are listed.
const MOST_REASONS: usize = 5;

impl Snapshot {
    /// Formats all runs together, each suite, and each run that is running, quiet, killed, stopped
    /// or failed, up to 1000 of each; of those whose jobs wait, why, and the first few.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{} ({})\n", one_line(&self.dir.display().to_string()), scale(self));
        let count = &self.total.count;
        if self.runs.is_empty() {
            return text + "no runs yet\n";
        }
        text += &format!("{}; {} of the steps", counts(count), percent(count.share()));
        if let Some(left) = self.total.left {
            text += &format!("; {}", spoken_left(left));
        }
        text += "\n\n";

        let has_queue = count.in_queue() > 0;
        let mut titles = vec!["suite", "task", "done", "running"];
        titles.extend(has_queue.then_some("queued"));
        titles.extend(["failed", "other", "steps"]);
        let mut rows = vec![titles.into_iter().map(str::to_owned).collect()];
        let row = |suite: &str, task: &str, count| count_row(suite, task, count, has_queue);
        for suite in &self.suites {
            if let [task] = suite.tasks.as_slice() {
                rows.push(row(&suite.name, &task.task, &suite.count));
                continue;
            }
            rows.push(row(&suite.name, "", &suite.count));
            rows.extend(suite.tasks.iter().map(|task| row("", &task.task, &task.count)));
        }
        text += &table(&rows);

        for (kind, most) in LISTED {
            let runs: Vec<_> = self.runs.iter().filter(|run| run.state.kind() == kind).collect();
            if runs.is_empty() {
                continue;
            }
            text += &format!("\n{}{}\n", kind.word(), reasons(kind, &runs));
            text += &table(&runs.iter().take(most).map(|run| run_row(run)).collect::<Vec<_>>());
            if runs.len() > most {
                text += &format!("  and {} more\n", runs.len() - most);
            }
        }
        for problem in &self.problems {
            text += &format!("\nproblem: {}\n", one_line(problem));
        }
        text
    }
}

fn count_row(suite: &str, task: &str, count: &Count, has_queue: bool) -> Vec<String> {
    let other = [StateKind::Killed, StateKind::Quiet, StateKind::Stopped, StateKind::Waiting]
        .map(|kind| count.of(kind));
    let mut numbers = vec![count.of(StateKind::Done), count.of(StateKind::Running)];
    numbers.extend(has_queue.then(|| count.in_queue()));
    numbers.extend([count.of(StateKind::Failed), other.iter().sum()]);
    let mut row = vec![one_line(suite), one_line(task)];
    row.extend(numbers.iter().map(usize::to_string));
    row.push(percent(count.share()));
    row
}

/// Counts why jobs wait, most frequent first: ` (98 Priority, 2 Resources)`; empty for other runs.
fn reasons(kind: StateKind, runs: &[&RunView]) -> String {
    if !matches!(kind, StateKind::Queued | StateKind::Requeued) {
        return String::new();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.state.reason().unwrap_or("no reason known")).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| Reverse(count));
    let more = counts.len().saturating_sub(MOST_REASONS);
    let mut parts: Vec<_> = counts
        .iter()
        .take(MOST_REASONS)
        .map(|(reason, count)| format!("{count} {}", one_line(reason)))
        .collect();
    parts.extend((more > 0).then(|| format!("{more} other reasons")));
    format!(" ({})", parts.join(", "))
}

fn run_row(run: &RunView) -> Vec<String> {
    let name = if run.dir.as_os_str().is_empty() {
        format!("{} {} seed {}", run.method, run.task, run.seed)
    } else {
        run.dir.display().to_string()
    };
    let evaluation = run.last_eval.map_or_else(String::new, |eval| {
        #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
        let at = steps(eval.env_step as f64);
        let success = eval.success_rate.map(|rate| format!(", success {}", percent(rate)));
        format!("return {} at {at}{}", quantity(eval.mean_return), success.unwrap_or_default())
    });
    let mut row = vec![
        one_line(&name),
        format!("{} of {}", run.env_step, run.total_steps),
        percent(run.share()),
        optional(run.steps_per_second, |speed| format!("{speed:.0} steps/s")),
        evaluation,
    ];
    row.extend(run.job.as_ref().map(job));
    row.extend(run.seconds_left.map(|seconds| format!("{} left", duration(seconds))));
    if matches!(run.state.kind(), StateKind::Quiet | StateKind::Killed) {
        row.extend(run.quiet_seconds.map(|quiet| format!("silent for {}", duration(quiet))));
    }
    row.extend(run.state.reason().map(one_line));
    row
}

/// Formats columns two spaces apart, numbers aligned right. Rows may have fewer cells.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            if cell.starts_with(|c: char| c.is_ascii_digit()) {
                line += &format!(" {cell:>width$} ");
            } else {
                line += &format!(" {cell:<width$} ");
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, JobState};
    use crate::snapshot::RunState;
    use crate::testing::{cluster, snapshot};

    #[test]
    fn the_text_says_it_all() {
        let mut snapshot = snapshot();
        snapshot.problems.push("plan.json\nis odd".into());
        let expected = "\
results/paper (paper, at most 1k steps)
1 of 6 runs done, 1 running, 1 failed, 1 quiet, 1 stopped, 1 waiting; 43 % of the steps; about 4 min left, 1 run at a time

  suite  task       done  running  failed  other  steps
  fig1                 1        1       1      3   43 %
         Hopper-v2     1        1       0      2   52 %
         Ant-v2        0        0       1      1   25 %

running
  fig1/pmoe-sac/Hopper-v2/seed_0  600 of 1000  60 %  10 steps/s  return 6.0 at 600  40 s left

quiet
  fig1/pmoe-sac/Ant-v2/seed_0  200 of 1000  20 %  10 steps/s  return 2.0 at 200

stopped
  fig1/sac/Hopper-v2/seed_1  500 of 1000  50 %  10 steps/s  return 10.0 at 500

failed
  fig1/sac/Ant-v2/seed_0  300 of 1000  30 %  10 steps/s  return 3.0 at 300  diverged: the loss is NaN at step 300

problem: plan.json is odd
";
        assert_eq!(snapshot.to_text(), expected);
    }

    #[test]
    fn an_empty_folder_has_no_runs_yet() {
        let snapshot = Snapshot::new("x".as_ref(), None, vec![], vec![]);
        assert_eq!(snapshot.to_text(), "x (no plan)\nno runs yet\n");
    }

    #[test]
    fn a_queue_is_summed_up() {
        let expected = "\
results/paper (paper, at most 1k steps)
0 of 100002 runs done, 1 running, 1 requeued, 100000 queued; 0 % of the steps; about 115 d 17 h left, 1 run at a time

  suite  task    done  running  queued  failed  other  steps
  fig1   Ant-v2     0        1  100001       0      0    0 %

running
  fig1/sac/Ant-v2/seed_0  600 of 1000  60 %  10 steps/s  return 6.0 at 600  job 41_0 on node7  40 s left

requeued (1 BeginTime)
  fig1/sac/Ant-v2/seed_1  200 of 1000  20 %  10 steps/s  return 4.0 at 200  job 41_1  BeginTime

queued (99999 Priority, 1 Resources)
  fig1/sac/Ant-v2/seed_2  0 of 1000  0 %  –    job 41_2  Resources
  fig1/sac/Ant-v2/seed_3  0 of 1000  0 %  –    job 41_3  Priority
  fig1/sac/Ant-v2/seed_4  0 of 1000  0 %  –    job 41_4  Priority
  fig1/sac/Ant-v2/seed_5  0 of 1000  0 %  –    job 41_5  Priority
  fig1/sac/Ant-v2/seed_6  0 of 1000  0 %  –    job 41_6  Priority
  and 99995 more
";
        assert_eq!(cluster(100_000).to_text(), expected);
    }

    #[test]
    fn jobs_are_in_the_document() {
        let document = serde_json::to_value(cluster(1)).unwrap();
        assert_eq!(document["total"]["runs"]["requeued"], 1);
        let [running, _, queued] = [0, 1, 2].map(|index| &document["runs"][index]);
        let job = serde_json::json!({
            "id": "41_0", "state": "running", "node": "node7", "reason": null
        });
        assert_eq!((&running["state"], &running["job"]), (&"running".into(), &job));
        assert_eq!((&queued["state"], &queued["reason"]), (&"queued".into(), &"Resources".into()));
        assert!(serde_json::to_value(snapshot()).unwrap()["runs"][0]["job"].is_null());
    }

    #[test]
    fn nothing_from_a_queue_reaches_the_terminal_as_it_is() {
        let mut snapshot = cluster(1);
        let bad = "x\x1b[31m\u{9b}2J\r\ny\u{202e}";
        let reason = Some(bad.to_owned());
        let job = Job {
            id: bad.into(),
            node: reason.clone(),
            reason: reason.clone(),
            state: JobState::Queued,
        };
        for run in &mut snapshot.runs {
            run.job = Some(job.clone());
            run.state = RunState::Queued { reason: reason.clone() };
        }
        let text = snapshot.to_text();
        let is_bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(text.contains("x [31m 2J y") && !text.contains(is_bad), "{text:?}");
    }
}
