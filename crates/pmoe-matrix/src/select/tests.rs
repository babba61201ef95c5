use std::sync::Arc;

use pmoe_results::Preset;

use super::*;

/// Returns a run without a folder on disk.
pub(crate) fn planned(method: &str, task: &str, seed: u64, progress: RunProgress) -> Planned {
    let dir: PathBuf = ["fig", method, task, &format!("seed_{seed}")].iter().collect();
    let run = PlannedRun {
        id: format!("{method}-{task}-{seed}"),
        dir: dir.clone(),
        base: method.to_owned(),
        task: task.to_owned(),
        seed,
        total_steps: 1_000,
        set: Default::default(),
        used_by: vec![Use { suite: "fig".to_owned(), method: method.to_owned() }],
        analyses: Vec::new(),
        progress,
    };
    Planned { run, dir }
}

const SUITE: &str = r#"
title = "t"
item = "Fig. 1, Table 2"
reference = "sac"
methods = ["sac", "pmoe-sac"]
tasks = ["Hopper-v4", "Ant-v4"]
presets.smoke = { seeds = [0], total_steps = 1 }
presets.quick = { seeds = [0], total_steps = 1 }
presets.paper = { seeds = [0], total_steps = 1 }
"#;

pub(crate) fn suites() -> Vec<Suite> {
    vec![Suite::parse(SUITE, Path::new("fig.toml")).unwrap()]
}

/// Returns a plan of two methods, tasks and seeds; another suite uses PMOE-SAC on Hopper as `k4`.
fn plan() -> Plan {
    let mut runs = Vec::new();
    for seed in [1, 10] {
        for task in ["Hopper-v4", "Ant-v4"] {
            for method in ["sac", "pmoe-sac"] {
                let mut run = planned(method, task, seed, RunProgress::New).run;
                if (method, task) == ("pmoe-sac", "Hopper-v4") {
                    run.used_by.push(Use { suite: "other".to_owned(), method: "k4".to_owned() });
                }
                runs.push(run);
            }
        }
    }
    Plan {
        schema: Plan::SCHEMA,
        preset: Preset::Smoke,
        max_steps: None,
        own_suites: Default::default(),
        runs,
    }
}

fn selected(only: &[&str]) -> Vec<String> {
    let only: Vec<_> = only.iter().map(ToString::to_string).collect();
    let runs = select(&plan(), &suites(), &only, &[], Path::new("out")).unwrap();
    runs.iter().map(Planned::name).collect()
}

#[test]
fn only_takes_suites_items_methods_tasks_and_folders() {
    assert_eq!(selected(&[]).len(), 8);
    for all in ["fig", "fig1", "Fig. 1", "table2"] {
        assert_eq!(selected(&[all]).len(), 8, "{all}");
    }
    assert_eq!(selected(&["sac"]).len(), 4);
    assert_eq!(selected(&["Ant-v4", "fig/sac/Hopper-v4"]).len(), 6);
    assert_eq!(selected(&["fig/sac/Ant-v4/seed_1"]), ["fig/sac/Ant-v4/seed_1"]);
    // A shared run can be selected by its other name, and is in the folder of its first suite.
    let shared = ["fig/pmoe-sac/Hopper-v4/seed_1", "fig/pmoe-sac/Hopper-v4/seed_10"];
    assert_eq!(selected(&["other"]), shared);
    assert_eq!(selected(&["k4"]), shared);
    assert_eq!(selected(&["other/k4/Hopper-v4/seed_10"]), shared[1..]);
}

#[test]
fn seeds_are_selected_beside_names() {
    let select = |seeds: &[u64]| {
        select(&plan(), &suites(), &["sac".to_owned()], seeds, Path::new("out"))
            .map(|runs| runs.iter().map(Planned::name).collect::<Vec<_>>())
    };
    assert_eq!(select(&[10]).unwrap(), ["fig/sac/Hopper-v4/seed_10", "fig/sac/Ant-v4/seed_10"]);
    let error = select(&[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "no run has seed 2; the seeds are 1, 10");
}

#[test]
fn names_and_seeds_without_a_common_run_are_refused() {
    let mut plan = plan();
    plan.runs.retain(|run| run.base == "sac" || run.seed == 1);
    let error =
        select(&plan, &suites(), &["pmoe-sac".to_owned()], &[10], Path::new("out")).unwrap_err();
    assert_eq!(error.to_string(), "no run of pmoe-sac has one of the seeds 10; their seeds are 1");
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    for name in ["Hopper", "sac/", "", "fig/sa", "fig2"] {
        let only = ["sac".to_owned(), name.to_owned()];
        let error = select(&plan(), &suites(), &only, &[], Path::new("out")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("`{name}`")), "{text}");
        let known = "suites: fig, other; items: fig1, table2; methods: k4, pmoe-sac, sac; \
                     tasks: Ant-v4, Hopper-v4; or the start of a folder";
        assert!(text.contains(known), "{text}");
    }
}

#[test]
fn what_was_meant_by_an_unknown_name_is_said() {
    for (name, meant) in
        [("pmoe_sac", "pmoe-sac"), ("hopper-v4", "Hopper-v4"), ("fig11", "fig1"), ("othr", "other")]
    {
        let only = [name.to_owned()];
        let error = select(&plan(), &suites(), &only, &[], Path::new("out")).unwrap_err();
        let expected = format!("`{name}` matches no run; did you mean `{meant}`? (suites: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn a_budget_without_an_update_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("sac", "[algo.sac]\nlearning_starts = 1_000\n"),
        ("pmoe-sac", "[algo.sac]\nlearning_starts = 1_001\n"),
        ("ppo", "[algo.ppo]\nrollout_steps = 2048\n"),
        ("none", "[algo.other]\n"),
    ] {
        std::fs::write(folder.path().join(name).with_extension("toml"), text).unwrap();
    }
    let methods = Methods::load_all(folder.path()).unwrap();
    let runs = |methods: &[&str]| -> Vec<_> {
        methods.iter().map(|method| planned(method, "Ant-v4", 0, RunProgress::New)).collect()
    };
    check_budgets(&runs(&["sac", "none"]), &methods).unwrap();
    let error = check_budgets(&runs(&["sac", "pmoe-sac", "ppo"]), &methods).unwrap_err();
    assert!(error.is_bad_input());
    assert_eq!(
        error.to_string(),
        "2 runs would end before the first update: pmoe-sac on Ant-v4 has 1000 steps, but its first update comes \
         after 1001 (learning_starts); 2048 steps are enough for all of them"
    );
    // Settings of the suite count.
    let mut short = runs(&["ppo"]);
    short[0].run.set = Arc::new([("rollout_steps".to_owned(), "500".to_owned())].into());
    check_budgets(&short, &methods).unwrap();
}
