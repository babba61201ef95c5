"""TD3."""

import torch

from . import sac

METHODS = ("td3",)


def draw(case):
    sizes = case.sizes
    for name in ("actor", "target.actor"):
        case.mlp(name, [sizes["O"], *sizes["hidden"], sizes["A"]])
    sac.draw_critics(case)


def policy(case, name, obs):
    """Actions `[B, A]`."""
    return torch.tanh(case.forward(name, obs, case.relu))


def smoothed(case, action):
    """Adds clipped noise and clips to the action limits."""
    sigma, limit = case.scalars["target_noise"], case.scalars["target_noise_clip"]
    noise = case.clamp(sigma * case.inputs["next_noise"], -limit, limit)
    return case.clamp(action + noise, -1.0, 1.0)


def define(case):
    """Draws a case and records its losses."""
    sizes, rng = case.sizes, case.rng
    b, a = sizes["B"], sizes["A"]
    draw(case)
    obs = case.normal("obs", b, sizes["O"])
    action = case.input("action", rng.uniform(-1, 1, (b, a)))
    reward = case.input("reward", rng.normal(0.5, 1.0, b))
    flags = (rng.uniform(size=b) < 0.3).astype(float)
    flags[0], flags[-1] = 0.0, 1.0
    terminated = case.input("terminated", flags)
    next_obs = case.normal("next_obs", b, sizes["O"])
    case.normal("next_noise", b, a)

    with torch.no_grad():
        next_action = smoothed(case, policy(case, "target.actor", next_obs))
        value = case.minimum(*sac.critics(case, "target", next_obs, next_action))
        y = reward + case.scalars["gamma"] * (1.0 - terminated) * value
    q1, q2 = sac.critics(case, "critic", obs, action)
    case.loss("critic", ((q1 - y) ** 2).mean() + ((q2 - y) ** 2).mean(), ["critic."])
    q1, _ = sac.critics(case, "critic", obs, policy(case, "actor", obs))
    case.loss("actor", -q1.mean(), ["actor."])
