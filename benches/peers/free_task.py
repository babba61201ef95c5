"""`Free-v0`: a Gymnasium task that costs nothing, with the sizes and limits of `TargetReaching-v0`.

With it, training shows what learning costs and what the library adds around it.
"""

from __future__ import annotations

import gymnasium
import numpy as np

OBS_DIM, ACTION_DIM, MAX_EPISODE_STEPS = 17, 2, 1000
# Numbers that are drawn beforehand and handed out in turn.
DRAWN = 4096
NAME = "Free-v0"


class Free(gymnasium.Env):
    """Random observations and rewards, whatever the actions."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (OBS_DIM,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION_DIM,), np.float32)
        rng = np.random.default_rng(0)
        self.obs = list(rng.uniform(-1.0, 1.0, (DRAWN, OBS_DIM)).astype(np.float32))
        self.reward = rng.uniform(-1.0, 1.0, DRAWN).tolist()
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        return self.obs[0], {}

    def step(self, action: np.ndarray):
        self.steps = (self.steps + 1) % DRAWN
        return self.obs[self.steps], self.reward[self.steps], False, False, {}


def register() -> None:
    """Makes `gymnasium.make(NAME)` work."""
    # The checker of spaces would be most of the cost.
    gymnasium.register(NAME, Free, max_episode_steps=MAX_EPISODE_STEPS, disable_env_checker=True)
