//! Bad input gives exit code 2 and a message that names the place and the allowed values, and
//! changes nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{checkpoint, pmoe, refuse, run, snapshot, succeed, train};

fn command(arguments: &[&str]) -> Command {
    let mut command = pmoe();
    command.args(arguments);
    command
}

fn with(out: &Path, arguments: &[&str]) -> Command {
    let mut command = train("pmoe-sac", 300, out);
    command.args(arguments);
    command
}

#[test]
fn unknown_names_list_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    refuse(&mut train("sca", 300, &out), 2, &["`sca`", "pmoe-sac", "sac"]);
    refuse(&mut with(&out, &["--set", "gama=0.9"]), 2, &["pmoe-sac.toml", "gama", "gamma"]);
    refuse(&mut with(&out, &["--set", "schedule.evalevery=9"]), 2, &["evalevery", "eval_every"]);
    refuse(&mut with(&out, &["--set", "actor.moe.k=9"]), 2, &["algo.sac.actor", "`moe`", "`pmoe`"]);
    refuse(&mut with(&out, &["--set", "gamma"]), 2, &["KEY=VALUE"]);
    let mut unknown_task = pmoe();
    unknown_task.args(["train", "--method", "sac", "--task", "Hoper-v4", "--out"]).arg(&out);
    refuse(&mut unknown_task, 2, &["Hoper-v4", "Hopper-v4", "Ant-v5"]);
    let mut of_python = pmoe();
    of_python.args(["train", "--method", "sac", "--task", "gym:Pendulum-v1", "--out"]).arg(&out);
    refuse(&mut of_python, 2, &["gym:Pendulum-v1 is stepped in Python", "the Python package"]);
    refuse(&mut with(&out, &["--device", "tpu"]), 2, &["tpu", "flex"]);
    assert!(!out.exists(), "a refused run leaves nothing behind");
}

#[test]
fn instructions_that_do_not_exist_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let run = |name: &str, words: &[&str]| {
        let mut command = train("sac", 300, &out);
        refuse(command.env("PMOE_INSTRUCTIONS", name), 2, words);
    };
    run("sse9", &["PMOE_INSTRUCTIONS", "`sse9`", "scalar, neon, avx2, avx512"]);
    let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
    run(foreign, &["PMOE_INSTRUCTIONS", "does not have", foreign, "it has scalar"]);
    assert!(!out.exists(), "a refused run leaves nothing behind");
}

