"""What the scripts of this folder share; the standard library only."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from importlib import metadata

# Random actions of SAC before the first update.
LEARNING_STARTS = 1000
# Steps with updates before the clock starts: caches warm, everything compiled.
WARM_UP = 500


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """First quartile, median and third quartile of at least two values."""
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return {"q1": q1, "median": median, "q3": q3}


def versions(*packages: str) -> dict[str, str]:
    """Installed versions by package name."""
    return {package: metadata.version(package) for package in packages}


def check_close(name: str, largest: float) -> None:
    """Says by how much two sides differ at most, and fails above 1e-5 or if that is NaN."""
    if not largest < 1e-5:
        raise SystemExit(f"{name}: {largest}")
    print(f"{name}: largest difference {largest:.1e}")


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every script takes that trains on one task."""
    parser.add_argument("--task", default="Hopper-v4", help="id of a Gymnasium environment")
    parser.add_argument("--steps", type=int, default=2000, help="environment steps to time")
    parser.add_argument("--buffer", type=int, default=200_000, help="transitions to keep")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
