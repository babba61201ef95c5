"""Registers the environments with Gymnasium, which calls this when it is imported."""

from gymnasium.envs.registration import register as _register

from pmoe import _library
from pmoe._pmoe import max_episode_steps, task_ids


def register() -> None:
    """Registers ``pmoe/<task>`` for every task."""
    _library.find()
    for task in task_ids():
        _register(
            id=f"pmoe/{task}",
            entry_point="pmoe._env:Env",
            max_episode_steps=max_episode_steps(task),
            kwargs={"task": task},
        )