#[test]
fn wrong_types_and_ranges_name_key_and_allowed_values() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for (setting, words) in [
        ("gamma=1.5", vec!["gamma", "1.5", "between 0 and 1"]),
        ("gamma=nan", vec!["gamma", "NaN", "between 0 and 1"]),
        ("gamma=big", vec!["algo.sac.gamma", "\"big\""]),
        ("tau=0", vec!["tau", "positive"]),
        ("batch_size=0", vec!["batch_size", "at least 1"]),
        ("batch_size=-3", vec!["algo.sac.batch_size", "-3"]),
        ("batch_size=2.5", vec!["algo.sac.batch_size", "2.5"]),
        ("buffer_size=4", vec!["buffer_size", "at least 8"]),
        ("learning_starts=0", vec!["learning_starts", "at least 1"]),
        ("hidden=[]", vec!["hidden", "at least 1"]),
        ("hidden=[16,0]", vec!["hidden[1]", "at least 1"]),
        ("actor_lr=inf", vec!["actor_lr", "finite"]),
        ("temperature.fixed.alpha=-1", vec!["temperature.fixed.alpha", "at least 0"]),
        ("temperature=auto", vec!["algo.sac.temperature"]),
        ("actor.pmoe.num_primitives=0", vec!["actor.pmoe.num_primitives", "at least 1"]),
        ("actor.pmoe.eval_primitive=best", vec!["eval_primitive", "best", "argmax_w"]),
        ("env.max_episode_steps=0", vec!["env.mujoco.max_episode_steps", "at least 1"]),
        ("env.contact_forces=zero", vec!["env.mujoco.contact_forces", "zero", "version 2 of Ant"]),
        ("env.contact_forces=some", vec!["env.mujoco.contact_forces", "some", "computed"]),
        ("env.gravity=1", vec!["env.mujoco", "gravity", "max_episode_steps"]),
        ("env.target_reaching.dt_seconds=1", vec!["env"]),
        ("actor.pmoe.eval_primitive={index=4}", vec!["eval_primitive.index", "between 0 and 3"]),
        ("actor.pmoe.routing_input=h", vec!["routing_input", "trunk_sg", "obs"]),
        ("actor.pmoe.estimator.frequency.freq_coef=-1", vec!["freq_coef", "at least 0"]),
        ("actor.pmoe.estimator={reinforce={baseline=mean}}", vec!["estimator"]),
        (
            "actor.pmoe.estimator={reinforce={baseline=\"mean\"}}",
            vec!["estimator.reinforce.baseline", "mean", "expected"],
        ),
        (
            "actor.pmoe.estimator={reinforce={baseline={ema={decay=1}}}}",
            vec!["reinforce.baseline.ema.decay", "between 0 and 0.99"],
        ),
        (
            "actor.pmoe.estimator={gumbel={mode=\"soft\",temperature=0}}",
            vec!["gumbel.temperature", "positive"],
        ),
        ("actor.pmoe.estimator.marginal={}", vec!["estimator", "`frequency` and `marginal`"]),
        ("actor.pmoe.primitive_loss=all", vec!["actor.pmoe", "primitive_loss", "estimator"]),
        (
            "actor.pmoe.estimator={likelihood_ratio={baseline=\"none\",regularization=0.0,log_weight_floor=-10.0}}",
            vec!["entropy_log_prob", "component", "mixture"],
        ),
        (
            "actor={gating={num_primitives=0,variance=\"paper\"}}",
            vec!["actor.gating.num_primitives"],
        ),
        (
            "actor={mcp={num_primitives=2,gate=\"relu\",network=\"full\"}}",
            vec!["actor.mcp.gate", "relu", "sigmoid"],
        ),
        ("target=best", vec!["target", "best", "sample", "max"]),
        ("init=zeros", vec!["init", "zeros", "torch", "rlkit"]),
        ("log_std={clamp=[2.0,-5.0]}", vec!["log_std.clamp", "[2, -5]", "the smaller first"]),
        ("schedule.total_steps=0", vec!["schedule.total_steps", "at least 1"]),
        ("schedule.eval_episodes=many", vec!["schedule.eval_episodes", "many"]),
    ] {
        refuse(&mut with(&out, &["--set", setting]), 2, &words);
    }
    assert!(!out.exists());
}

#[test]
fn config_files_are_checked_with_file_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let good = fs::read_to_string("../../configs/methods/sac.toml").unwrap();
    let check = |path: &Path| {
        let mut command = pmoe();
        command.args(["config", "check"]).arg(path);
        command
    };
    succeed(&mut check(&file("good.toml", &good)));
    let bad = file("typo.toml", &good.replace("gamma =", "gama ="));
    refuse(&mut check(&bad), 2, &["typo.toml", "gama", "gamma"]);
    let bad = file("type.toml", &good.replace("tau = 0.005", "tau = \"slow\""));
    refuse(&mut check(&bad), 2, &["type.toml", "algo.sac.tau", "slow"]);
    let bad = file("missing.toml", &good.replace("eval_episodes = 10", ""));
    refuse(&mut check(&bad), 2, &["missing.toml", "schedule", "eval_episodes"]);
    let bad = file("syntax.toml", "[algo");
    refuse(&mut check(&bad), 2, &["syntax.toml", "line 1"]);
    refuse(&mut check(&file("empty.toml", "")), 2, &["empty.toml", "algo", "presets"]);
    refuse(&mut check(&dir.path().join("absent.toml")), 2, &["absent.toml"]);

    let suite = fs::read_to_string("../../configs/suites/fig1-table2.toml").unwrap();
    succeed(&mut check(&file("suite.toml", &suite)));
    for (from, to, words) in [
        (
            "tasks = [\"Ant-v2\", \"Hopper-v2\", \"W",
            "tasks = [\"Ant-v2\", \"Hopper-v1\", \"W",
            vec!["Hopper"],
        ),
        ("random_steps = 300", "random_stepss = 300", vec!["random_stepss", "random_steps"]),
        ("[presets.quick]", "[presets.fast]", vec!["fast", "quick"]),
        ("total_steps = 1_500", "total_steps = -1", vec!["total_steps"]),
    ] {
        assert!(suite.contains(from), "{from}");
        let words: Vec<&str> = words.into_iter().chain(["broken.toml"]).collect();
        refuse(&mut check(&file("broken.toml", &suite.replace(from, to))), 2, &words);
    }
}

