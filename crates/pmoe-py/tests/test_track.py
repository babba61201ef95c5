"""Trackers: what their own readers find is what the run reported."""

import json
import os
import signal
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import pmoe

STEPS = 600
TRAIN = ["train", "--task", "TargetReaching-v0", "--method", "pmoe-sac", "--seed", "3", "--progress", "json"]
SMALL = ["hidden=[16,16]", "batch_size=8", "random_steps=100", "learning_starts=100"]
SMALL += ["schedule.eval_every=200", "schedule.eval_episodes=2", "schedule.log_every=100", "schedule.checkpoint_every=150"]


def train(out, *more, steps=STEPS):
    """The command line of a run that takes a second."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return [sys.executable, "-m", "pmoe", *TRAIN, "--steps", str(steps), "--out", str(out), *settings, *more]


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "pmoe", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, which no test changes."""
    out = tmp_path_factory.mktemp("trained") / "run"
    subprocess.run(train(out), check=True, capture_output=True)
    return out


@pytest.fixture
def run(trained, tmp_path):
    """A finished run of this test alone."""
    return copy(trained, tmp_path / "run")


def copy(run, to, lines=None):
    """A copy of a run; with so many lines of events, as it was when it was under way."""
    to.mkdir(parents=True)
    for name in ["config.toml", "manifest.json", "events.jsonl"]:
        (to / name).write_bytes((run / name).read_bytes())
    if lines is not None:
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["status"], manifest["events_blake3"] = {"state": "interrupted"}, None
        (to / "manifest.json").write_text(json.dumps(manifest))
        events = (run / "events.jsonl").read_text().splitlines(keepends=True)
        (to / "events.jsonl").write_text("".join(events[:lines]))
    return to


def finish(part, whole):
    """Lets a run that was under way come to its end."""
    for name in ["manifest.json", "events.jsonl"]:
        (part / name).write_bytes((whole / name).read_bytes())


def events(run):
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def expected(run):
    """Steps and values of each number, by the names in trackers."""
    found = {}
    for event in events(run):
        step = event["env_step"]
        if event["event"] == "episode":
            numbers = {"episode/return": event["episode_return"], "episode/length": event["episode_length"]}
            if "success" in event:
                numbers["episode/success"] = float(event["success"])
        elif event["event"] == "update":
            numbers = {f"train/{name}": value for name, value in event["metrics"].items()}
            numbers["train/grad_step"] = event["grad_step"]
        else:
            returns, lengths = event["returns"], event["lengths"]
            mean = sum(returns) / len(returns)
            deviation = (sum((value - mean) ** 2 for value in returns) / (len(returns) - 1)) ** 0.5
            numbers = {"eval/return": mean, "eval/return_std": deviation, "eval/length": sum(lengths) / len(lengths)}
            if "successes" in event:
                numbers["eval/success"] = sum(event["successes"]) / len(event["successes"])
        for name, value in numbers.items():
            found.setdefault(name, []).append((step, pytest.approx(value, rel=1e-6, abs=1e-12)))
    return found


# TensorBoard


def accumulator(run):
    from tensorboard.backend.event_processing import event_accumulator

    everything = {"scalars": 0, "images": 0, "tensors": 0}
    found = event_accumulator.EventAccumulator(str(run / "tensorboard"), size_guidance=everything)
    return found.Reload()


def scalars(found):
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_reads_every_number_the_config_and_the_mixture(run):
    assert pmoe.track(run) == len(events(run))
    found = accumulator(run)
    assert scalars(found) == expected(run)
    [text] = found.Tensors("run/config")
    assert (run / "config.toml").read_text() in text.tensor_proto.string_val[0].decode()
    pictures = found.Images("train/primitives")
    assert [picture.step for picture in pictures] == [step for step, _ in expected(run)["train/alpha"]]
    assert pictures[0].encoded_image_string.startswith(b"\x89PNG") and pictures[0].width > 0
    started = json.loads((run / "manifest.json").read_text())["attempts"][0]["started"]
    assert found.Scalars("eval/return")[0].wall_time > 1.7e9, started


