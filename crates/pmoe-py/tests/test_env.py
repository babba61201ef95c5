"""Environments: Gymnasium's contract, and the bits of Gymnasium's own."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import pmoe

IDS = pmoe.task_ids()
#: Gymnasium has these itself, but not version 2.
SHARED = [task for task in IDS if task.endswith(("-v4", "-v5"))]


def test_all_tasks_are_registered():
    assert len(IDS) == 21
    for task in IDS:
        spec = gymnasium.spec(f"pmoe/{task}")
        assert spec.max_episode_steps > 0


@pytest.mark.parametrize("task", IDS)
def test_the_contract_of_gymnasium_holds(task):
    env = gymnasium.make(f"pmoe/{task}")
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def begin_alike(ours, theirs, seed):
    """Starts an episode of both in the same state, and returns the first observations."""
    theirs.reset(seed=seed)
    physics = theirs.unwrapped
    qpos, qvel = physics.data.qpos.copy(), physics.data.qvel.copy()
    # `set_state` alone would keep the warm start that the reset left.
    draw, physics.reset_model = physics.reset_model, physics._get_obs
    theirs.reset()
    physics.reset_model = draw
    physics.set_state(qpos, qvel)
    return ours.reset(options={"qpos": qpos, "qvel": qvel})[0], physics._get_obs()


@pytest.mark.parametrize("task", SHARED)
def test_steps_have_the_bits_of_gymnasium(task):
    ours = gymnasium.make(f"pmoe/{task}")
    theirs = gymnasium.make(task)
    assert ours.observation_space.shape == theirs.observation_space.shape
    assert ours.observation_space.dtype == theirs.observation_space.dtype
    assert ours.action_space == theirs.action_space
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    assert ours.unwrapped.dt == theirs.unwrapped.dt
    rng = np.random.default_rng(7)
    for seed in range(3):
        np.testing.assert_array_equal(*begin_alike(ours, theirs, seed))
        for _ in range(200):
            action = rng.uniform(-1, 1, ours.action_space.shape) * ours.action_space.high
            expected = theirs.step(action)
            found = ours.step(action)
            np.testing.assert_array_equal(found[0], expected[0])
            assert found[1:4] == expected[1:4]
            if found[2] or found[3]:
                break
    ours.close()
    theirs.close()


def test_only_rewards_differ_with_actions_in_single_precision():
    ours, theirs = gymnasium.make("pmoe/Ant-v5"), gymnasium.make("Ant-v5")
    begin_alike(ours, theirs, 0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.uniform(-1, 1, 8).astype(np.float32)
        found, expected = ours.step(action), theirs.step(action)
        np.testing.assert_array_equal(found[0], expected[0])
        assert found[1] == pytest.approx(expected[1], rel=1e-5)


def test_a_seed_determines_the_episode():
    def play(seed):
        env = gymnasium.make("pmoe/Hopper-v5")
        obs, _ = env.reset(seed=seed)
        return np.concatenate([obs, *(env.step(np.full(3, 0.5))[0] for _ in range(5))])

    np.testing.assert_array_equal(play(1), play(1))
    assert not np.array_equal(play(1), play(2))
    assert not np.array_equal(play(None), play(None))


def test_the_time_limit_truncates():
    env = gymnasium.make("pmoe/HalfCheetah-v5")
    env.reset(seed=0)
    for step in range(1, 1001):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        assert not terminated and truncated == (step == 1000)


def test_the_terms_add_up_to_the_reward():
    env = gymnasium.make("pmoe/Ant-v5")
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.full(8, 0.1))
    terms = [value for name, value in info.items() if name.startswith("reward_")]
    assert len(terms) == 4 and sum(terms) == pytest.approx(reward)


def test_target_reaching_knows_whether_it_succeeded():
    env = gymnasium.make("pmoe/TargetReaching-v0")
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[4] == {"is_success": False}
    with pytest.raises(ValueError, match="has no joints"):
        env.unwrapped.state()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda env: env.step(np.zeros(2)), "action of Hopper-v5 has 2 values, expected 3"),
        (lambda env: env.step(np.array([0, np.nan, 0])), r"action\[1\] of Hopper-v5 is NaN"),
        (lambda env: env.reset(options={"qpos": np.zeros(6)}), "options are"),
        (lambda env: env.set_state(np.zeros(5), np.zeros(6)), "qpos of Hopper-v5 has 5 values"),
    ],
)
def test_bad_input_is_a_value_error_with_a_reason(call, message):
    env = pmoe.Env("Hopper-v5")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        call(env)
    assert env.reset()[0].shape == (11,)


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown task `Hoper-v5`.*Hopper-v5"):
        pmoe.Env("Hoper-v5")
    with pytest.raises(ValueError, match="render_mode is 'human'"):
        pmoe.Env("Hopper-v5", render_mode="human")


@pytest.mark.parametrize("task", ["Hopper-v5", "TargetReaching-v0"])
@pytest.mark.parametrize(("name", "size"), [("width", 0), ("width", 10**12), ("height", 4097)])
def test_a_picture_has_a_size_that_is_possible(task, name, size):
    env = pmoe.Env(task, render_mode="rgb_array", **{name: size})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=f"`{name}` is {size}, but must be between 1 and 4096 pixels"):
        env.render()


@pytest.mark.parametrize("task", ["Hopper-v5", "TargetReaching-v0"])
def test_pictures_show_the_state(task):
    env = gymnasium.make(f"pmoe/{task}", render_mode="rgb_array", width=64, height=64)
    env.reset(seed=0)
    first = env.render()
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8 and first.std() > 0
    for _ in range(20):
        env.step(env.action_space.high)
    assert not np.array_equal(env.render(), first)
    env.close()


def test_memory_stays_flat():
    resource = pytest.importorskip("resource")
    env = gymnasium.make("pmoe/Hopper-v5")
    action = np.zeros(3)

    def play(steps):
        env.reset(seed=0)
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = play(2_000)
    assert play(20_000) - before < 2_000  # KiB
