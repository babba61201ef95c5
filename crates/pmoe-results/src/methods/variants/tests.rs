use crate::run::{Attempt, Event, Manifest, Provenance, Status};

use super::*;

const BASE: &str = "gamma = 0.99\ntau = 0.005\nhidden = [16, 16]\n";

/// Returns a SAC run with the settings of [`BASE`], of which `line` replaces or adds one.
fn run(task: &str, seed: u64, line: &str, is_done: bool) -> Run {
    let key = line.split(' ').next().unwrap_or_default();
    let kept = BASE.lines().filter(|of| key.is_empty() || !of.starts_with(key));
    let body = kept.collect::<Vec<_>>().join("\n");
    let text = format!(
        "method = \"sac\"\ntask = {task:?}\nseed = {seed}\ndevice = \"flex\"\n[algo.sac]\n{body}\n{line}\n\
         [schedule]\ntotal_steps = 100\ncheckpoint_every = {seed}\n"
    );
    run_of(task, seed, &text, is_done)
}

fn run_of(task: &str, seed: u64, config: &str, is_done: bool) -> Run {
    let eval =
        |env_step| Event::Eval { env_step, returns: vec![1.0], lengths: vec![1], successes: None };
    Run {
        path: format!("{task}/{seed}").into(),
        config: config.parse().unwrap(),
        manifest: Manifest {
            schema: Manifest::SCHEMA,
            method: "sac".into(),
            task: task.into(),
            seed,
            total_steps: 100,
            status: if is_done { Status::Done } else { Status::Running },
            env_step: 100,
            provenance: Provenance {
                pmoe: String::new(),
                commit: String::new(),
                dirty: false,
                rustc: String::new(),
                burn: String::new(),
                mujoco: String::new(),
                device: String::new(),
                threads: 1,
                population: None,
                cpu: String::new(),
                instructions: String::new(),
                libm: String::new(),
                cores: 1,
                memory_gib: 1.0,
                os: String::new(),
                command: String::new(),
            },
            attempts: vec![Attempt {
                started: String::new(),
                from_step: 0,
                to_step: 100,
                wall_seconds: 1.0,
                cut_episodes: false,
                provenance: None,
            }],
            events_blake3: None,
        },
        events: vec![eval(0), eval(100)],
    }
}

fn names(runs: &[Run], by_task: bool) -> Vec<String> {
    let called = |run| Called { method: "sac", planned: false, run };
    variant_names(&runs.iter().map(called).collect::<Vec<_>>(), by_task)
}

#[test]
fn what_differs_is_in_the_name_and_what_most_share_is_not() {
    let lines = ["gamma = 0.9", "tau = 0.01", "hidden = [8]", "", "batch_size = 8"];
    let runs: Vec<_> =
        lines.iter().zip(0..).map(|(line, seed)| run("T", seed, line, true)).collect();
    let expected =
        ["sac (gamma=0.9)", "sac (tau=0.01)", "sac (hidden=[8])", "sac", "sac (batch_size=8)"];
    assert_eq!(names(&runs, false), expected);
    // The order of the runs makes no difference.
    let turned: Vec<_> = runs.iter().rev().cloned().collect();
    let turned = names(&turned, false).into_iter().rev().collect::<Vec<_>>();
    assert_eq!(turned, expected);
}

#[test]
fn seed_budget_and_checkpoints_make_no_difference_and_a_number_is_a_number() {
    let mut runs = [run("T", 0, "gamma = 1.0", true), run("T", 1, "gamma = 1", true)];
    let schedule = runs[1].config["schedule"].as_table_mut().unwrap();
    schedule.insert("total_steps".into(), Value::Integer(7));
    assert_eq!(names(&runs, false), ["sac", "sac"]);
}

#[test]
fn where_runs_are_undecided_the_committed_method_keeps_the_name() {
    // The committed discount is 0.99. If no run has it, both spell out their own.
    let runs = [run("T", 0, "gamma = 0.9", true), run("T", 0, "", true)];
    assert_eq!(names(&runs, false), ["sac (gamma=0.9)", "sac"]);
    let runs = [run("T", 0, "gamma = 0.9", true), run("T", 0, "gamma = 0.8", true)];
    assert_eq!(names(&runs, false), ["sac (gamma=0.9)", "sac (gamma=0.8)"]);
}

