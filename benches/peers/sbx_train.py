"""Environment steps per second of SBX's SAC, Stable-Baselines3 in JAX; see `training.py`."""

from sbx import SAC

import training

if __name__ == "__main__":
    training.main(__doc__, SAC, "sbx-rl", "jax", "jaxlib", "flax")
