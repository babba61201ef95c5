"""Environment steps per second of a training run with SAC, environment included.

Shared by the scripts for Stable-Baselines3 and for SBX, whose classes have the same interface. The
settings are those of `configs/algos/sac.toml`, save two that keep the measurement short: the first
update comes after 1000 random actions, and the buffer is smaller, which costs nothing as only its
filled part is touched.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from common import versions

LEARNING_STARTS = 1000
# Steps with updates before the clock starts: caches warm, everything compiled.
WARM_UP = 500
SETTINGS = {
    "batch_size": 100,
    "learning_rate": 1e-3,
    "gamma": 0.99,
    "tau": 0.005,
    "ent_coef": 0.2,
    "train_freq": 1,
    "gradient_steps": 1,
    "learning_starts": LEARNING_STARTS,
    "policy_kwargs": {"net_arch": [256, 256]},
    "seed": 0,
}


class Stopwatch(BaseCallback):
    """Times `steps` environment steps, each with one update, and ends the training."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.first = LEARNING_STARTS + WARM_UP
        self.last = self.first + steps
        self.begun = self.seconds = 0.0

    def _on_step(self) -> bool:
        if self.num_timesteps == self.first:
            self.begun = time.perf_counter()
        elif self.num_timesteps == self.last:
            self.seconds = time.perf_counter() - self.begun
            return False
        return True


def main(description: str, sac: type[OffPolicyAlgorithm], *packages: str) -> None:
    """Trains, measures and prints; `packages` are those whose versions are told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task", default="Hopper-v4", help="id of a Gymnasium environment")
    parser.add_argument("--steps", type=int, default=2000, help="environment steps to time")
    parser.add_argument("--buffer", type=int, default=200_000, help="transitions kept")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    # Gymnasium calls the paper's tasks out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    watch = Stopwatch(args.steps)
    agent = sac("MlpPolicy", args.task, buffer_size=args.buffer, device="cpu", **SETTINGS)
    agent.learn(total_timesteps=watch.last + 1, callback=watch)
    rate = args.steps / watch.seconds
    if args.json:
        packages = (*packages, "stable-baselines3", "gymnasium", "mujoco", "numpy")
        document = {
            "env_steps_per_second": rate,
            "task": args.task,
            "steps": args.steps,
            "versions": versions(*packages),
        }
        print(json.dumps(document))
    else:
        print(f"{rate:.1f} environment steps per second")
