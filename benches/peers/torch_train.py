"""Environment steps per second of SAC in PyTorch, environment included, as one short file has it.

Acting, Gymnasium's environment, a replay buffer of tensors and one update of `torch_learner.py` a
step; with `--style lean` acting is compiled as well, as LeanRL does it. The settings are those of
`training.py`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import gymnasium
import torch
from torch import Tensor

import free_task
from common import LEARNING_STARTS, WARM_UP, add_training_arguments, versions
from torch_learner import Learner, Settings
from torch_sac import BATCH, squash


class Replay:
    """The latest transitions, as tensors."""

    def __init__(self, capacity: int, obs_dim: int, action_dim: int) -> None:
        shapes = ((obs_dim,), (action_dim,), (), (obs_dim,), ())
        self.columns = [torch.empty(capacity, *shape) for shape in shapes]
        self.capacity, self.added = capacity, 0

    def add(self, *transition) -> None:
        """obs, action, reward, next_obs, and 0 where the task ended, else 1."""
        for column, value in zip(self.columns, transition, strict=True):
            column[self.added % self.capacity] = torch.as_tensor(value)
        self.added += 1

    def draw(self) -> list[Tensor]:
        """A batch, as a learner's `update` takes it."""
        index = torch.randint(min(self.added, self.capacity), (BATCH,))
        return [column[index] for column in self.columns]


def train(task: str, style: str, steps: int, capacity: int) -> float:
    """Environment steps per second."""
    env = gymnasium.wrappers.RescaleAction(gymnasium.make(task), -1.0, 1.0)
    obs_dim, action_dim = env.observation_space.shape[0], env.action_space.shape[0]
    learner = Learner(Settings(obs_dim, action_dim, style=style))
    replay = Replay(capacity, obs_dim, action_dim)

    def act(obs: Tensor) -> Tensor:
        mean, log_std, _ = learner.actor(obs[None])
        return squash(mean, log_std, torch.randn_like(mean))[0].view(action_dim)

    if style == "lean":
        act = torch.compile(act)
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    first = LEARNING_STARTS + WARM_UP
    for step in range(first + steps):
        if step == first:
            begun = time.perf_counter()
        if step < LEARNING_STARTS:
            action = env.action_space.sample()
        else:
            with torch.no_grad():
                action = act(torch.as_tensor(obs, dtype=torch.float32)).numpy()
        next_obs, reward, terminated, truncated, _ = env.step(action)
        replay.add(obs, action, float(reward), next_obs, float(not terminated))
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step >= LEARNING_STARTS:
            learner.update(replay.draw())
    return steps / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=["cleanrl", "lean"], default="cleanrl")
    add_training_arguments(parser)
    args = parser.parse_args()
    # Gymnasium calls the paper's tasks out of date.
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.set_num_threads(1)
    free_task.register()
    rate = train(args.task, args.style, args.steps, args.buffer)
    document = {
        "env_steps_per_second": rate,
        "style": args.style,
        "task": args.task,
        "steps": args.steps,
        "versions": versions("torch", "gymnasium", "mujoco", "numpy"),
    }
    print(json.dumps(document) if args.json else f"{rate:.1f} environment steps per second")


if __name__ == "__main__":
    main()