#[test]
fn a_run_folder_of_another_config_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut with(dir.path(), &[]));
    let before = snapshot(dir.path());
    refuse(&mut with(dir.path(), &["--set", "gamma=0.5"]), 2, &["algo.sac.gamma", "0.99", "0.5"]);
    let mut other_seed = pmoe();
    other_seed.args(["train", "--task", "Hopper-v4", "--seed", "4", "--method", "sac", "--out"]);
    refuse(other_seed.arg(dir.path()), 2, &["another config"]);
    assert_eq!(snapshot(dir.path()), before);
    // A folder that is not a run folder.
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("events.jsonl"), "notes\n").unwrap();
    refuse(&mut with(other.path(), &[]), 2, &["not a run folder"]);
    assert_eq!(fs::read(other.path().join("events.jsonl")).unwrap(), b"notes\n");
}

#[test]
fn a_damaged_checkpoint_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut with(dir.path(), &[]));
    let evaluate = || {
        let mut command = pmoe();
        command.arg("evaluate").arg(dir.path()).args(["--episodes", "1"]);
        command
    };
    succeed(&mut evaluate());
    let folder = checkpoint(dir.path());
    for name in ["actor.bpk", "critic.bpk", "progress.json", "MANIFEST.json"] {
        let file = folder.join(name);
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 4;
        for damaged in [&flipped, &whole[..whole.len() / 3], &[]] {
            fs::write(&file, damaged).unwrap();
            let before = snapshot(dir.path());
            refuse(&mut evaluate(), 2, &["damaged", name]);
            assert_eq!(snapshot(dir.path()), before);
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        refuse(&mut evaluate(), 2, &["damaged", name]);
        fs::remove_dir(&file).unwrap();
        fs::write(&file, &whole).unwrap();
    }
    succeed(&mut evaluate());
}

#[test]
fn a_run_does_not_continue_from_a_damaged_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut with(dir.path(), &[]));
    // As if killed right before the manifest recorded the end.
    let manifest = dir.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"done\"", "\"running\"")).unwrap();
    let file = checkpoint(dir.path()).join("actor.bpk");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[1..]).unwrap();
    let before = snapshot(dir.path());
    refuse(&mut with(dir.path(), &[]), 2, &["damaged", "actor.bpk"]);
    assert_eq!(snapshot(dir.path()), before);
    fs::write(&file, &whole).unwrap();
    succeed(&mut with(dir.path(), &[]));
    assert!(fs::read_to_string(&manifest).unwrap().contains("\"done\""));
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let inside = file.join("run");
    refuse(&mut with(&inside, &[]), 2, &["file", "cannot write"]);
    let report = command(&["report", dir.path().to_str().unwrap(), "--out"]).arg(&inside).output();
    assert_eq!(report.unwrap().status.code(), Some(2));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn trace_files_are_checked_to_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.json"), dir.path().join("out.json"));
    let trace = |text: &str| {
        fs::write(&input, text).unwrap();
        let mut command = command(&["env", "trace", "--task", "Hopper-v4", "--input"]);
        command.arg(&input).arg("--output").arg(&output);
        command
    };
    let of = |qpos: &str, qvel: &str, actions: &str| {
        format!(r#"{{"task":"Hopper-v4","qpos":{qpos},"qvel":{qvel},"actions":{actions}}}"#)
    };
    let (qpos, qvel, actions) = ("[0,1.25,0,0,0,0]", "[0,0,0,0,0,0]", "[[0,0,0],[2.5,-3,0.1]]");
    succeed(&mut trace(&of(qpos, qvel, actions)));
    let good = fs::read(&output).unwrap();
    let parsed: serde_json::Value = serde_json::from_slice(&good).unwrap();
    assert_eq!(parsed["obs"].as_array().unwrap().len(), 3);
    assert_eq!(parsed["reward"].as_array().unwrap().len(), 2);

    refuse(&mut trace(&of("[0,1]", qvel, actions)), 2, &["qpos", "2", "6"]);
    refuse(&mut trace(&of(qpos, "[0,0,0,0,0,0,0]", actions)), 2, &["qvel", "7", "6"]);
    refuse(&mut trace(&of(qpos, qvel, "[[0,0,0],[0,0]]")), 2, &["1", "2", "3"]);
    refuse(&mut trace(&of(qpos, qvel, "[[0,0,\"x\"]]")), 2, &["in.json", "actions[0][2]"]);
    refuse(&mut trace(&of(qpos, qvel, actions).replace("qvel", "speed")), 2, &["speed", "qvel"]);
    let other_task = of(qpos, qvel, actions).replace("Hopper-v4", "Ant-v4");
    refuse(&mut trace(&other_task), 2, &["Ant-v4", "Hopper-v4"]);
    let unknown_task = of(qpos, qvel, actions).replace("Hopper-v4", "Hopper-v3");
    refuse(&mut trace(&unknown_task), 2, &["Hopper-v3", "Hopper-v5"]);
    refuse(&mut trace("{"), 2, &["in.json"]);
    assert_eq!(fs::read(&output).unwrap(), good, "the earlier output is intact");
}

