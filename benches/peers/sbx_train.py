"""Environment steps per second of SBX's SAC, PPO or CrossQ, in JAX; see `training.py`."""

import torch
from sbx import PPO, SAC, CrossQ

import training

if __name__ == "__main__":
    torch.set_num_threads(1)
    training.main(
        __doc__, {"sac": SAC, "ppo": PPO, "crossq": CrossQ}, "sbx-rl", "jax", "jaxlib", "flax"
    )
