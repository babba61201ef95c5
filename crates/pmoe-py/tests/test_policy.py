"""Policies: what the command trained, in Python."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from conftest import COMMAND, pmoe_command

import pmoe

METHODS = ["sac", "pmoe-sac", "gating-sac", "mcp-sac", "td3", "ppo", "pmoe-ppo", "dac"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Run folders by method, each trained for a moment."""
    folder = tmp_path_factory.mktemp("runs")
    for method in METHODS:
        smaller = [] if method in ["ppo", "pmoe-ppo", "dac"] else ["--set", "learning_starts=200"]
        train = ["train", "--method", method, "--task", "Hopper-v5", "--steps", "2048", "--out", folder / method]
        done = pmoe_command(*train, *smaller, "--set", "schedule.eval_every=2048", "--set", "schedule.eval_episodes=1")
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_a_policy_plays(runs, method):
    policy = pmoe.load(runs / method, seed=0)
    assert (policy.method, policy.task, policy.env_step) == (method, "Hopper-v5", 2048)
    assert policy.config["schedule"]["total_steps"] == 2048
    env = gymnasium.make("pmoe/Hopper-v5")
    obs, _ = env.reset(seed=0)
    state, start, length = None, True, 0
    while True:
        action, state = policy.predict(obs, state, [start], deterministic=True)
        assert action.shape == (3,) and action.dtype == np.float32 and env.action_space.contains(action)
        obs, _, terminated, truncated, _ = env.step(action)
        start, length = False, length + 1
        if terminated or truncated:
            break
    assert length > 1


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_determines_actions_and_rows_do_not_matter(runs, method):
    obs = np.random.default_rng(0).normal(size=(4, 11))
    first, again = (pmoe.load(runs / method, seed=5).predict(obs)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    policy = pmoe.load(runs / method, seed=5)
    assert first.shape == (4, 3) and policy.predict(obs[0])[0].shape == (3,)
    policy.seed(5)
    np.testing.assert_array_equal(policy.predict(obs)[0], first)


@pytest.mark.parametrize("method", METHODS)
def test_actions_with_noise_are_those_of_the_policy(runs, method):
    """Not uniformly random ones, as those of a run's first steps."""
    rows = np.random.default_rng(0).normal(size=(2, 11))
    with_noise = [pmoe.load(runs / method, seed=5).predict(obs)[0] for obs in rows]
    assert not np.array_equal(*with_noise)


def test_observations_that_are_not_numbers_are_the_callers_fault(runs):
    obs = np.zeros((3, 11))
    obs[1, 4] = np.nan
    with pytest.raises(ValueError, match=r"obs\[1, 4\] is NaN, not a finite number"):
        pmoe.load(runs / "sac").predict(obs)


def test_a_state_of_another_policy_is_refused(tmp_path, runs):
    settings = {"num_options": 64, "rollout_steps": 256, "schedule.eval_every": 256, "schedule.eval_episodes": 1}
    more = pmoe.train("dac", "Hopper-v5", steps=256, out=tmp_path / "run", overrides=settings, progress="none")
    obs = np.zeros((32, 11))
    _, state = pmoe.load(more.folder, seed=0).predict(obs)
    with pytest.raises(ValueError, match="state is that of another policy"):
        pmoe.load(runs / "dac").predict(obs, state)


def test_actions_are_in_the_units_of_the_task(tmp_path):
    train = ["train", "--method", "sac", "--task", "Humanoid-v5", "--steps", "300", "--out", tmp_path / "run"]
    done = pmoe_command(*train, "--set", "learning_starts=100", "--set", "schedule.eval_every=300")
    assert done.returncode == 0, done.stderr
    policy = pmoe.load(tmp_path / "run", seed=0)
    actions, _ = policy.predict(np.random.default_rng(0).normal(size=(200, 348)))
    assert np.abs(actions).max() <= 0.4 + 1e-6 and np.abs(actions).max() > 0.2


@pytest.mark.parametrize("method", ["pmoe-sac", "gating-sac", "mcp-sac"])
def test_a_mixture_shows_its_primitives(runs, method):
    policy = pmoe.load(runs / method)
    weights, means, stds, actions = policy.mixture(np.zeros((2, 11)))
    assert weights.shape == (2, 4) and means.shape == stds.shape == actions.shape == (2, 4, 3)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(actions, np.tanh(means), atol=1e-6)
    assert (stds > 0).all()


def test_an_exported_policy_acts_alike(runs, tmp_path):
    file = tmp_path / "policy.safetensors"
    assert pmoe_command("export", runs / "pmoe-sac", "--output", file).returncode == 0
    obs = np.random.default_rng(0).normal(size=(4, 11))
    exported, run = (pmoe.load(path, seed=1).predict(obs)[0] for path in [file, runs / "pmoe-sac"])
    np.testing.assert_array_equal(exported, run)


def test_what_a_policy_lacks_is_said(runs, tmp_path):
    with pytest.raises(ValueError, match=r"mixture\(\) is for mixtures of SAC's family, not for sac"):
        pmoe.load(runs / "sac").mixture(np.zeros(11))
    with pytest.raises(ValueError, match="this policy of ppo has no critics of actions"):
        pmoe.load(runs / "ppo").q(np.zeros(11), np.zeros(3))
    with pytest.raises(ValueError, match=r"shape \[1, 12\], but those of Hopper-v5 are \[B, 11\]"):
        pmoe.load(runs / "sac").predict(np.zeros(12))
    with pytest.raises(ValueError, match="is not a run folder"):
        pmoe.load(tmp_path)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a policy")
    with pytest.raises(ValueError, match="broken.safetensors"):
        pmoe.load(broken)


def test_a_run_has_critics(runs):
    policy = pmoe.load(runs / "sac")
    obs = np.random.default_rng(0).normal(size=(3, 11))
    action, _ = policy.predict(obs, deterministic=True)
    values = policy.q(obs, action)
    assert values.shape == (3,) and np.isfinite(values).all()
    assert not np.array_equal(policy.q(obs, -action), values)
    with pytest.raises(ValueError, match=r"shape \(1, 3\), but must have \(3, 3\)"):
        policy.q(obs, action[0])


def test_the_state_is_that_of_the_observations(runs):
    policy = pmoe.load(runs / "dac")
    _, state = policy.predict(np.zeros((4, 11)))
    with pytest.raises(ValueError, match="state is that of 4 observations, but there are 2"):
        policy.predict(np.zeros((2, 11)), state)
    with pytest.raises(ValueError, match="episode_start is that of 1 observations, but there are 2"):
        policy.predict(np.zeros((2, 11)), episode_start=[True])


def test_ctrl_c_writes_a_checkpoint_from_which_the_same_command_continues(tmp_path):
    train = ["train", "--method", "sac", "--task", "Hopper-v5", "--steps", "3000", "--out", str(tmp_path / "run")]
    train += ["--set", "schedule.eval_every=3000", "--set", "schedule.eval_episodes=1", "--progress", "json"]
    running = subprocess.Popen([COMMAND, *train], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    events = tmp_path / "run" / "events.jsonl"
    while running.poll() is None and not (events.is_file() and '"episode"' in events.read_text()):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130 and "Traceback" not in errors, errors
    assert "checkpoint written at step" in errors
    done = pmoe_command(*train)
    assert done.returncode == 0 and "continuing from step" in done.stderr


def test_the_command_is_the_same_program(tmp_path):
    listed = pmoe_command("list", "tasks", "--json")
    assert listed.returncode == 0 and len(json.loads(listed.stdout)) >= 21
    bad = pmoe_command("train", "--method", "sac", "--task", "Hoper-v5")
    assert bad.returncode == 2 and "unknown task `Hoper-v5`" in bad.stderr
