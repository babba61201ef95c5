#!/usr/bin/env python3
"""Writes parity cases: losses and gradients from PyTorch in 64 bits, which tests/parity reproduces.

README.md describes the format. Needs Python 3.10 or newer with

    pip install -r requirements.txt

    generate.py            write the committed cases to this folder
    generate.py --check    recompute the committed cases and compare
    generate.py --out DIR --seed 7 --cases 200    write other cases, for PMOE_PARITY_DIR of the test
"""

import argparse
import pathlib
import sys

import numpy as np

from parity import known, matrix
from parity.case import build

HERE = pathlib.Path(__file__).resolve().parent
COMMITTED_SEED = 0


def case(name, family, switches, seed, single=False):
    """Builds the case `name`, with one primitive if `single`."""
    method = matrix.FAMILIES[family][0]
    rng = np.random.Generator(np.random.PCG64([*seed, 1]))
    sizes, scalars = matrix.sizes_and_scalars(method, switches, rng)
    if single:
        sizes["K"] = 1
    return build(matrix.define, name, method, sizes, switches, scalars, [*seed, 2])


def committed():
    """Every pair of switches of each family, and each family of mixtures with one primitive."""
    for family_index, (family, (method, space)) in enumerate(matrix.FAMILIES.items()):
        combinations = matrix.covering(space)
        for index, switches in enumerate(combinations):
            seed = [COMMITTED_SEED, family_index, index]
            yield case(f"{family}-{index + 1:02}", family, switches, seed)
        if method not in (*matrix.SINGLE, *matrix.SEVERAL):
            seed = [COMMITTED_SEED, family_index, len(combinations)]
            yield case(f"{family}-one-primitive", family, combinations[0], seed, single=True)


def drawn(seed, count):
    """`count` cases with random switches, taking the families in turn."""
    families = list(matrix.FAMILIES)
    for index in range(count):
        family = families[index % len(families)]
        rng = np.random.Generator(np.random.PCG64([seed, index, 0]))
        space = matrix.FAMILIES[family][1]
        switches = {name: values[rng.integers(len(values))] for name, values in space.items()}
        yield case(f"{family}-{seed}-{index:04}", family, switches, [seed, index])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()

    known.check()
    if args.seed is None and args.cases is None:
        cases = committed()
    else:
        if args.out == HERE:
            parser.error("--seed and --cases need --out: this folder holds the committed cases")
        cases = drawn(args.seed or 0, 100 if args.cases is None else args.cases)
    differences, count = [], 0
    for made in cases:
        count += 1
        if args.check:
            differences += made.check(args.out)
        else:
            made.write(args.out)
    print("\n".join(differences or [f"{count} cases {'agree' if args.check else 'written'}"]))
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
