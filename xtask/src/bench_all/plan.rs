//! What a preset consists of and how much of it is there already.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmoe_results::{Preset, Run, RunSpec, Status, Suite};

use super::table::{grouped, table};
use crate::BadInput;

/// A run and where it stands.
#[derive(Debug, Clone)]
pub struct Planned {
    pub spec: RunSpec,
    /// Its folder.
    pub dir: PathBuf,
    pub state: State,
}

/// Where a run stands, as its folder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    New,
    Unfinished { env_step: u64 },
    Failed { env_step: u64 },
    Done,
}

impl Planned {
    /// `<suite>/<algo>/<task>/seed_<n>`.
    pub fn name(&self) -> String {
        self.spec.dir.display().to_string()
    }

    /// Environment steps that need not be taken again.
    pub fn steps_done(&self) -> u64 {
        match self.state {
            State::New => 0,
            State::Unfinished { env_step } | State::Failed { env_step } => {
                env_step.min(self.spec.total_steps)
            }
            State::Done => self.spec.total_steps,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        let RunSpec { suite, algo, task, dir, .. } = &self.spec;
        // `Path::starts_with` compares whole components: `seed_1` is not the start of `seed_10`.
        [suite, algo, task].contains(&&name.to_owned()) || dir.starts_with(name)
    }
}

/// All runs of `suites` at the scale of `preset`, with their folders below `out`.
pub fn plan(suites: &[Suite], preset: Preset, out: &Path) -> Vec<Planned> {
    let specs = suites.iter().flat_map(|suite| suite.plan(preset));
    specs
        .map(|spec| {
            let dir = out.join(&spec.dir);
            let state = read_state(&dir, spec.total_steps);
            Planned { spec, dir, state }
        })
        .collect()
}

fn read_state(dir: &Path, total_steps: u64) -> State {
    if !fs::exists(dir.join("manifest.json")).unwrap_or(false) {
        return State::New;
    }
    let Ok(Run { manifest, .. }) = Run::read(dir) else {
        return State::Failed { env_step: 0 };
    };
    let env_step = manifest.env_step;
    match manifest.status {
        // A run of another budget is not this run; starting it says so.
        Status::Done if manifest.total_steps == total_steps => State::Done,
        Status::Done | Status::Failed { .. } => State::Failed { env_step },
        Status::Running | Status::Interrupted => State::Unfinished { env_step },
    }
}

/// The runs that `only` names, all of them if it names none.
///
/// A name is a suite, a method, a task or the start of `<suite>/<algo>/<task>/seed_<n>`; a run is
/// kept if one of them fits.
pub fn select(mut runs: Vec<Planned>, only: &[String]) -> Result<Vec<Planned>> {
    for name in only {
        if name.is_empty() || !runs.iter().any(|run| run.is_named(name)) {
            return Err(BadInput(format!(
                "--only: nothing is called `{name}`; the suites are {}, the methods {}, the tasks \
                 {}, and the start of a folder such as {} works as well",
                listed(runs.iter().map(|run| &run.spec.suite)),
                listed(runs.iter().map(|run| &run.spec.algo)),
                listed(runs.iter().map(|run| &run.spec.task)),
                runs.first().map(Planned::name).unwrap_or_default(),
            ))
            .into());
        }
    }
    runs.retain(|run| only.is_empty() || only.iter().any(|name| run.is_named(name)));
    Ok(runs)
}

/// `items`, each once, sorted.
fn listed<T: Display + Ord>(items: impl Iterator<Item = T>) -> String {
    let items: BTreeSet<_> = items.collect();
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// One row per method and task: seeds, budget and how many runs are in which state.
pub fn overview(runs: &[Planned]) -> String {
    let mut groups: Vec<Vec<&Planned>> = Vec::new();
    for run in runs {
        let same = |group: &&mut Vec<&Planned>| {
            let RunSpec { suite, algo, task, .. } = &group[0].spec;
            (suite, algo, task) == (&run.spec.suite, &run.spec.algo, &run.spec.task)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    let rows: Vec<_> = groups
        .iter()
        .map(|group| {
            let spec = &group[0].spec;
            let count = |fits: fn(&State) -> bool| {
                group.iter().filter(|run| fits(&run.state)).count().to_string()
            };
            vec![
                spec.suite.clone(),
                spec.task.clone(),
                spec.algo.clone(),
                group.iter().map(|run| run.spec.seed.to_string()).collect::<Vec<_>>().join(","),
                grouped(spec.total_steps),
                count(|state| matches!(state, State::Done)),
                count(|state| matches!(state, State::Unfinished { .. })),
                count(|state| matches!(state, State::Failed { .. })),
                count(|state| matches!(state, State::New)),
            ]
        })
        .collect();
    let header = ["suite", "task", "algo", "seeds", "steps", "done", "unfinished", "failed", "new"];
    table(&header, &rows)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A run that has no folder yet.
    pub fn planned(algo: &str, task: &str, seed: u64, state: State) -> Planned {
        let dir: PathBuf = ["fig", algo, task, &format!("seed_{seed}")].iter().collect();
        let spec = RunSpec {
            suite: "fig".to_owned(),
            algo: algo.to_owned(),
            task: task.to_owned(),
            seed,
            total_steps: 1_000,
            set: Vec::new(),
            dir: dir.clone(),
        };
        Planned { spec, dir, state }
    }

    fn runs() -> Vec<Planned> {
        let mut runs = Vec::new();
        for seed in [1, 10] {
            for task in ["Hopper-v4", "Ant-v4"] {
                for algo in ["sac", "pmoe-sac"] {
                    runs.push(planned(algo, task, seed, State::New));
                }
            }
        }
        runs
    }

    fn selected(only: &[&str]) -> Vec<String> {
        let only: Vec<_> = only.iter().map(ToString::to_string).collect();
        select(runs(), &only).unwrap().iter().map(Planned::name).collect()
    }

    #[test]
    fn only_takes_suites_methods_tasks_and_folders() {
        assert_eq!(selected(&[]).len(), 8);
        assert_eq!(selected(&["fig"]).len(), 8);
        assert_eq!(selected(&["sac"]).len(), 4);
        assert_eq!(selected(&["Ant-v4", "fig/sac/Hopper-v4"]).len(), 6);
        assert_eq!(selected(&["fig/sac/Ant-v4/seed_1"]), ["fig/sac/Ant-v4/seed_1"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        for name in ["Hopper", "sac/", "", "fig/sa"] {
            let error = select(runs(), &["sac".to_owned(), name.to_owned()]).unwrap_err();
            assert!(error.is::<BadInput>());
            let text = error.to_string();
            assert!(text.contains(&format!("`{name}`")), "{text}");
            assert!(
                text.contains("the methods pmoe-sac, sac, the tasks Ant-v4, Hopper-v4"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_overview_counts_states() {
        let runs = [
            planned("sac", "Ant-v4", 0, State::Done),
            planned("pmoe-sac", "Ant-v4", 0, State::New),
            planned("sac", "Ant-v4", 1, State::Unfinished { env_step: 10 }),
        ];
        let text = overview(&runs);
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["fig", "Ant-v4", "sac", "0,1", "1", "000", "1", "1", "0", "0"]);
        assert_eq!(rows[2], ["fig", "Ant-v4", "pmoe-sac", "0", "1", "000", "0", "0", "0", "1"]);
    }

    #[test]
    fn the_state_comes_from_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        assert_eq!(read_state(&run, 1_000), State::New);

        fs::create_dir(&run).unwrap();
        fs::write(run.join("config.toml"), "seed = 0\n").unwrap();
        let manifest = |state: &str| {
            let text = format!(
                r#"{{"schema": 1, "algo": "sac", "task": "Ant-v4", "seed": 0, "total_steps": 1000,
                "status": {state}, "env_step": 400, "attempts": [], "events_blake3": null,
                "provenance": {{"pmoe": "", "commit": "", "dirty": false, "rustc": "", "burn": "",
                "mujoco": "", "device": "", "threads": 1, "cpu": "", "cores": 1, "memory_gib": 1.0,
                "os": "", "command": ""}}}}"#
            );
            fs::write(run.join("manifest.json"), text).unwrap();
        };
        manifest(r#"{"state": "interrupted"}"#);
        assert_eq!(read_state(&run, 1_000), State::Unfinished { env_step: 400 });
        manifest(r#"{"state": "failed", "reason": "NaN", "diverged": true}"#);
        assert_eq!(read_state(&run, 1_000), State::Failed { env_step: 400 });
        fs::write(run.join("manifest.json"), "{").unwrap();
        assert_eq!(read_state(&run, 1_000), State::Failed { env_step: 0 });
    }
}
