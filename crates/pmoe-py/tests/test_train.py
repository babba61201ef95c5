"""Training from Python: on our tasks, on Gymnasium's and on those of users."""

import json
import os
import signal
import sys
import textwrap

import gymnasium
import numpy as np
import pytest
from conftest import pmoe_command
from gymnasium.spaces import Box, Dict, Discrete

import pmoe
from pmoe import _gym

#: Learns early and briefly.
BRIEF = {"learning_starts": 100, "batch_size": 16, "schedule.eval_every": 500, "schedule.eval_episodes": 1}

#: The same for the methods with rollouts.
ROLLOUTS = {"rollout_steps": 256, "minibatch_size": 64, "schedule.eval_every": 256, "schedule.eval_episodes": 1}


class Point(gymnasium.Env):
    """A point on a line, pushed to the origin, for 20 steps."""

    observation_space = Box(-np.inf, np.inf, (2,))
    action_space = Box(-2, 2, (1,))

    def __init__(self, goal=0.0):
        self.goal = goal

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position, self.steps = self.np_random.uniform(-1, 1), 0
        return self.observe(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.position += 0.1 * float(action[0])
        self.steps += 1
        return self.observe(), -abs(self.position - self.goal), False, self.steps == 20, {}

    def observe(self):
        return np.array([self.position, self.goal], np.float32)


class Faulty(Point):
    """Fails after some steps of all its lives."""

    lived = 0

    def __init__(self, fault, after=150):
        super().__init__()
        self.fault, self.after = fault, after

    def step(self, action):
        obs, reward, *rest = super().step(action)
        Faulty.lived += 1
        if Faulty.lived > self.after:
            if self.fault == "raise":
                raise ZeroDivisionError("the robot fell over")
            obs = {"nan": obs * np.nan, "shape": obs[:1], "space": np.zeros(3)}.get(self.fault, obs)
            reward = np.nan if self.fault == "reward" else reward
        return obs, reward, *rest


def events(folder):
    """The events of a run."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def manifest(folder):
    """The manifest of a run."""
    return json.loads((folder / "manifest.json").read_text())


def test_a_run_is_that_of_the_command(tmp_path):
    settings = ["--set", "learning_starts=100", "--set", "batch_size=16"]
    settings += ["--set", "schedule.eval_every=500", "--set", "schedule.eval_episodes=1"]
    arguments = ["--method", "sac", "--task", "TargetReaching-v0", "--seed", 3, "--steps", 1000]
    done = pmoe_command("train", *arguments, *settings, "--out", tmp_path / "command")
    assert done.returncode == 0, done.stderr
    heard = []
    run = pmoe.train(
        "sac", "TargetReaching-v0", seed=3, steps=1000, out=tmp_path / "python", overrides=BRIEF, callback=heard.append
    )
    assert run.status == "done" and run.total_steps == 1000
    written = (run.folder / "events.jsonl").read_bytes()
    assert written == (tmp_path / "command/events.jsonl").read_bytes()
    assert heard == events(run.folder)
    # A command that does the same is written down.
    assert manifest(run.folder)["provenance"]["command"].startswith("pmoe train --method sac --task TargetReaching-v0")
    # A finished run is left alone.
    assert pmoe.train("sac", "TargetReaching-v0", seed=3, steps=1000, out=run.folder, overrides=BRIEF).status == "done"
    assert written == (run.folder / "events.jsonl").read_bytes()


@pytest.mark.parametrize("method", ["pmoe-sac", "td3", "ppo", "pmoe-ppo", "dac"])
def test_every_family_trains_on_a_gymnasium_environment(method, tmp_path):
    settings = BRIEF if method in ["pmoe-sac", "td3"] else ROLLOUTS
    runs = [pmoe.train(method, Point, steps=1024, out=tmp_path / name, overrides=settings) for name in "ab"]
    assert [run.task for run in runs] == [f"gym:{__name__}:Point"] * 2
    # All randomness comes from the seed.
    assert events(runs[0].folder) == events(runs[1].folder)
    policy = pmoe.load(runs[0].folder)
    action, _ = policy.predict(np.zeros(2), deterministic=True)
    assert Point.action_space.contains(action)


@pytest.mark.parametrize("method", ["sac", "ppo", "dac"])
def test_a_resumed_run_begins_a_new_episode(method, tmp_path):
    settings = BRIEF if method == "sac" else ROLLOUTS
    heard = []

    def stop_at_first_episode(event):
        heard.append(event)
        return event["event"] != "episode"

    def train(**arguments):
        return pmoe.train(method, Point, steps=1024, out=tmp_path / "run", overrides=settings, **arguments)

    assert train(callback=stop_at_first_episode).status == "interrupted"
    assert heard[-1]["env_step"] == 20
    assert manifest(tmp_path / "run")["status"] == {"state": "interrupted"}
    assert train().status == "done"
    first, second = manifest(tmp_path / "run")["attempts"]
    assert "cut_episodes" not in first and second["cut_episodes"]
    assert (first["to_step"], second["from_step"]) == (20, 20)
    ended = [event for event in events(tmp_path / "run") if event["event"] == "episode"]
    assert all(event["episode_length"] == 20 for event in ended)
    assert [event["episode"] for event in ended] == list(range(1, len(ended) + 1))


def test_an_episode_that_is_cut_is_not_counted(tmp_path):
    asked = []

    def stop_in_an_episode(event):
        # At step 500, the evaluation's; episodes of 20 steps end at 500, too, so one of 30 is used.
        asked.append(event)
        return not (event["event"] == "eval" and event["env_step"] == 500)

    class Longer(Point):
        def step(self, action):
            obs, reward, terminated, _, info = super().step(action)
            return obs, reward, terminated, self.steps == 30, info

    def train(**arguments):
        return pmoe.train("sac", Longer, steps=1000, out=tmp_path / "run", overrides=BRIEF, **arguments)

    assert train(callback=stop_in_an_episode).status == "interrupted"
    assert train().status == "done"
    ended = [event["env_step"] for event in events(tmp_path / "run") if event["event"] == "episode"]
    assert 480 in ended and 510 not in ended and 530 in ended


def test_an_exception_of_the_callback_comes_out(tmp_path):
    def fail(event):
        if event["env_step"] == 500:
            raise LookupError("no such key")

    def train(callback=None):
        return pmoe.train("sac", Point, steps=1000, out=tmp_path / "run", overrides=BRIEF, callback=callback)

    with pytest.raises(LookupError, match="no such key"):
        train(fail)
    # With a checkpoint.
    assert manifest(tmp_path / "run")["status"] == {"state": "interrupted"}
    assert train().status == "done"


def test_an_interrupt_writes_a_checkpoint(tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def press(event):
        if event["env_step"] == 500:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pmoe.train("sac", Point, steps=100_000, out=tmp_path / "run", overrides=BRIEF, callback=press)
    assert manifest(tmp_path / "run")["status"] == {"state": "interrupted"}
    assert manifest(tmp_path / "run")["env_step"] >= 500
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise", "ZeroDivisionError: the robot fell over"),
        ("nan", "the observation is not finite: [nan nan]"),
        ("reward", "the reward is nan"),
        ("shape", "the observation has the shape (1,), but its space says (2,)"),
        ("space", "the observation has the shape (3,), but its space says (2,)"),
    ],
)
def test_a_fault_of_the_environment_fails_the_run(fault, said, tmp_path):
    settings = BRIEF | {"schedule.checkpoint_every": 100, "schedule.eval_every": 100_000}

    def make(fault=fault):
        return Faulty(fault)

    def train():
        return pmoe.train("sac", make, steps=400, out=tmp_path / "run", overrides=settings)

    Faulty.lived = 0
    with pytest.raises(RuntimeError) as raised:
        train()
    assert said in str(raised.value)
    status = manifest(tmp_path / "run")["status"]
    assert status["state"] == "failed" and not status["diverged"]
    assert said in status["reason"] and "Traceback (most recent call last)" in status["reason"]
    if fault == "raise":
        assert 'raise ZeroDivisionError("the robot fell over")' in status["reason"]
    # The checkpoint before it stands: with the fault mended, the run goes on from there.
    Faulty.lived = -10_000
    assert train().status == "done"
    assert manifest(tmp_path / "run")["attempts"][-1]["from_step"] == 100


class Bounded(Point):
    """With another space of observations or actions."""

    def __init__(self, observations=Point.observation_space, actions=Point.action_space):
        super().__init__()
        self.observation_space, self.action_space = observations, actions


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Bounded(actions=Discrete(3)), "Discrete(3), but policies have continuous ones, a Box"),
        (lambda: Bounded(actions=Box(0, 3, (1,), np.int64)), "of int64, but policies have continuous ones"),
        (lambda: Bounded(actions=Box(-np.inf, 1, (1,))), "have no bounds: wrap it with gymnasium.wrappers.TransformAction"),
        (lambda: Bounded(gymnasium.spaces.Sequence(Discrete(2))), "can't be made a flat array of numbers"),
        (lambda: gymnasium.make("NoSuchTask-v0"), "NoSuchTask"),
        (lambda: 3, "it made int, not a gymnasium.Env"),
        (lambda: Bounded(actions=Box(0, 1, (0,))), "neither may be empty"),
        (lambda: Bounded(Box(0, 1, (2, 0))), "neither may be empty"),
        (lambda one=Point(): one, "it made the same environment twice"),
        (lambda one=Point(): gymnasium.wrappers.TimeLimit(one, 5), "it made the same environment twice"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(made, said, tmp_path):
    with pytest.raises(ValueError, match="cannot use gym:") as raised:
        pmoe.train("sac", made, steps=1000, out=tmp_path / "run")
    assert said in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_function_without_a_name_of_its_own_needs_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="has no name of its own: give the run folder with `out`"):
        pmoe.train("sac", lambda: Point(goal=3.0), steps=200, overrides=BRIEF)
    assert not list(tmp_path.iterdir())


def test_an_episode_without_an_end_is_named(tmp_path, monkeypatch):
    class Endless(Point):
        def step(self, action):
            obs, reward, terminated, _, info = super().step(action)
            return obs, reward, terminated, False, info

    monkeypatch.setattr(_gym, "LONG", 50)
    monkeypatch.setattr(_gym, "ENDLESS", 100)
    with pytest.warns(UserWarning, match="50 steps"), pytest.raises(RuntimeError, match="TimeLimit"):
        pmoe.train("sac", Endless, steps=200, out=tmp_path / "run", overrides=BRIEF)


class Tagged(Point):
    """Takes a text."""

    def __init__(self, tag):
        assert isinstance(tag, str), tag
        super().__init__()


@pytest.mark.parametrize("tag", ["5", "true", "10k", '"', "[1]", "näher\n"])
def test_a_text_for_an_environment_stays_a_text(tag, tmp_path):
    settings = BRIEF | {"env.gym.kwargs.tag": tag}
    run = pmoe.train("sac", Tagged, steps=100, out=tmp_path / "run", overrides=settings)
    assert pmoe.load(run.folder).config["env"]["gym"]["kwargs"] == {"tag": tag}


def test_dictionaries_and_pictures_are_flattened(tmp_path):
    class Nested(Point):
        observation_space = Dict({"position": Box(-9, 9, (1,)), "grid": Box(0, 255, (2, 2), np.uint8), "side": Discrete(2)})

        def observe(self):
            return {"position": np.array([self.position], np.float32), "grid": np.ones((2, 2), np.uint8), "side": 1}

    run = pmoe.train("sac", Nested, steps=200, out=tmp_path / "run", overrides=BRIEF)
    assert pmoe.load(run.folder).predict(np.zeros(7))[0].shape == (1,)


def test_arguments_belong_to_the_run(tmp_path):
    env = gymnasium.make("Pendulum-v1", g=5.0, max_episode_steps=50)
    run = pmoe.train("sac", env, steps=200, out=tmp_path / "run", overrides=BRIEF)
    assert run.task == "gym:Pendulum-v1"
    assert pmoe.load(run.folder).config["env"] == {"gym": {"kwargs": {"g": 5.0, "max_episode_steps": 50}}}
    assert events(run.folder)[1]["episode_length"] == 50
    with pytest.raises(ValueError, match="env.gym.kwargs"):
        pmoe.train("sac", "gym:Pendulum-v1", steps=200, out=tmp_path / "run", overrides=BRIEF)
    with pytest.raises(ValueError, match="has wrappers, so that it can't be made again"):
        pmoe.train("sac", gymnasium.wrappers.ClipAction(env), steps=200, out=tmp_path / "other")
    with pytest.raises(ValueError, match="was not made by gymnasium.make"):
        pmoe.train("sac", Point(), steps=200, out=tmp_path / "other")
    with pytest.raises(ValueError, match="unexpected keyword argument 'h'"):
        pmoe.train("sac", Point, steps=1000, out=tmp_path / "other", overrides={"env.gym.kwargs.h": 1})


def test_invalid_arguments_are_explained(tmp_path):
    for arguments, said in [
        ({"method": "sca"}, "did you mean `sac`"),
        ({"env": "Pendulum-v1"}, "gym:ID for a task of Gymnasium"),
        ({"steps": 0}, "'--steps"),
        ({"overrides": {"batch_syze": 3}}, "batch_syze"),
        ({"overrides": {"batch_size": [1]}}, "batch_size"),
        ({"device": "tpu"}, "possible values"),
    ]:
        with pytest.raises(ValueError) as raised:
            pmoe.train(**({"method": "sac", "out": tmp_path / "run"} | arguments))
        assert said in str(raised.value), arguments
        assert not (tmp_path / "run").exists()


def test_the_command_trains_on_gymnasium_environments(tmp_path):
    (tmp_path / "mine.py").write_text(
        textwrap.dedent("""
            import gymnasium

            def pendulum(g=10.0):
                return gymnasium.make("Pendulum-v1", g=g)
        """)
    )
    settings = ["--method", "sac", "--steps", 300, "--set", "learning_starts=100", "--set", "batch_size=16"]
    for task in ["gym:Pendulum-v1", "gym:mine:pendulum"]:
        done = pmoe_command("train", "--task", task, *settings, "--out", task.replace(":", "-"), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        done = pmoe_command("evaluate", task.replace(":", "-"), "--episodes", 2, cwd=tmp_path)
        assert done.returncode == 0 and "2 episodes" in done.stdout + done.stderr, done.stderr
    done = pmoe_command("render", "gym-mine-pendulum", "--output", "clip.gif", cwd=tmp_path)
    assert done.returncode == 2 and "draws itself, in Python" in done.stderr
    done = pmoe_command("train", "--task", "gym:absent:pendulum", *settings, cwd=tmp_path)
    assert done.returncode == 2 and "No module named 'absent'" in done.stderr


def test_memory_stays_flat(tmp_path):
    resource = pytest.importorskip("resource")

    def peak():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    env = gymnasium.make("pmoe/Hopper-v5", disable_env_checker=True)
    action = np.zeros(3)

    def play(resets):
        for _ in range(resets):
            env.reset()
            for _ in range(100):
                env.step(action)

    play(50)
    before = peak()
    play(1000)
    assert peak() - before < 4e6, "100 000 steps and 1000 resets"

    settings = {"schedule.eval_every": 50_000, "schedule.eval_episodes": 1, "schedule.log_every": 50_000}
    reached = {}

    def note(event):
        reached[event["env_step"]] = peak()

    pmoe.train("ppo", Point, steps=100_000, out=tmp_path / "run", overrides=settings, callback=note, progress="none")
    assert max(reached) == 100_000
    assert reached[100_000] - reached[20_000] < 4e6, "80 000 steps and 4000 resets of training"
