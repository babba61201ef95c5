"""Many environments at once: the contract of Gymnasium's vector environments."""

import os
import signal

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import pmoe

MODES = list(AutoresetMode)


def sync(task, num_envs, mode):
    return SyncVectorEnv([lambda: gymnasium.make(f"pmoe/{task}")] * num_envs, autoreset_mode=mode)


def advance(envs, actions, mode):
    """Steps, and resets what ended if nobody else does."""
    obs, rewards, terminations, truncations, infos = envs.step(actions)
    ended = terminations | truncations
    if mode is AutoresetMode.DISABLED and ended.any():
        obs, _ = envs.reset(options={"reset_mask": ended})
    return obs, rewards, terminations, truncations, infos


def same_infos(found, expected):
    """Compares all but the robots' coordinates and terms of the reward, which one environment alone gives."""
    ours = {"is_success", "_is_success", "final_obs", "_final_obs"}
    ours |= {"final_info", "_final_info"} if "is_success" in expected.get("final_info", {}) else set()
    assert found.keys() == expected.keys() & ours
    for name, now in found.items():
        if name == "final_info":
            same_infos(now, expected[name])
        elif name == "final_obs":
            for ours_now, theirs_now in zip(now, expected[name]):
                np.testing.assert_array_equal(ours_now, theirs_now)
        else:
            np.testing.assert_array_equal(now, expected[name])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("task", ["Hopper-v5", "TargetReaching-v0"])
def test_steps_are_those_of_a_sync_vector_env(task, mode):
    ours, theirs = pmoe.make_vec(task, 3, 2, mode), sync(task, 3, mode)
    assert ours.metadata["autoreset_mode"] is mode
    for space in ["observation_space", "action_space", "single_observation_space", "single_action_space"]:
        assert getattr(ours, space) == getattr(theirs, space)
    found, expected = ours.reset(seed=3)[0], theirs.reset(seed=3)[0]
    np.testing.assert_array_equal(found, expected)
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(300):
        actions = rng.uniform(-1, 1, ours.action_space.shape) * ours.single_action_space.high
        found, expected = advance(ours, actions, mode), advance(theirs, actions, mode)
        for ours_now, theirs_now in zip(found[:4], expected[:4]):
            np.testing.assert_array_equal(ours_now, theirs_now)
        same_infos(found[4], expected[4])
        ends += int((found[2] | found[3]).sum())
    assert ends > 3
    ours.close()


def test_threads_change_nothing():
    def play(threads):
        envs = pmoe.make_vec("Hopper-v5", 5, threads)
        envs.reset(seed=0)
        rng = np.random.default_rng(1)
        return np.stack([envs.step(rng.uniform(-1, 1, (5, 3)))[0] for _ in range(100)])

    expected = play(1)
    for threads in [2, 3, 8]:
        np.testing.assert_array_equal(play(threads), expected)


def test_arrays_are_kept_or_overwritten_as_asked():
    for copy in [True, False]:
        envs = pmoe.make_vec("HalfCheetah-v5", 2, 1, copy=copy)
        envs.reset(seed=0)
        first = envs.step(np.zeros((2, 6)))[0]
        kept = first.copy()
        second = envs.step(np.ones((2, 6)))[0]
        assert (first is second) != copy
        assert np.array_equal(first, kept) == copy


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda envs: envs.step(np.zeros((2, 2))), r"actions have the shape \(2, 2\)"),
        (lambda envs: envs.reset(seed=[1]), "1 seeds, but 2 environments"),
        (lambda envs: envs.reset(options={"reset_mask": np.zeros(2, bool)}), "one of them True"),
        (lambda envs: envs.step(np.array([[0, 0, 0], [0, np.nan, 0]])), r"environment 1: action\[1\] of Hopper-v5 is NaN"),
    ],
)
def test_bad_input_is_an_error_with_a_reason(call, message):
    envs, untouched = (pmoe.make_vec("Hopper-v5", 2, 2) for _ in range(2))
    for of in [envs, untouched]:
        of.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        call(envs)
    # No copy has stepped.
    np.testing.assert_array_equal(envs.step(np.zeros((2, 3)))[0], untouched.step(np.zeros((2, 3)))[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_steps_them_on_its_own_thread():
    envs = pmoe.make_vec("Hopper-v5", 4, 3)
    envs.reset(seed=0)
    actions = np.full((4, 3), 0.5)
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        signal.alarm(60)
        os.write(writes, envs.step(actions)[0].tobytes())
        del envs
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    there = np.frombuffer(os.read(reads, 10_000)).reshape(4, 11)
    np.testing.assert_array_equal(envs.step(actions)[0], there)


def test_there_is_at_least_one_copy_and_one_thread():
    for arguments, name in [((0, 1), "num_envs"), ((1, 0), "num_threads")]:
        with pytest.raises(ValueError, match=f"{name} is 0, but must be at least 1"):
            pmoe.make_vec("Hopper-v5", *arguments)


def test_gymnasium_makes_the_same_environments():
    theirs = gymnasium.make_vec("pmoe/Hopper-v5", num_envs=2, vectorization_mode="vector_entry_point")
    assert isinstance(theirs.unwrapped, pmoe.VecEnv) and theirs.num_envs == 2
    np.testing.assert_array_equal(theirs.reset(seed=0)[0], pmoe.make_vec("Hopper-v5", 2).reset(seed=0)[0])
    shorter = {"vectorization_mode": "vector_entry_point", "max_episode_steps": 3}
    envs = gymnasium.make_vec("pmoe/HalfCheetah-v5", num_envs=2, **shorter)
    envs.reset(seed=0)
    truncations = [envs.step(np.zeros((2, 6)))[3].tolist() for _ in range(3)]
    assert truncations == [[False] * 2] * 2 + [[True] * 2]


def test_a_step_after_the_end_is_refused_if_nobody_resets():
    envs = pmoe.make_vec("Hopper-v5", 1, 1, AutoresetMode.DISABLED)
    envs.reset(seed=0)
    while True:
        _, _, terminations, truncations, _ = envs.step(np.ones((1, 3)))
        if terminations[0] or truncations[0]:
            break
    with pytest.raises(ValueError, match="reset_mask"):
        envs.step(np.ones((1, 3)))


def test_stable_baselines_takes_them():
    """It learns the same from ours as from Gymnasium's class around our environments."""
    sb3 = pytest.importorskip("stable_baselines3")

    def learnt(envs):
        envs = sb3.common.vec_env.VecMonitor(pmoe.to_sb3(envs))
        agent = sb3.PPO("MlpPolicy", envs, n_steps=300, batch_size=64, n_epochs=1, seed=3, device="cpu")
        agent.learn(2 * 4 * 300)
        returns = [episode["r"] for episode in agent.ep_info_buffer]
        return agent.policy.state_dict(), returns

    mode = gymnasium.vector.AutoresetMode.SAME_STEP
    make = lambda: gymnasium.make("pmoe/Hopper-v5")  # noqa: E731
    theirs, their_returns = learnt(gymnasium.vector.SyncVectorEnv([make] * 4, autoreset_mode=mode))
    ours, our_returns = learnt(pmoe.make_vec("Hopper-v5", 4, 2, autoreset_mode=mode))
    assert len(our_returns) > 4 and our_returns == their_returns
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_stable_baselines_needs_its_autoreset_mode():
    with pytest.raises(ValueError, match="must in AutoresetMode.SAME_STEP"):
        pmoe.to_sb3(pmoe.make_vec("Hopper-v5", 2))
