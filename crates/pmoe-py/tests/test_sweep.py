"""Searches: what is tried, stopped early, and continued."""

import json
import signal
import subprocess
import sys

import optuna
import pytest

import pmoe

FILE = """
method = "sac"
task = "TargetReaching-v0"
steps = 400
seeds = [1, 2]
n_trials = {n_trials}
objective = "{objective}"

[set]
hidden = [16, 16]
random_steps = 100
learning_starts = 100
schedule.eval_every = 100
schedule.eval_episodes = 1
schedule.checkpoint_every = 100

[space]
batch_size = {{ kind = "int", low = 4, high = 16, log = true }}
gamma = {{ kind = "float", low = 0.9, high = 0.99 }}
init = {{ kind = "categorical", choices = ["torch", "rlkit"] }}

{more}
"""


def write(folder, n_trials=3, objective="final", more='[pruner]\nkind = "none"'):
    """Writes the file of a search."""
    path = folder / "sweep.toml"
    path.write_text(FILE.format(n_trials=n_trials, objective=objective, more=more))
    return path


@pytest.fixture
def file(tmp_path):
    return lambda **changes: write(tmp_path, **changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search of three trials that nothing stopped: its study and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return pmoe.sweep(write(folder), folder / "out"), folder / "out"


def evaluations(run):
    events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    return {event["env_step"]: sum(event["returns"]) / len(event["returns"]) for event in events if event["event"] == "eval"}


def tried(study):
    return [(trial.number, trial.state.name, trial.params, trial.value) for trial in study.trials]


@pytest.mark.parametrize("objective", ["final", "auc"])
def test_a_trial_is_a_run_for_each_seed_and_its_value_their_mean(file, tmp_path, objective):
    out = tmp_path / "out"
    study = pmoe.sweep(file(objective=objective, n_trials=1), out)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"]
    for trial in study.trials:
        scores = []
        for seed in [1, 2]:
            run = out / f"trial_{trial.number:04}" / f"seed_{seed}"
            config = json.loads(pmoe._pmoe.run_config(run))
            sac = config["algo"]["sac"]
            assert {key: sac[key] for key in trial.params} == trial.params and config["seed"] == seed
            assert sac["hidden"] == [16, 16] and config["schedule"]["total_steps"] == 400
            # By hand: the last tenth has one evaluation; the trapezoids from the first to the last.
            curve = sorted(evaluations(run).items())
            pieces = [(b - a) * (v + w) / 2 for (a, v), (b, w) in zip(curve, curve[1:], strict=False)]
            scores.append(curve[-1][1] if objective == "final" else sum(pieces) / (curve[-1][0] - curve[0][0]))
        assert trial.value == pytest.approx(sum(scores) / 2, rel=1e-9)
    scores, _ = pmoe.results(out / "trial_0000").scores(objective)
    assert study.trials[0].value == pytest.approx(scores["sac"].mean(), rel=1e-9)


def test_evaluations_are_reported_one_seed_after_the_other(file, tmp_path):
    study = pmoe.sweep(file(n_trials=1), tmp_path / "out")
    one, two = (evaluations(tmp_path / "out" / "trial_0000" / f"seed_{seed}") for seed in [1, 2])
    found = study.trials[0].intermediate_values
    del one[0], two[0]
    assert found == pytest.approx({**one, **{400 + step: (one[step] + two[step]) / 2 for step in two}})


def test_a_search_depends_on_its_file_alone_and_grows(file, tmp_path, whole):
    pmoe.sweep(file(n_trials=2), tmp_path / "grown")
    grown = pmoe.sweep(file(n_trials=3), tmp_path / "grown")
    assert tried(whole[0]) == tried(grown)
    assert len({trial.params["gamma"] for trial in grown.trials}) == 3
    again = pmoe.sweep(file(n_trials=3), tmp_path / "grown")
    assert tried(again) == tried(grown)


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 99), (signal.SIGKILL, -9)])
def test_a_search_that_is_stopped_goes_on_where_it_was(file, tmp_path, whole, how, code):
    path = file(n_trials=3)
    out = tmp_path / "stopped"
    command = [sys.executable, "-m", "pmoe", "sweep", str(path), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    # In the middle of the second trial's second seed.
    while not (out / "trial_0001" / "seed_2" / "checkpoint" / "newest").exists():
        assert process.poll() is None
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == code, said
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{out / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "RUNNING"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tried(optuna.load_study(study_name="sweep", storage=f"sqlite:///{out / 'study.db'}")) == tried(whole[0])
    assert "best of 3 trials" in done.stderr
    runs = sorted(whole[1].glob("trial_*/seed_*/events.jsonl"))
    assert len(runs) == 6
    for run in runs:
        assert run.read_bytes() == (out / run.relative_to(whole[1])).read_bytes()


def test_a_hopeless_trial_is_stopped_with_a_checkpoint(file, tmp_path):
    # Whatever is below the best so far.
    more = '[pruner]\nkind = "percentile"\npercentile = 0\nstartup_trials = 1\n[sampler]\nkind = "random"\nseed = 5'
    study = pmoe.sweep(file(n_trials=4, more=more), tmp_path / "out")
    states = [trial.state.name for trial in study.trials]
    assert states[0] == "COMPLETE" and "PRUNED" in states
    for trial in study.trials:
        if trial.state.name == "PRUNED":
            assert trial.user_attrs["end"] == "stopped early"
            runs = sorted((tmp_path / "out" / f"trial_{trial.number:04}").glob("seed_*/manifest.json"))
            last = json.loads(runs[-1].read_text())
            assert last["status"]["state"] in ("interrupted", "done")


def test_trials_side_by_side_are_all_made(file, tmp_path):
    study = pmoe.sweep(file(n_trials=4), tmp_path / "out", jobs=2)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4


def test_bad_input_is_an_error_with_a_reason(file, tmp_path, monkeypatch):
    path = file()
    text = path.read_text()
    for old, new, words in [
        ("gamma =", "gama =", "did you mean `gamma`"),
        ("0.99 }", "1.5 }", "`gamma` = 1.5"),
        ('"final"', '"best"', "unknown variant `best`, expected `final` or `auc`"),
    ]:
        path.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=words):
            pmoe.sweep(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path.write_text(text.replace("n_trials = 3", "n_trials = 1"))
    pmoe.sweep(path, tmp_path / "out")
    path.write_text(text.replace("steps = 400", "steps = 500"))
    with pytest.raises(ValueError, match="a search with another file: `steps` is 400 there, but 500 here"):
        pmoe.sweep(path, tmp_path / "out")
    with pmoe._pmoe.Lock(tmp_path / "out"), pytest.raises(RuntimeError, match="in use by process"):
        pmoe.sweep(path, tmp_path / "out")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(pmoe.MissingClient, match=r"Optuna is not installed.*pip install 'pmoe\[sweep\]'"):
        pmoe.sweep(path, tmp_path / "out")


def test_a_search_in_which_everything_fails_says_why(file, tmp_path):
    out = tmp_path / "out"
    for number in range(3):
        # Somebody else's folder is where the run should be.
        (out / f"trial_{number:04}" / "seed_1" / "checkpoint").mkdir(parents=True)
    with pytest.raises(pmoe.NoResult, match="the first 3 trials failed, .*not a run folder"):
        pmoe.sweep(file(n_trials=5), out)
