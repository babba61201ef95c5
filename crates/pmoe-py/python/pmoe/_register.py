"""Registers the environments with Gymnasium."""

import gymnasium

from pmoe._pmoe import max_episode_steps, task_ids


def register() -> None:
    """Registers ``pmoe/<task>`` for every task."""
    for task in task_ids():
        gymnasium.register(
            id=f"pmoe/{task}",
            entry_point="pmoe._env:Env",
            vector_entry_point="pmoe._vector:VecEnv",
            max_episode_steps=max_episode_steps(task),
            kwargs={"task": task},
        )
