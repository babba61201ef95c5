"""Vector environments for Stable-Baselines3."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

__all__ = ["to_sb3"]


def to_sb3(envs: VectorEnv[Any, Any, Any]) -> Any:
    """Gives environments that step at once the interface of Stable-Baselines3's ``VecEnv``.

    Args:
        envs: Those of :func:`make_vec`, or any of Gymnasium, with ``autoreset_mode="SameStep"``, as the library expects.

    Raises:
        ModuleNotFoundError: If Stable-Baselines3 is not installed.
        ValueError: If the mode is another.
    """
    mode = envs.metadata.get("autoreset_mode")
    if mode is not AutoresetMode.SAME_STEP:
        raise ValueError(f"the environments reset in the mode {mode}, but must in AutoresetMode.SAME_STEP")
    from stable_baselines3.common.vec_env import VecEnv

    class Adapted(VecEnv):  # type: ignore[misc]
        """Environments of Gymnasium with the interface of Stable-Baselines3."""

        def __init__(self) -> None:
            self._next_seed: int | None = None
            self._next_options: dict[str, Any] | None = None
            super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

        def seed(self, seed: int | None = None) -> list[int | None]:
            self._next_seed = seed
            return [None if seed is None else seed + copy for copy in range(self.num_envs)]

        def set_options(self, options: Any = None) -> None:
            every = options if isinstance(options, list) else [options]
            if any(of_one != every[0] for of_one in every):
                raise ValueError(f"the environments reset at once, with the same options, but were given {options}")
            self._next_options = every[0] or None

        def reset(self) -> Any:
            obs, _ = envs.reset(seed=self._next_seed, options=self._next_options)
            # As in the library, both count for one reset.
            self._next_seed = self._next_options = None
            return obs

        def step_async(self, actions: NDArray[Any]) -> None:
            self._actions = actions

        def step_wait(self) -> Any:
            obs, rewards, terminations, truncations, infos = envs.step(self._actions)
            ended = terminations | truncations
            of_copies: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
            for copy in np.flatnonzero(ended):
                of_copies[copy]["terminal_observation"] = infos["final_obs"][copy]
                of_copies[copy]["TimeLimit.truncated"] = bool(truncations[copy] and not terminations[copy])
            # Where an episode ended, some say it in the infos of the last step.
            for source in [infos, infos.get("final_info", {})]:
                if "is_success" in source:
                    for copy in np.flatnonzero(source.get("_is_success", ended)):
                        of_copies[copy]["is_success"] = bool(source["is_success"][copy])
            return obs, rewards, ended, of_copies

        def close(self) -> None:
            envs.close()

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [getattr(envs, attr_name)] * len(list(self._get_indices(indices)))

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise AttributeError(f"the environments step at once: {attr_name} can't be set")

        def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
            raise AttributeError(f"the environments step at once: {method_name} of one can't be called")

        def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
            return [False] * len(list(self._get_indices(indices)))

    return Adapted()