def test_a_tensorboard_that_is_open_follows_a_run_that_is_killed(trained, tmp_path):
    run = tmp_path / "run"
    command = train(run, "--track", "tensorboard")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if json.loads(line)["env_step"] >= 400:
            break
    found = accumulator(run)
    process.kill()
    process.wait()
    found.Reload()
    subprocess.run(command, check=True, capture_output=True)
    assert (run / "events.jsonl").read_bytes() == (trained / "events.jsonl").read_bytes()
    # The one that was open all the time, and another.
    assert scalars(found.Reload()) == expected(run)
    assert scalars(accumulator(run)) == expected(run)
    assert pmoe.track(run) == 0


def test_a_run_that_is_another_replaces_what_tensorboard_shows(trained, tmp_path):
    run = copy(trained, tmp_path / "run")
    pmoe.track(run)
    found = accumulator(run)
    other = events(run)[: len(events(run)) // 2]
    for event in other:
        if event["event"] == "eval":
            event["returns"] = [value + 1 for value in event["returns"]]
    (run / "events.jsonl").write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in other))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["status"], manifest["events_blake3"] = {"state": "interrupted"}, None
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert pmoe.track(run) == len(other)
    assert scalars(found.Reload()) == expected(run) == scalars(accumulator(run))


# The clients: how to set them up for a test, and what they have of a run.


def wandb_records(folder):
    """The records of W&B's files, which are logs of LevelDB with a header: blocks of 32 KiB, parts of records in them."""
    from wandb.proto.wandb_internal_pb2 import Record

    for file in sorted(Path(folder).rglob("run-*.wandb")):
        data, at, whole = file.read_bytes(), 7, b""
        assert data.startswith(b":W&B"), file
        while at + 7 <= len(data):
            left = 32768 - at % 32768
            if left < 7:
                at += left
                continue
            _, size, kind = struct.unpack("<IHB", data[at : at + 7])
            whole += data[at + 7 : at + 7 + size]
            at += 7 + size
            # Whole, or the last part.
            if kind in (1, 4):
                yield Record.FromString(whole)
                whole = b""


def wandb_points(folder):
    found, steps = {}, []
    for record in wandb_records(folder):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            values = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
            steps.append(record.history.step.num)
            for name, value in values.items():
                if "/" in name:
                    found.setdefault(name, []).append((values["env_step"], value))
    # One step for each event, and each event once.
    assert steps == list(range(len(steps)))
    return found


def mlflow_points(project):
    import mlflow

    client = mlflow.MlflowClient()
    [experiment] = [one for one in client.search_experiments() if one.name == project]
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["method"] == "pmoe-sac" and run.data.params["schedule.eval_every"] == "200"
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics if "/" in name}
    return {name: [(point.step, point.value) for point in points] for name, points in histories.items()}, run


def trackio_points(folder, project):
    found = {}
    with sqlite3.connect(Path(folder) / f"{project}.db") as database:
        for step, metrics in database.execute("SELECT step, metrics FROM metrics ORDER BY id"):
            for name, value in json.loads(metrics).items():
                if "/" in name:
                    found.setdefault(name, []).append((step, value))
    return found


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    library = pytest.importorskip("wandb")
    for name, value in [("MODE", "offline"), ("DIR", str(tmp_path)), ("SILENT", "true")]:
        monkeypatch.setenv(f"WANDB_{name}", value)

    def points():
        # Its service may be about to write the last records.
        library.teardown()
        return wandb_points(tmp_path)

    return "wandb", points


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    library = pytest.importorskip("mlflow")
    library.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    return "mlflow", lambda: mlflow_points("robots")[0]


@pytest.fixture
def trackio(tmp_path, monkeypatch):
    pytest.importorskip("trackio")
    from trackio import sqlite_storage

    monkeypatch.setattr(sqlite_storage, "TRACKIO_DIR", tmp_path / "trackio")
    return "trackio", lambda: trackio_points(tmp_path / "trackio", "robots")


