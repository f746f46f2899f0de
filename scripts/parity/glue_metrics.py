#!/usr/bin/env python3
"""Compares the figures of GLUE (train/tasks/metrics.h) with scikit-learn's and scipy's to 1e-12.

    pip install scipy scikit-learn
    scripts/parity/glue_metrics.py                         # 1,000 random cases of 1 to 5,000 samples
    scripts/parity/glue_metrics.py --cases 60 --largest 30 --write tests/train/data/glue_metrics.json

Makes cases with their answers and runs the test that compares them, of the program given; with
--write it only makes them: so the cases came to be that the tests always read. Exits with 1 if one
differs.
"""

import argparse
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]


def size(rng, largest):
    """Small sizes as likely as large ones."""
    return min(largest, int(math.exp(rng.uniform(0, math.log(largest + 1)))))


def class_case(rng, largest):
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    n, kind = size(rng, largest), rng.choice(["random", "right", "one predicted", "one true", "both one", "wrong"])
    classes = rng.choice([2, 2, 2, 3, 5])
    weights = [rng.random() ** 3 + 1e-3 for _ in range(classes)]
    truth = rng.choices(range(classes), weights, k=n)
    skill = rng.random()
    predicted = [t if rng.random() < skill else rng.randrange(classes) for t in truth]
    if kind == "right":
        predicted = list(truth)
    if kind == "wrong":
        predicted = [(t + 1) % classes for t in truth]
    if kind in ("one predicted", "both one"):
        predicted = [rng.randrange(classes)] * n
    if kind in ("one true", "both one"):
        truth = [rng.randrange(classes)] * n
    first = f1_score(truth, predicted, labels=[1], average="macro", zero_division=0)  # of class 1 alone
    return {"kind": "classes", "what": kind, "classes": classes, "predicted": predicted, "truth": truth,
            "accuracy": accuracy_score(truth, predicted), "f1": first,
            "matthews": matthews_corrcoef(truth, predicted)}


def side(rng, n, kind, basis):
    """Scores and the same scores as scipy is to see them: without an offset that its own sums would suffer from."""
    noise = rng.choice([0, 0.1, 1, 100])
    values = [b + noise * rng.gauss(0, 1) for b in basis]
    if kind == "ties":
        values = [float(round(min(3, max(-3, v)))) for v in values]
    if kind == "two values":
        values = [float(v > 0) for v in values]
    if kind == "constant":
        values = [2.5] * n
    if kind == "one differs":
        values = [1.0] * n
        values[rng.randrange(n)] = 1.5
    if kind == "tiny":
        values = [v * 1e-150 for v in values]
    if kind == "offset":  # what is subtracted again is exact: both are multiples of one power of two
        spread = rng.choice([1, 1e-6])
        values = [1e6 + v * spread for v in values]
        return values, [v - 1e6 for v in values]
    return values, values


def score_case(rng, largest):
    from scipy.stats import pearsonr, spearmanr

    n = size(rng, largest)
    kinds = [rng.choice(["random", "random", "ties", "two values", "constant", "one differs", "offset", "tiny"])
             for _ in range(2)]
    basis = [rng.gauss(0, 2) for _ in range(n)]
    sides = [side(rng, n, kind, basis) for kind in kinds]
    seen = [s for _, s in sides]
    defined = n > 1 and all(len(set(s)) > 1 for s in seen)  # scipy: NaN, or an error for n = 1
    return {"kind": "scores", "what": " and ".join(kinds), "predicted": sides[0][0], "truth": sides[1][0],
            "pearson": float(pearsonr(*seen)[0]) if defined else None,
            "spearman": float(spearmanr(*seen)[0]) if defined else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--largest", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/cpu/bin/test_train")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scipy and scikit-learn warn of every degenerate case
    rng = random.Random(options.seed)
    makers = [class_case, score_case]
    cases = [makers[i % 2](rng, options.largest) for i in range(options.cases)]
    text = "[\n" + ",\n".join(json.dumps(case, allow_nan=False, separators=(",", ":")) for case in cases) + "\n]\n"
    if options.write:
        options.write.write_text(text)
        print(f"{options.write}: {len(cases)} cases")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "cases.json"
        file.write_text(text)
        tests = [options.program, "[glue_metrics_parity]"]
        result = subprocess.run(tests, env=dict(os.environ, ORCHID_GLUE_METRICS=str(file)))
    print(f"{len(cases)} cases with up to {max(len(c['truth']) for c in cases)} samples compared")
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
