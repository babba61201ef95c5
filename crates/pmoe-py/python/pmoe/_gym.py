"""Tasks of Gymnasium: makes the environment of an id, and gives it the form that the compiled part steps."""

import importlib
import json
import math
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.spaces.utils import flatten_space
from numpy.typing import NDArray

#: What makes the environments that have no name of their own, by id.
MAKERS: dict[str, Callable[..., gymnasium.Env[Any, Any]]] = {}


#: The environments in use, without their wrappers.
IN_USE: "weakref.WeakSet[gymnasium.Env[Any, Any]]" = weakref.WeakSet()

#: Steps of an episode after which it probably has no end, and after which it counts as endless.
LONG, ENDLESS = 100_000, 1_000_000

#: Modules that register the environments of a namespace; Gymnasium imports most such modules itself.
REGISTERED_BY = {"dm_control": "shimmy"}


class Unsuitable(ValueError):
    """An environment that can't be trained on."""


def make(id: str, kwargs: str) -> "Adapter":
    """Makes the environment of a task ``gym:<id>`` with keyword arguments, a JSON object.

    The id is one of Gymnasium, or ``MODULE:NAME``, for which the module is imported: a function there that returns an
    environment, or an id that the module registers.

    Raises:
        Unsuitable: If there is no such environment, it is in use already, or its spaces can't be used.
    """
    arguments = json.loads(kwargs)
    if maker := MAKERS.get(id) or _function(id):
        env = maker(**arguments)
        if not isinstance(env, gymnasium.Env):
            raise Unsuitable(f"it made {type(env).__name__}, not a gymnasium.Env")
        if env.unwrapped in IN_USE:
            raise Unsuitable("it made the same environment twice, but training and evaluation have one each")
    else:
        try:
            if (module := REGISTERED_BY.get(id.partition("/")[0])) is not None:
                importlib.import_module(module)
            env = gymnasium.make(id, **arguments)
        except (gymnasium.error.Error, ModuleNotFoundError) as error:
            raise Unsuitable(f"{type(error).__name__}: {error}") from error
    return Adapter(env)


def _function(id: str) -> Callable[..., gymnasium.Env[Any, Any]] | None:
    """The function of an id ``MODULE:NAME``, if the module has it."""
    module, _, name = id.partition(":")
    if not name:
        return None
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Unsuitable(f"{type(error).__name__}: {error}") from error
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if callable(found) else None


class Adapter:
    """An environment whose observations and actions are flat arrays, and are checked.

    A step is called a thousand times a second and costs what learning does not get, so it does no more than it must.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._env = env
        space: gymnasium.Space[Any] | None = env.observation_space
        if not isinstance(space, Box):
            space = _flat_space(env.observation_space)
            if not isinstance(space, Box):
                raise Unsuitable(f"observations of {env.observation_space} can't be made a flat array of numbers")
            self._env = gymnasium.wrappers.FlattenObservation(env)
        self._shape: tuple[int, ...] = space.shape
        actions = env.action_space
        if not isinstance(actions, Box):
            raise Unsuitable(f"its actions are {actions}, but policies have continuous ones, a Box")
        if actions.dtype not in (np.float32, np.float64):
            raise Unsuitable(f"its actions are of {actions.dtype}, but policies have continuous ones, of float32 or float64")
        if not (np.isfinite(actions.low).all() and np.isfinite(actions.high).all()):
            raise Unsuitable(f"its actions, {actions}, have no bounds: wrap it with gymnasium.wrappers.TransformAction, which gives some")
        if 0 in (*space.shape, *actions.shape):
            raise Unsuitable(f"its observations are {space} and its actions {actions}, but neither may be empty")
        self._action_shape = None if len(actions.shape) == 1 else actions.shape
        low, high = actions.low.astype(np.float64).ravel(), actions.high.astype(np.float64).ravel()
        self.facts: tuple[int, list[float], list[float], float, bool] = (
            int(np.prod(self._shape)),
            low.tolist(),
            high.tolist(),
            _seconds_per_step(env),
            actions.dtype == np.float32,
        )
        """Length of observations, bounds of actions, simulated seconds per step, whether actions are of float32 instead of
        float64."""
        self._steps = 0
        IN_USE.add(env.unwrapped)

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Begins an episode, whose randomness all comes from the seed."""
        self._steps = 0
        obs, _ = self._env.reset(seed=seed)
        return self._flat(obs)

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], float, bool, bool, bool | None]:
        """Steps, and returns whether the goal was reached as well, if the environment says so."""
        if self._action_shape is not None:
            action = action.reshape(self._action_shape)
        obs, reward, terminated, truncated, info = self._env.step(action)
        self._steps += 1
        if self._steps % LONG == 0:
            self._warn_of_no_end()
        success = info.get("is_success", info.get("success"))
        return self._flat(obs), float(reward), bool(terminated), bool(truncated), None if success is None else bool(success)

    def refuse(self, obs: NDArray[np.float64], reward: float) -> None:
        """Raises for what is not finite: the compiled part looks for it, in less time."""
        if not math.isfinite(reward):
            raise ValueError(f"the reward is {reward}")
        raise ValueError(f"the observation is not finite: {obs}")

    def close(self) -> None:
        """Closes the environment."""
        IN_USE.discard(self._env.unwrapped)
        self._env.close()

    def _warn_of_no_end(self) -> None:
        what = f"an episode has gone on for {self._steps} steps: give the environment an end with gymnasium.wrappers.TimeLimit"
        if self._steps >= ENDLESS:
            raise ValueError(what)
        warnings.warn(what, stacklevel=2)

    def _flat(self, obs: Any) -> NDArray[np.float64]:
        found = np.asarray(obs, np.float64)
        if found.shape != self._shape:
            raise ValueError(f"the observation has the shape {found.shape}, but its space says {self._shape}")
        return found.ravel()


def _flat_space(space: gymnasium.Space[Any]) -> gymnasium.Space[Any] | None:
    try:
        return flatten_space(space)
    except NotImplementedError:
        return None


def _seconds_per_step(env: gymnasium.Env[Any, Any]) -> float:
    """The simulated time of a step, by what the environment says of itself; one second if it says nothing."""
    seconds = getattr(env.unwrapped, "dt", None)
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        frames = env.metadata.get("render_fps")
        seconds = 1 / frames if isinstance(frames, (int, float)) and frames > 0 else 1.0
    return float(seconds)
