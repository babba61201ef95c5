"""Densities and compositions of primitives."""

import math

import torch

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def softplus(x):
    """log(1 + eˣ), exact for every x."""
    return torch.logaddexp(x, torch.zeros_like(x))


def tanh_log_det(u):
    """Σ log(1 − tanh²u) over the last dimension."""
    return (2.0 * (math.log(2.0) - u - softplus(-2.0 * u))).sum(-1)


def normal_log_prob(x, mean, log_std):
    """log N(x; mean, exp(log_std)²), summed over the last dimension."""
    z = (x - mean) / log_std.exp()
    return (-0.5 * z * z - log_std - HALF_LOG_2PI).sum(-1)


def normal_entropy(log_std):
    """Entropy of a diagonal Gaussian, summed over the last dimension."""
    return (0.5 + HALF_LOG_2PI + log_std).sum(-1)


def squashed(mean, log_std, eps):
    """u = mean + σ ε, a = tanh u, log π(a)."""
    u = mean + log_std.exp() * eps
    log_normal = (-0.5 * eps * eps - log_std - HALF_LOG_2PI).sum(-1)
    return u, torch.tanh(u), log_normal - tanh_log_det(u)


def mixture_log_prob(x, log_weights, mean, log_std):
    """log Σ_k w_k N(x; mean_k, σ_k²) of the points x `[..., N, A]`: `[..., N]`.

    log_weights `[..., K]`, mean and log_std `[..., K, A]`.
    """
    parts = normal_log_prob(x.unsqueeze(-2), mean.unsqueeze(-3), log_std.unsqueeze(-3))
    return torch.logsumexp(log_weights.unsqueeze(-2) + parts, -1)


def product_of_gaussians(log_weights, mean, log_std):
    """Π_k N_k^{w_k}, normalised: mean and log σ of `[B, A]`."""
    log_precision = log_weights.unsqueeze(-1) - 2.0 * log_std
    log_total = torch.logsumexp(log_precision, 1)
    share = (log_precision - log_total.unsqueeze(1)).exp()
    return (share * mean).sum(1), -0.5 * log_total


def gated_gaussian(weights, mean, log_std, variance):
    """Mean Σ w μ and log σ of a gated Gaussian, by eq. 15 or exactly for the weighted sum."""
    w = weights.unsqueeze(-1)
    factor = {"paper": w, "exact": w * w}[variance]
    total = (factor * (2.0 * log_std).exp()).sum(1)
    return (w * mean).sum(1), 0.5 * total.log()
