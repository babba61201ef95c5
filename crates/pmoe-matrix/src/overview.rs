//! A table of the runs of a matrix.

use pmoe_results::Suite;
use pmoe_results::plan::{PlannedRun, RunProgress, Use};

use crate::cluster::Indices;
use crate::select::Planned;
use crate::words::grouped;
use pmoe_results::text::table;

/// Most seeds that are listed one by one.
const MOST_SEEDS: usize = 12;

/// Formats a table with a row for each suite, method and task.
///
/// It shows seeds, budget, how many runs are in each state, how many of them are in the folder of
/// another suite, and how many analyses are left.
pub(crate) fn overview(runs: &[Planned], suites: &[Suite]) -> String {
    let mut groups: Vec<(&Use, Vec<&Planned>)> = Vec::new();
    for planned in runs {
        for of in &planned.run.used_by {
            let same = |group: &&mut (&Use, Vec<&Planned>)| {
                (group.0, &group.1[0].run.task) == (of, &planned.run.task)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.1.push(planned),
                None => groups.push((of, vec![planned])),
            }
        }
    }
    // In the order of the suite files, regardless of where shared runs come first.
    groups.sort_by_key(|(of, group)| {
        let suite = suites.iter().position(|suite| suite.name == of.suite);
        let place = suite.map(|index| {
            let Suite { tasks, methods, .. } = &suites[index];
            let task = tasks.iter().position(|task| *task == group[0].run.task);
            (task, methods.iter().position(|method| method.name == of.method))
        });
        (suite, place)
    });
    let rows: Vec<_> = groups
        .iter()
        .map(|(of, group)| {
            let run = &group[0].run;
            let count = |fits: &dyn Fn(&PlannedRun) -> bool| {
                group.iter().filter(|planned| fits(&planned.run)).count().to_string()
            };
            vec![
                of.suite.clone(),
                run.task.clone(),
                of.method.clone(),
                seeds(group),
                grouped(run.total_steps),
                count(&|run| run.progress == RunProgress::Done),
                count(&|run| matches!(run.progress, RunProgress::Unfinished { .. })),
                count(&|run| matches!(run.progress, RunProgress::Failed { .. })),
                count(&|run| run.progress == RunProgress::New),
                count(&|run| !run.dir.starts_with(&of.suite)),
                group.iter().map(|one| one.analyses_left().len()).sum::<usize>().to_string(),
            ]
        })
        .collect();
    let header = [
        "suite",
        "task",
        "method",
        "seeds",
        "steps",
        "done",
        "unfinished",
        "failed",
        "new",
        "shared",
        "to analyse",
    ];
    table(&header, &rows)
}

/// Lists the seeds of runs; many of them as ranges.
fn seeds(group: &[&Planned]) -> String {
    let seeds = || group.iter().map(|one| one.run.seed);
    match usize::try_from(seeds().max().unwrap_or_default()) {
        Ok(_) if group.len() > MOST_SEEDS => {
            seeds().filter_map(|seed| usize::try_from(seed).ok()).collect::<Indices>().to_string()
        }
        _ => seeds().map(|seed| seed.to_string()).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::tests::{planned, suites};

    #[test]
    fn the_overview_counts_states_and_shared_runs() {
        let shared = |method: &str| Use { suite: "other".to_owned(), method: method.to_owned() };
        let mut runs = [
            planned("sac", "Ant-v4", 0, RunProgress::Done),
            planned("pmoe-sac", "Ant-v4", 0, RunProgress::New),
            planned("sac", "Ant-v4", 1, RunProgress::Unfinished { env_step: 10 }),
        ];
        runs[0].run.used_by.push(shared("alpha1"));
        let many: Vec<_> =
            (0..500).map(|seed| planned("sac", "Ant-v4", seed, RunProgress::New)).collect();
        assert!(overview(&many, &suites()).contains(" 0-499 "));
        let text = overview(&runs, &suites());
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        // A suite without a file comes first.
        assert_eq!(
            rows[1],
            ["other", "Ant-v4", "alpha1", "0", "1", "000", "1", "0", "0", "0", "1", "0"]
        );
        assert_eq!(
            rows[2],
            ["fig", "Ant-v4", "sac", "0,1", "1", "000", "1", "1", "0", "0", "0", "0"]
        );
        assert_eq!(
            rows[3],
            ["fig", "Ant-v4", "pmoe-sac", "0", "1", "000", "0", "0", "0", "1", "0", "0"]
        );
    }
}
