//! Snapshots as plain text, for logs, pipes and users without a terminal.

use pmoe_results::text::one_line;

use crate::format::{counts, duration, optional, percent, quantity, scale, spoken_left, steps};
use crate::snapshot::{Count, RunView, Snapshot, StateKind};

impl Snapshot {
    /// Formats all runs together, each suite, and each run that is running, quiet, killed, stopped
    /// or failed.
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

        let mut rows = vec![
            ["suite", "task", "done", "running", "failed", "other", "steps"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for suite in &self.suites {
            if let [task] = suite.tasks.as_slice() {
                rows.push(count_row(&suite.name, &task.task, &suite.count));
                continue;
            }
            rows.push(count_row(&suite.name, "", &suite.count));
            rows.extend(suite.tasks.iter().map(|task| count_row("", &task.task, &task.count)));
        }
        text += &table(&rows);

        for kind in [
            StateKind::Running,
            StateKind::Quiet,
            StateKind::Killed,
            StateKind::Stopped,
            StateKind::Failed,
        ] {
            let runs: Vec<_> = self.runs.iter().filter(|run| run.state.kind() == kind).collect();
            if !runs.is_empty() {
                text += &format!("\n{}\n", kind.word());
                text += &table(&runs.into_iter().map(run_row).collect::<Vec<_>>());
            }
        }
        for problem in &self.problems {
            text += &format!("\nproblem: {}\n", one_line(problem));
        }
        text
    }
}

fn count_row(suite: &str, task: &str, count: &Count) -> Vec<String> {
    let other = [StateKind::Killed, StateKind::Quiet, StateKind::Stopped, StateKind::Waiting]
        .map(|kind| count.of(kind));
    let numbers = [
        count.of(StateKind::Done),
        count.of(StateKind::Running),
        count.of(StateKind::Failed),
        other.iter().sum::<usize>(),
    ];
    let mut row = vec![one_line(suite), one_line(task)];
    row.extend(numbers.map(|number| number.to_string()));
    row.push(percent(count.share()));
    row
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
    use crate::testing::snapshot;

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
}
