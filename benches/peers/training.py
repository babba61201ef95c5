"""Environment steps per second of a training run, environment included.

Shared by the scripts for Stable-Baselines3 and for SBX, whose classes have the same interface. The
settings of SAC are those of `configs/methods/sac.toml`, save two that keep the measurement short:
the first update comes after 1000 random actions, and the buffer is smaller, which costs nothing as
only its filled part is touched. Those of PPO are those of `configs/methods/ppo-cleanrl.toml`, with
the paper's 20 epochs and a constant learning rate. CrossQ, which `pmoe` does not have, gets SAC's
where both have them, and its own otherwise: critics of 1024 units with batch renormalisation, no
target networks, an update of the actor after every third of the critics.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import gymnasium
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize

import free_task
from common import LEARNING_STARTS, WARM_UP, versions

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
CROSSQ_SETTINGS = {
    **{name: value for name, value in SETTINGS.items() if name not in ("tau", "policy_kwargs")},
    "policy_kwargs": {"net_arch": {"pi": [256, 256], "qf": [1024, 1024]}},
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


ROLLOUT_STEPS = 2048
PPO_SETTINGS = {
    "batch_size": 64,
    "n_epochs": 20,
    "learning_rate": 3e-4,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "normalize_advantage": True,
    # Separate networks of 64 and 64 tanh units are the default.
    "seed": 0,
}


class RolloutStopwatch(BaseCallback):
    """Times whole rollouts, each with its update, after a first one, and ends the training."""

    def __init__(self, rollouts: int) -> None:
        super().__init__()
        self.rollouts = rollouts
        self.started = 0
        self.begun = self.seconds = 0.0

    def _on_rollout_start(self) -> None:
        self.started += 1
        if self.started == 2:
            self.begun = time.perf_counter()
        elif self.started == self.rollouts + 2:
            self.seconds = time.perf_counter() - self.begun

    def _on_step(self) -> bool:
        return self.seconds == 0.0


def off_policy_rate(
    learner: type[BaseAlgorithm], settings: dict, task: str, steps: int, buffer: int
) -> float:
    """Environment steps per second of SAC or CrossQ."""
    watch = Stopwatch(steps)
    agent = learner("MlpPolicy", task, buffer_size=buffer, device="cpu", **settings)
    agent.learn(total_timesteps=watch.last + 1, callback=watch)
    return steps / watch.seconds


def vector(kind: str, task: str, num_envs: int, threads: int) -> VecEnv:
    """The environments of PPO: the library's own, or Gymnasium's or ours behind its interface."""
    if kind == "dummy":
        return DummyVecEnv([lambda: Monitor(gymnasium.make(task)) for _ in range(num_envs)])
    import pmoe

    mode = gymnasium.vector.AutoresetMode.SAME_STEP
    if kind == "pmoe":
        envs = pmoe.make_vec(task, num_envs, threads, autoreset_mode=mode)
    else:
        classes = {"sync": gymnasium.vector.SyncVectorEnv, "async": gymnasium.vector.AsyncVectorEnv}
        makers = [lambda: gymnasium.make(task)] * num_envs
        envs = classes[kind](makers, autoreset_mode=mode)
    return VecMonitor(pmoe.to_sb3(envs))


def ppo_rate(ppo: type[BaseAlgorithm], envs: VecEnv, steps: int) -> float:
    """Environment steps per second of PPO, in the next larger number of whole rollouts."""
    rollouts = -(-steps // ROLLOUT_STEPS)
    watch = RolloutStopwatch(rollouts)
    n_steps = ROLLOUT_STEPS // envs.num_envs
    env = VecNormalize(envs, gamma=0.99)
    agent = ppo("MlpPolicy", env, n_steps=n_steps, device="cpu", **PPO_SETTINGS)
    agent.learn(total_timesteps=(rollouts + 2) * ROLLOUT_STEPS, callback=watch)
    return rollouts * ROLLOUT_STEPS / watch.seconds


def main(description: str, learners: dict[str, type[BaseAlgorithm]], *packages: str) -> None:
    """Trains, measures and prints; `packages` are those whose versions are told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--method", choices=learners, default="sac")
    parser.add_argument("--task", default="Hopper-v4", help="id of a Gymnasium environment")
    parser.add_argument("--steps", type=int, default=2000, help="environment steps to time")
    parser.add_argument("--num-envs", type=int, default=1, help="PPO's environments, in turn")
    parser.add_argument(
        "--envs",
        choices=["dummy", "sync", "async", "pmoe"],
        default="dummy",
        help="PPO's: of the library, of Gymnasium (two), or of our Python package",
    )
    parser.add_argument("--threads", type=int, default=1, help="that step ours")
    parser.add_argument("--buffer", type=int, default=200_000, help="transitions to keep")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    # Gymnasium calls the paper's tasks out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    free_task.register()
    learner = learners[args.method]
    if args.method == "ppo":
        if ROLLOUT_STEPS % args.num_envs:
            parser.error(f"--num-envs must divide {ROLLOUT_STEPS}")
        envs = vector(args.envs, args.task, args.num_envs, args.threads)
        rate = ppo_rate(learner, envs, args.steps)
    else:
        settings = {"sac": SETTINGS, "crossq": CROSSQ_SETTINGS}[args.method]
        rate = off_policy_rate(learner, settings, args.task, args.steps, args.buffer)
    document = {
        "env_steps_per_second": rate,
        "method": args.method,
        "task": args.task,
        "steps": args.steps,
        "num_envs": args.num_envs,
        "versions": versions(*packages, "stable-baselines3", "gymnasium", "mujoco", "numpy"),
    }
    print(json.dumps(document) if args.json else f"{rate:.1f} environment steps per second")
