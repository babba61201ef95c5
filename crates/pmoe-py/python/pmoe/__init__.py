"""Reinforcement learning with mixture-of-experts policies, computed in Rust.

    import gymnasium
    import pmoe

    env = gymnasium.make("pmoe/Hopper-v5")
    envs = pmoe.make_vec("Hopper-v5", num_envs=8, num_threads=2)

    policy = pmoe.load("results/runs/pmoe-sac/Hopper-v5/seed_0")
    obs, _ = env.reset(seed=0)
    action, _ = policy.predict(obs, deterministic=True)

Gymnasium finds the environments without an import of this package. The command ``pmoe`` trains, evaluates and
reports; ``pmoe --help`` lists what it can do.
"""

from pmoe import _library

_library.find()

# The libraries come first.
from pmoe._env import Env, task_ids  # noqa: E402
from pmoe._policy import Mixture, Policy, load  # noqa: E402
from pmoe._vector import VecEnv, make_vec  # noqa: E402

__all__ = ["Env", "Mixture", "Policy", "VecEnv", "load", "make_vec", "task_ids"]
