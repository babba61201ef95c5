"""One environment, as Gymnasium wants it."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pmoe._pmoe import Env as _Env
from pmoe._pmoe import Renderer as _Renderer
from pmoe._pmoe import Spec as _Spec
from pmoe._pmoe import task_ids

__all__ = ["Env", "task_ids"]


def spaces(spec: _Spec) -> tuple[gymnasium.spaces.Box[np.float64], gymnasium.spaces.Box[np.float32]]:
    """Observations and actions, as those of Gymnasium's MuJoCo tasks."""
    observations = gymnasium.spaces.Box(-np.inf, np.inf, (spec.obs_dim,), np.float64)
    low, high = np.array(spec.action_low, np.float32), np.array(spec.action_high, np.float32)
    return observations, gymnasium.spaces.Box(low, high, dtype=np.float32)


class Env(gymnasium.Env[NDArray[np.float64], NDArray[np.float32]]):
    """A task with Gymnasium's interface; ``gymnasium.make("pmoe/Hopper-v5")`` adds its time limit.

    Observations, rewards and endings have the bits of Gymnasium 1.4.0 for the same state and ``float64`` actions. (Given
    ``float32``, Gymnasium also computes the control cost in ``float32``, so its rewards differ by up to a millionth.) Initial states have
    the same distribution, not the same bits, as they come from another generator.

    Args:
        task: The task's id, such as ``"Hopper-v5"``, or ``"mjcf:FILE"`` for a model file with its settings beside it.
        render_mode: ``"rgb_array"`` or None.
        width: Width of pictures (pixels); target-reaching is drawn as a square of this width.
        height: Height of pictures (pixels).
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 125}

    def __init__(
        self, task: str, render_mode: str | None = None, width: int = 480, height: int = 480
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f'render_mode is {render_mode!r}, but must be "rgb_array" or None')
        self._env = _Env(task)
        self._renderer: _Renderer | None = None
        self._size = (width, height)
        self.task = task
        self.render_mode = render_mode
        spec = self._env.spec
        self.metadata = {**self.metadata, "render_fps": round(1 / spec.dt_seconds)}
        self.observation_space, self.action_space = spaces(spec)

    @property
    def dt(self) -> float:
        """Simulated time per step, in seconds."""
        return self._env.spec.dt_seconds

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seed of this and later resets.
            options: ``{"qpos": [nq], "qvel": [nv]}`` starts from this state, without noise.

        Returns:
            The observation, ``[O]``, and an empty dictionary.
        """
        super().reset(seed=seed)
        known = {"qpos", "qvel"}
        options = options or {}
        if options and options.keys() != known:
            raise ValueError(f"options are {sorted(options)}, but must be {sorted(known)} or none")
        obs = self._env.reset(seed)
        if options:
            obs = self.set_state(options["qpos"], options["qvel"])
        return obs, {}

    def step(
        self, action: ArrayLike
    ) -> tuple[NDArray[np.float64], float, bool, bool, dict[str, Any]]:
        """Takes one control step.

        Args:
            action: ``[A]``, in the task's own units.

        Returns:
            Observation ``[O]``, reward, terminated, truncated (always False: the time limit is a wrapper), and the
            terms of the reward or, for a task with a goal, ``is_success``.
        """
        obs, reward, terminated, success = self._env.step(np.ascontiguousarray(action, np.float64))
        info: dict[str, Any] = {}
        if (terms := self._env.reward_terms()) is not None:
            progress, alive, control, contact = terms
            info = {
                "reward_forward": progress,
                "reward_survive": alive,
                "reward_ctrl": -control,
                "reward_contact": -contact,
            }
        if success is not None:
            info["is_success"] = success
        return obs, reward, terminated, False, info

    def state(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions ``[nq]`` (m, rad, quaternions) and velocities ``[nv]`` (m/s, rad/s) of the joints."""
        if (state := self._env.state()) is None:
            raise ValueError(f"{self.task} has no joints")
        qpos, qvel = state
        return qpos, qvel

    def set_state(self, qpos: ArrayLike, qvel: ArrayLike) -> NDArray[np.float64]:
        """Starts an episode from positions ``[nq]`` and velocities ``[nv]``, and returns its first observation, ``[O]``."""
        return self._env.set_state(np.ascontiguousarray(qpos, np.float64), np.ascontiguousarray(qvel, np.float64))

    def render(self) -> NDArray[np.uint8] | None:
        """Draws the current state, ``[height, width, 3]``, if ``render_mode`` is ``"rgb_array"``."""
        if self.render_mode is None:
            gymnasium.logger.warn('pictures need `render_mode="rgb_array"`')
            return None
        if self._renderer is None:
            self._renderer = _Renderer(self._env, *self._size)
        width, height, pixels = self._renderer.frame(self._env)
        return pixels.reshape(height, width, 3)

    def close(self) -> None:
        """Frees the graphics context."""
        self._renderer = None