#[test]
fn arguments_out_of_range_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    succeed(&mut train("sac", 300, dir.path()));
    let run_folder = dir.path().to_str().unwrap();
    let evaluate = |more: &[&str]| command(&[&["evaluate", run_folder], more].concat());
    refuse(&mut evaluate(&["--episodes", "0"]), 2, &["0"]);
    refuse(&mut evaluate(&["--obs-noise", "-1"]), 2, &["obs-noise", "at least 0"]);
    refuse(&mut evaluate(&["--obs-noise=-1"]), 2, &["at least 0"]);
    refuse(&mut evaluate(&["--primitive", "0"]), 2, &["no primitives"]);
    refuse(&mut command(&["env", "bench", "--task", "Hopper-v4", "--seconds=-1"]), 2, &["seconds"]);
    refuse(&mut command(&["report", "absent-folder"]), 2, &["absent-folder"]);
    let empty = tempfile::tempdir().unwrap();
    let name = empty.path().file_name().unwrap().to_str().unwrap();
    refuse(command(&["report"]).arg(empty.path()), 2, &["there is no run", name]);
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    refuse(&mut command(&["verify", "absent-folder"]), 2, &["absent-folder"]);
    refuse(command(&["verify"]).arg(dir.path()), 2, &["there is no report", "pmoe report"]);
}

#[test]
fn every_command_has_help_with_an_example() {
    for arguments in [
        &["train"][..],
        &["evaluate"],
        &["list"],
        &["report"],
        &["verify"],
        &["config", "check"],
        &["config", "show"],
        &["env", "trace"],
        &["env", "bench"],
        &["bench", "update"],
        &["bench", "cost"],
    ] {
        let help = run(command(arguments).arg("--help"));
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains("Example"), "{arguments:?}");
    }
}

/// Creates a folder of model files in which Hopper's is `text`.
fn models(dir: &Path, text: &str) -> Command {
    fs::write(dir.join("hopper.xml"), text).unwrap();
    let mut command = command(&["env", "bench", "--task", "Hopper-v4", "--seconds", "0.1"]);
    command.env("PMOE_MODEL_DIR", dir);
    command
}

#[test]
fn model_files_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("PMOE_MODEL_DIR"));
    let ant = fs::read_to_string(folder.join("ant.xml")).unwrap();
    let words = ["hopper.xml", "[15, 14, 8, 14]", "[6, 6, 3, 5]"];
    refuse(&mut models(dir.path(), &ant), 2, &words);
    refuse(&mut models(dir.path(), "<mujoco>"), 2, &["hopper.xml", "not well-formed XML"]);
    fs::remove_file(dir.path().join("hopper.xml")).unwrap();
    let mut command = command(&["env", "bench", "--task", "Hopper-v4"]);
    refuse(command.env("PMOE_MODEL_DIR", dir.path()), 2, &["hopper.xml", "No such file"]);
}

#[test]
fn watch_needs_a_folder_and_a_terminal_or_a_format() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let missing = dir.path().join("missing");
    refuse(&mut command(&["watch", missing.to_str().unwrap(), "--once"]), 2, &["missing"]);
    refuse(&mut command(&["watch", folder]), 2, &["terminal", "--once", "--json"]);
    refuse(&mut command(&["watch", folder, "--interval", "0"]), 2, &["--interval", "0.1"]);
    let text = succeed(&mut command(&["watch", folder, "--once"]));
    assert!(text.contains("no runs yet"), "{text}");
}
