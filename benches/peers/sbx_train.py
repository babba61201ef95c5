"""Environment steps per second of SBX's SAC or PPO, Stable-Baselines3 in JAX; see `training.py`."""

from sbx import PPO, SAC

import training

if __name__ == "__main__":
    training.main(__doc__, SAC, PPO, "sbx-rl", "jax", "jaxlib", "flax")
