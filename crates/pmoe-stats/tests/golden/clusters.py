#!/usr/bin/env python3
"""Writes clusters.json: clusters and embeddings of points by scikit-learn.

Needs Python 3.11 with

    pip install scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

    clusters.py             write the committed file, next to this script
    clusters.py --check     recompute and compare bit for bit (needs the same machine and versions)

k-means starts from given centres and stops when no point changes its cluster. Silhouettes are
exact. t-SNE is chaotic: only the final divergences of several starts can be compared.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_samples

FILE = pathlib.Path(__file__).resolve().parent / "clusters.json"


def blobs(rng, num_points, dim, num_blobs, spread):
    centers = spread * rng.normal(size=(num_blobs, dim))
    return centers[np.arange(num_points) % num_blobs] + rng.normal(size=(num_points, dim))


def cases():
    """Yields name, points and initial centres."""
    rng = np.random.default_rng(20201012)
    points = blobs(rng, 40, 3, 4, 4.0)
    yield "separated, a start in each", points, points[:4]
    yield "separated, a bad start", points, points[[0, 4, 8, 1]]
    points = blobs(rng, 60, 2, 5, 1.0)
    yield "overlapping", points, points[:5]
    points = blobs(rng, 24, 5, 3, 3.0)
    yield "a start far from all points", points, np.vstack([points[:2], np.full((1, 5), 100.0)])
    points = rng.integers(0, 3, (30, 2)).astype(float)
    yield "ties", points, np.array([[0.2, 0.1], [1.9, 2.1], [0.3, 1.8]])
    points = rng.normal(size=(9, 7))
    yield "one point in each cluster but one", points, points[:8]


def case(name, points, centers):
    means = KMeans(len(centers), init=centers, n_init=1, max_iter=300, tol=0.0, algorithm="lloyd")
    means.fit(points)
    return {
        "name": name,
        "dim": points.shape[1],
        "points": points.ravel().tolist(),
        "start": centers.ravel().tolist(),
        "labels": means.labels_.tolist(),
        "centers": means.cluster_centers_.ravel().tolist(),
        "inertia": means.inertia_,
        "silhouettes": silhouette_samples(points, means.labels_).tolist(),
    }


def tsne():
    """Final divergences of several starts. The points follow the formula in the test."""
    index, axis = np.arange(300)[:, None], np.arange(6)[None, :]
    blob = index % 5
    points = 4.0 * np.cos(2.4 * blob * (axis + 1.0)) + np.sin(1.0 + 12.9898 * index + 78.233 * axis)
    divergences = []
    for seed in range(12):
        model = TSNE(2, perplexity=30, learning_rate=150, max_iter=1000, early_exaggeration=12,
                     n_iter_without_progress=1000, min_grad_norm=0.0, init="random",
                     random_state=seed, method="barnes_hut", angle=0.5)
        model.fit(points)
        divergences.append(float(model.kl_divergence_))
    return {"divergences": divergences}


def main():
    lines = ",\n".join(json.dumps(case(*arguments)) for arguments in cases())
    text = f'{{"tsne": {json.dumps(tsne())}, "cases": [\n{lines}\n]}}\n'
    if sys.argv[1:] == ["--check"]:
        if text != FILE.read_text():
            sys.exit(f"{FILE} is not what scikit-learn computes here")
    elif not sys.argv[1:]:
        FILE.write_text(text)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
