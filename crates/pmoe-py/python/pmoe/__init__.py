"""Reinforcement learning with mixture-of-experts policies, computed in Rust.

    import gymnasium
    import pmoe

    env = gymnasium.make("pmoe/Hopper-v5")
    envs = pmoe.make_vec("Hopper-v5", num_envs=8, num_threads=2)

    run = pmoe.train(method="pmoe-sac", env="gym:Pendulum-v1", steps=10_000)

    policy = pmoe.load("results/runs/pmoe-sac/Hopper-v5/seed_0")
    obs, _ = env.reset(seed=0)
    action, _ = policy.predict(obs, deterministic=True)

    returns = pmoe.results("results/paper-300k").evaluations()
    pmoe.track("results/runs", to="wandb", project="robots")
    study = pmoe.sweep("sweep.toml")

The import registers the environments with Gymnasium. The command ``pmoe`` trains, evaluates and
reports; ``pmoe --help`` lists what it can do.
"""

from pmoe import _library

_library.find()

# The libraries come first.
from pmoe import _register  # noqa: E402
from pmoe._env import Env, task_ids  # noqa: E402
from pmoe._policy import Mixture, Policy, export, load  # noqa: E402
from pmoe._results import Comparison, Results, Run, compare, results  # noqa: E402
from pmoe._sb3 import to_sb3  # noqa: E402
from pmoe._sweep import NoResult, sweep  # noqa: E402
from pmoe._track import MissingClient, track  # noqa: E402
from pmoe._train import train  # noqa: E402
from pmoe._vector import VecEnv, make_vec  # noqa: E402

_register.register()

__all__ = [
    "Comparison",
    "Env",
    "MissingClient",
    "Mixture",
    "NoResult",
    "Policy",
    "Results",
    "Run",
    "VecEnv",
    "compare",
    "export",
    "load",
    "make_vec",
    "results",
    "sweep",
    "task_ids",
    "to_sb3",
    "track",
    "train",
]