#[test]
fn unfinished_runs_rename_no_finished_one() {
    let mut runs = vec![run("T", 0, "gamma = 0.9", true)];
    runs.extend((1..9).map(|seed| run("T", seed, "", false)));
    let names = names(&runs, false);
    assert_eq!(names[0], "sac");
    assert!(names[1..].iter().all(|name| name == "sac (gamma=0.99)"), "{names:?}");
}

#[test]
fn a_suite_may_set_what_it_likes_for_a_task_but_not_for_a_seed() {
    let runs = [
        run("T", 0, "gamma = 0.9", true),
        run("T", 1, "gamma = 0.9", true),
        run("U", 0, "", true),
        run("U", 1, "", true),
        run("U", 2, "tau = 0.01", true),
    ];
    assert_eq!(names(&runs, true), ["sac", "sac", "sac", "sac", "sac (tau=0.01)"]);
    // Without a suite, a name means the same on every task.
    let of_all = ["sac (gamma=0.9)", "sac (gamma=0.9)", "sac", "sac", "sac (tau=0.01)"];
    assert_eq!(names(&runs, false), of_all);
}

#[test]
fn what_a_plan_calls_so_keeps_its_name_against_many() {
    let planned = run("T", 0, "gamma = 0.9", true);
    let others: Vec<_> = (1..5).map(|seed| run("T", seed, "", true)).collect();
    let mut called = vec![Called { method: "k4", planned: true, run: &planned }];
    called.extend(others.iter().map(|run| Called { method: "k4", planned: false, run }));
    assert_eq!(variant_names(&called, true)[..2], ["k4", "k4 (gamma=0.99)"]);
}

#[test]
fn settings_of_the_task_are_compared_on_the_task() {
    let with = |task: &str, seed, limit| {
        let mut run = run(task, seed, "", true);
        let env = format!("[mujoco]\nmax_episode_steps = {limit}\n").parse().unwrap();
        run.config.insert("env".into(), Value::Table(env));
        run
    };
    let runs = [with("T", 0, 1000), with("T", 1, 1000), with("T", 2, 50), with("U", 0, 50)];
    let expected = ["sac", "sac", "sac (env.max_episode_steps=50)", "sac"];
    assert_eq!(names(&runs, false), expected);
}

#[test]
fn a_choice_between_tables_is_named_by_what_was_chosen() {
    let with = |seed, temperature: &str| {
        let text = format!("[algo.sac.temperature.{temperature}");
        run_of("T", seed, &text, true)
    };
    let runs = [
        with(0, "fixed]\nalpha = 0.2"),
        with(1, "fixed]\nalpha = 0.2"),
        with(2, "auto]\ninitial_alpha = 1.0"),
        with(3, "fixed]"),
    ];
    let expected =
        ["sac", "sac", "sac (temperature.auto.initial_alpha=1)", "sac (temperature.fixed={})"];
    assert_eq!(names(&runs, false), expected);
}

#[test]
fn names_stay_short_and_apart() {
    let many = |value: f64| {
        let body: String = (0..40).map(|key| format!("k{key} = {value}\n")).collect();
        run_of("T", 0, &format!("[algo.sac]\n{body}"), true)
    };
    let long = |last: u64| {
        let list: Vec<_> = (0..60).chain([last]).map(|width| width.to_string()).collect();
        run("T", 0, &format!("hidden = [{}]", list.join(", ")), true)
    };
    let mut runs: Vec<_> = [1.0, 2.0, 3.0].map(many).into();
    runs.extend([long(1), long(2), run("T", 0, "", true), run("T", 1, "", true)]);
    // Two runs that only lack settings of the others.
    for text in ["[algo.sac]\ngamma = 0.99\ntau = 0.005\n", "[algo.sac]\ngamma = 0.99\n"] {
        runs.push(run_of("T", 0, text, true));
    }
    let names = names(&runs, false);
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), runs.len() - 1, "{names:#?}");
    assert!(names.iter().all(|name| name.chars().count() < 120), "{names:#?}");
}
