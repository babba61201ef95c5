"""What the scripts of this folder share; the standard library only."""

from __future__ import annotations

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
