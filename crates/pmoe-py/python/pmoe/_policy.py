"""Trained policies."""

import json
import os
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pmoe import _pmoe
from pmoe._pmoe import Memory
from pmoe._pmoe import Policy as _Policy

__all__ = ["Mixture", "Policy", "export", "load"]


class Mixture(NamedTuple):
    """The primitives of a mixture at some observations.

    An action of primitive ``k`` is ``tanh(means[k] + stds[k] * noise)``, mapped from [-1, 1] to the task's range.
    """

    weights: NDArray[np.float32]
    """Weights of the router or gate, ``[B, K]``; each row sums to 1."""
    means: NDArray[np.float32]
    """Means of the Gaussians before squashing, ``[B, K, A]``."""
    stds: NDArray[np.float32]
    """Standard deviations of the Gaussians before squashing, ``[B, K, A]``."""
    actions: NDArray[np.float32]
    """Each primitive's noise-free action, ``[B, K, A]``, in the task's own units."""


def load(path: str | os.PathLike[str], seed: int | None = None) -> "Policy":
    """Loads the policy of a run folder, or of a file that ``pmoe export`` wrote. Nothing in it is executed.

    Args:
        path: A run folder, under way or finished, or a ``.safetensors`` file.
        seed: Seed of what the policy draws.
    """
    return Policy(path, seed)


def export(
    run: str | os.PathLike[str],
    path: str | os.PathLike[str],
    format: Literal["onnx", "safetensors", "torch"] | None = None,
) -> None:
    """Writes a policy to a file for other programs; ``docs/export.md`` describes its contents.

    Args:
        run: A run folder, under way or finished, or a ``.safetensors`` file.
        path: The file to write.
        format: The format, by default the one that the ending of ``path`` names: ``.onnx``, ``.safetensors`` or ``.pt``.
    """
    _pmoe.export(os.fspath(run), os.fspath(path), format)


class Policy:
    """A trained policy; see :func:`load`. It may be used from several threads, which wait for each other."""

    def __init__(self, path: str | os.PathLike[str], seed: int | None = None) -> None:
        self._policy = _Policy(os.fspath(path), seed)
        low, high = np.array(self._policy.spec.action_low), np.array(self._policy.spec.action_high)
        self._center, self._half_width = (high + low) / 2, (high - low) / 2
        self.method: str = self._policy.method
        """Its method, such as ``"pmoe-sac"``."""
        self.task: str = self._policy.task
        """The task it was trained on, such as ``"Hopper-v5"``."""
        self.env_step: int = self._policy.env_step
        """The steps it was trained for."""
        self.config: dict[str, Any] = json.loads(self._policy.config)
        """Its run's settings."""

    def __repr__(self) -> str:
        return f"<pmoe.Policy {self.method} on {self.task}, {self.env_step} steps>"

    def seed(self, seed: int | None) -> None:
        """Begins anew what the policy draws: noise and, in most mixtures, primitives."""
        self._policy.reseed(seed)

    def predict(
        self,
        observation: ArrayLike,
        state: Memory | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.float32], Memory]:
        """Acts, with the signature of Stable-Baselines3.

        Args:
            observation: ``[O]`` or ``[B, O]``.
            state: What the last call returned, for policies that remember (DAC); others ignore it.
            episode_start: Whether each observation is the first of an episode, ``[B]``.
            deterministic: Acts as in evaluation, without noise; most mixtures draw their primitive even so, as the paper
                does (``eval_primitive`` in the settings).

        Returns:
            Actions in the task's own units, ``[A]`` or ``[B, A]``, and the state for the next call.
        """
        obs = np.asarray(observation, np.float32)
        rows = np.ascontiguousarray(np.atleast_2d(obs))
        starts = [False] * len(rows) if episode_start is None else np.atleast_1d(np.asarray(episode_start, np.bool_)).tolist()
        actions, memory = self._policy.act(rows, deterministic, state, starts)
        scaled = (self._center + self._half_width * actions).astype(np.float32)
        return (scaled[0] if obs.ndim == 1 else scaled), memory

    def mixture(self, observation: ArrayLike) -> Mixture:
        """Weights and primitives at observations ``[O]`` or ``[B, O]``, for the mixtures of the SAC family."""
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(observation, np.float32)))
        if (found := self._policy.primitives(rows)) is None:
            raise ValueError(f"mixture() is for mixtures of SAC's family, not for {self.method}")
        weights, means, stds, actions = found
        return Mixture(weights, means, stds, (self._center + self._half_width * actions).astype(np.float32))

    def q(self, observation: ArrayLike, action: ArrayLike) -> NDArray[np.float32]:
        """The critics' value of actions, ``[A]`` or ``[B, A]`` in the task's own units, at observations, ``[B]``.

        The smaller value of SAC's two critics. Checkpoints of SAC's family have them, except those of ``pmoe-sac-critics``;
        an exported policy has only what acting takes.
        """
        obs = np.ascontiguousarray(np.atleast_2d(np.asarray(observation, np.float32)))
        scaled = (np.atleast_2d(np.asarray(action, np.float64)) - self._center) / self._half_width
        actions = np.ascontiguousarray(scaled, np.float32)
        expected = (len(obs), len(self._center))
        if actions.shape != expected:
            raise ValueError(f"actions have the shape {actions.shape}, but must have {expected}")
        if (values := self._policy.values(obs, actions)) is None:
            raise ValueError(f"this policy of {self.method} has no critics of actions")
        return values
