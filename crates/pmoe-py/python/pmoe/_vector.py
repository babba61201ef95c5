"""Many environments at once, as Gymnasium wants them."""

import os
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from pmoe._env import spaces
from pmoe._pmoe import VecEnv as _VecEnv

__all__ = ["VecEnv", "make_vec"]

Obs = NDArray[np.float64]
Infos = dict[str, Any]


def make_vec(
    task: str,
    num_envs: int,
    num_threads: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    copy: bool = True,
) -> "VecEnv":
    """Makes copies of a task that step at once, on threads.

    Args:
        task: The task's id, such as ``"Hopper-v5"``.
        num_envs: Number N of copies.
        num_threads: Threads that step them; as many as the processor has if None. Results don't depend on it.
        autoreset_mode: When a copy whose episode ended starts the next, see
            :class:`gymnasium.vector.AutoresetMode`.
        copy: Whether every step returns arrays of its own. Otherwise the next step overwrites them.
    """
    return VecEnv(task, num_envs, num_threads, autoreset_mode, copy)


def _num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class VecEnv(VectorEnv[Obs, NDArray[np.float64], NDArray[Any]]):
    """Copies of a task with its time limit, or that of ``max_episode_steps``; see :func:`make_vec`.

    A copy's steps depend on its seed and its actions only, not on the number of copies or threads.
    """

    def __init__(
        self,
        task: str,
        num_envs: int,
        num_threads: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        max_episode_steps: int | None = None,
    ) -> None:
        num_threads = _num_cores() if num_threads is None else num_threads
        for name, value in [("num_envs", num_envs), ("num_threads", num_threads)]:
            if value < 1:
                raise ValueError(f"{name} is {value}, but must be at least 1")
        self.task = task
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.copy = copy
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self._envs = _VecEnv(task, num_envs, num_threads, max_episode_steps)
        spec = self._envs.spec
        self.single_observation_space, self.single_action_space = spaces(spec)
        self._obs_shape = (num_envs, spec.obs_dim)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._arrays = self._new_arrays()

    def _new_arrays(self) -> tuple[Obs, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        n = self.num_envs
        return np.zeros(self._obs_shape), np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, Infos]:
        """Starts an episode in every copy.

        Args:
            seed: Copy ``i`` gets the seed ``seed + i``, or the i-th of a list.
            options: ``{"reset_mask": [N]}`` starts episodes in these copies only.

        Returns:
            Observations ``[N, O]`` and an empty dictionary.
        """
        n = self.num_envs
        seeds: list[int | None] = [None] * n
        if seed is not None:
            seeds = [seed + i for i in range(n)] if isinstance(seed, int) else list(seed)
        if len(seeds) != n:
            raise ValueError(f"there are {len(seeds)} seeds, but {n} environments")
        mask = (options or {}).get("reset_mask", np.ones(n, np.bool_))
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (n,) or not mask.any():
            raise ValueError(f"reset_mask must be an array of {n} bools, one of them True at least")
        obs, rewards, terminations, truncations = self._arrays
        if self.copy:
            obs, terminations, truncations = obs.copy(), terminations.copy(), truncations.copy()
            self._arrays = obs, rewards, terminations, truncations
        terminations[mask] = truncations[mask] = False
        self._envs.reset(seeds, mask.tolist(), obs)
        return obs, {}

    def step(
        self, actions: ArrayLike
    ) -> tuple[Obs, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Takes one control step in every copy.

        Args:
            actions: ``[N, A]``, in the task's own units.

        Returns:
            Observations ``[N, O]``, rewards, terminated and truncated, ``[N]`` each, and infos: ``is_success``, ``[N]``,
            for a task with a goal, with the mask ``_is_success`` of the copies whose observation is not the first of an
            episode; in mode ``SAME_STEP`` also ``final_obs``, the last observations of the episodes that ended, with the mask
            ``_final_obs``, and their ``is_success`` in ``final_info``.
        """
        actions = np.ascontiguousarray(actions, np.float64)
        shape = self.action_space.shape
        if actions.shape != shape:
            raise ValueError(f"actions have the shape {actions.shape}, but must have {shape}")
        if self.autoreset_mode is AutoresetMode.DISABLED and (self._arrays[2] | self._arrays[3]).any():
            raise ValueError('an episode has ended: reset it with `options={"reset_mask": terminated | truncated}`')
        arrays = self._new_arrays() if self.copy else self._arrays
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._envs.step_or_reset(actions, arrays)
        else:
            self._envs.step(actions, arrays)
        obs, rewards, terminations, truncations = self._arrays = arrays
        infos: Infos = {}
        ended = terminations | truncations
        of_next = ended if self.autoreset_mode is AutoresetMode.SAME_STEP else np.zeros_like(ended)
        if (successes := self._envs.successes()) is not None:
            reached = np.array([success is True for success in successes])
            says = np.array([success is not None for success in successes])
            # What begins in this step has nothing to say yet.
            if (now := says & ~of_next).any():
                infos["is_success"], infos["_is_success"] = reached & now, now
            if of_next.any():
                final = {"is_success": reached & of_next, "_is_success": of_next}
                infos["final_info"], infos["_final_info"] = final, of_next
        if of_next.any():
            last = np.full(self.num_envs, None, object)
            for copy in np.flatnonzero(ended):
                last[copy] = obs[copy].copy()
            infos["final_obs"], infos["_final_obs"] = last, ended
            self._envs.reset_ended(obs)
        return obs, rewards, terminations, truncations, infos