@pytest.fixture(params=["wandb", "mlflow", "trackio"])
def tracker(request):
    return request.getfixturevalue(request.param)


def test_every_number_is_there_once_and_later_ones_are_added(tracker, trained, tmp_path):
    to, points = tracker
    all_events = events(trained)
    run = copy(trained, tmp_path / "run", lines=7)
    assert pmoe.track(run, to=to, project="robots") == 7
    assert pmoe.track(run, to=to, project="robots") == 0
    assert points() == expected(run)
    # Cut, as after a kill, and not that far again.
    cut = copy(trained, tmp_path / "cut", lines=4)
    finish(run, cut)
    assert pmoe.track(run, to=to, project="robots") == 0
    finish(run, trained)
    assert pmoe.track(run, to=to, project="robots") == len(all_events) - 7
    assert points() == expected(run)


def test_what_was_sent_before_a_kill_is_not_sent_again(tracker, trained, tmp_path):
    to, points = tracker
    if to == "wandb":
        pytest.skip("offline, W&B does not know what it has")
    run = copy(trained, tmp_path / "run", lines=7)
    pmoe.track(run, to=to, project="robots")
    state = run / "tracking" / to / "state.json"
    before = state.read_bytes()
    finish(run, trained)
    pmoe.track(run, to=to, project="robots")
    # As if it had been killed before this was written.
    state.write_bytes(before)
    assert pmoe.track(run, to=to, project="robots") == 0
    assert points() == expected(run)


def test_a_run_that_a_tracker_has_lost_is_sent_again(mlflow, trained, tmp_path):
    import mlflow as library

    run = copy(trained, tmp_path / "run", lines=7)
    pmoe.track(run, to="mlflow", project="robots")
    client = library.MlflowClient()
    client.delete_run(mlflow_points("robots")[1].info.run_id)
    finish(run, trained)
    assert pmoe.track(run, to="mlflow", project="robots") == len(events(run))
    found, again = mlflow_points("robots")
    assert found == expected(run) and again.info.status == "FINISHED"


def test_the_command_follows_runs_until_they_end(mlflow, trained, tmp_path, monkeypatch):
    import mlflow as library

    run = tmp_path / "runs" / "run"
    process = subprocess.Popen(train(run, steps=1500), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process.stdout.readline()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", library.get_tracking_uri())
    follow = ["--follow", "--interval", "0.5", "--project", "robots"]
    done = command("track", tmp_path / "runs", "--to", "mlflow", *follow)
    assert done.returncode == 0, done.stderr
    process.communicate()
    assert mlflow_points("robots")[0] == expected(run)
    assert f"{len(events(run))} events added" in done.stderr


def test_following_stops_at_ctrl_c(run, tmp_path):
    command = [sys.executable, "-m", "pmoe", "track", str(run), "--to", "trackio", "--follow"]
    env = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio")}
    # It is under way, as far as its lock says.
    with pmoe._pmoe.Lock(run):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=env)
        while not (run / "tracking" / "trackio" / "state.json").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        assert process.returncode == 130, said
    assert trackio_points(tmp_path / "trackio", "pmoe") == expected(run)


def test_bad_input_is_an_error_with_a_reason(tmp_path, run, monkeypatch):
    with pytest.raises(ValueError, match="to is 'excel', but must be one of tensorboard, wandb, mlflow, trackio"):
        pmoe.track(run, to="excel")
    with pytest.raises(ValueError, match="has no runs"):
        pmoe.track(tmp_path / "nowhere", to="trackio")
    held = pmoe._pmoe.Feed(run, "trackio", "pmoe")
    with pytest.raises(RuntimeError, match="in use by process"):
        pmoe.track(run, to="trackio")
    held.close()
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(pmoe.MissingClient, match=r"trackio is not installed.*pip install 'pmoe\[trackio\]'"):
        pmoe.track(run, to="trackio")
    assert not (run / "tracking" / "trackio" / "state.json").exists()
