"""Numbers computed by hand or elsewhere, which the formulas here must reproduce."""

import math

import torch

from . import dac, dists
from .case import Case


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def close(got, want, tolerance=1e-9):
    assert torch.allclose(got, tensor(*want), rtol=0, atol=tolerance), (got, want)


def squashed_gaussian():
    mean, std, eps = tensor(0.3, -0.7), tensor(0.5, 1.2), tensor(0.25, -1.5)
    u, action, log_prob = dists.squashed(mean, std.log(), eps)
    close(u, (0.425, -2.5))
    close(action, (0.401134285, -0.986614298))
    close(dists.tanh_log_det(u).reshape(1), (-3.8025721116,))
    close(log_prob.reshape(1), (1.3192706690,))
    for at, want in ((0.0, 0.0), (1.0, -0.8675616610), (10.0, -18.6137056430), (20.0, -38.6137056389)):
        close(dists.tanh_log_det(tensor(at)).reshape(1), (want,))


def mixture_of_two():
    weights, mean, std = tensor(0.3, 0.7), tensor(-1.0, 0.5), tensor(0.4, 0.8)
    u = tensor(0.2).reshape(1, 1)
    log_prob = dists.mixture_log_prob(u, weights.log(), mean.reshape(2, 1), std.log().reshape(2, 1))
    close(log_prob - dists.tanh_log_det(u), (-1.0728824972,))
    close(dists.normal_entropy(std.log().reshape(2, 1)) @ weights.reshape(2, 1), (0.9878508277,))


def compositions():
    mean, variance = tensor(1.0, -0.5, 2.0), tensor(0.25, 1.0, 0.5)
    shape = (1, 3, 1)
    mean, log_std = mean.reshape(shape), 0.5 * variance.log().reshape(shape)
    got, got_log_std = dists.product_of_gaussians(tensor(0.6, 0.9, 0.3).log().reshape(1, 3), mean,
                                                  log_std)
    close(got[0], (0.8076923077,))
    close((2.0 * got_log_std[0]).exp(), (0.2564102564,))
    weights = tensor(0.2, 0.5, 0.3).reshape(1, 3)
    for which, want in (("paper", 0.70), ("exact", 0.305)):
        got, got_log_std = dists.gated_gaussian(weights, mean, log_std, which)
        close(got[0], (0.55,))
        close((2.0 * got_log_std[0]).exp(), (want,))


def option_policy():
    class Given:
        log_master = tensor(0.5, 0.3, 0.2).log().expand(2, 3)
        beta = tensor(0.6, 0.3, 0.1).expand(2, 3)

    got = dac.high_policy(Given, torch.tensor([1, 1]), tensor(0.0, 1.0))
    close(got[0], (0.15, 0.79, 0.06))
    close(got[1], (0.5, 0.3, 0.2))


def ratio_clip():
    from .ppo import surrogate

    case = Case("known", "ppo", {}, {}, {"clip_ratio": 0.2}, 0)
    for advantage, ratio, want in ((1, 1.5, -1.2), (1, 0.5, -0.5), (-1, 0.5, 0.8), (-1, 1.5, 1.5)):
        got = surrogate(case, tensor(math.log(ratio)), tensor(0.0), tensor(float(advantage)))
        close(got.reshape(1), (want,))


def layer_norm():
    case = Case("known", "sac", {}, {}, {}, 0)
    # Mean 4, variance 9.
    x, gamma, beta = tensor(1.0, 7.0), [2.0, 0.5], [0.25, -1.0]
    case.param("norm.gamma", gamma)
    case.param("norm.beta", beta)
    close(case.normalised("norm", x), (0.25 - 6.0 / 9.00001 ** 0.5, -1.0 + 1.5 / 9.00001 ** 0.5))
    x = torch.linspace(-2.0, 3.0, 8, dtype=torch.float64).reshape(4, 2) ** 3
    want = torch.nn.functional.layer_norm(x, (2,), tensor(*gamma), tensor(*beta), eps=1e-5)
    assert torch.allclose(case.normalised("norm", x), want, rtol=0, atol=1e-12)


def check():
    """Raises AssertionError if a formula gives a different number."""
    squashed_gaussian()
    mixture_of_two()
    compositions()
    option_policy()
    ratio_clip()
    layer_norm()
