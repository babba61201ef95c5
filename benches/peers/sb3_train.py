"""Environment steps per second of Stable-Baselines3's SAC or PPO; see `training.py`."""

import torch
from stable_baselines3 import PPO, SAC

import training

if __name__ == "__main__":
    torch.set_num_threads(1)
    training.main(__doc__, {"sac": SAC, "ppo": PPO}, "torch")
