"""The Wisconsin breast cancer rows of a published table, over all its seeds.

    python benchmarks/anchors.py [--seeds 100]

Lu, Li & Lin (2023), Re-benchmarking pool-based active learning for binary classification: 341 rows in the pool, 20 of them
labelled, one query at a time until it is empty, an RBF-SVM scored on 228 rows. AUBC: the area after the queries 1..321 by
trapezoids / 321. Published means and standard deviations over the seeds 0 to 99: margin .9652 +- .0103, margin of a logistic
regression that only asks .9597 +- .0111, core-set .9586 +- .0105, random .9539 +- .0130 (another random stream than ours).
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine import Context, select  # noqa: E402
from tests.engine.test_anchors import wdbc  # noqa: E402

PUBLISHED = {
    "margin": (0.9652, 0.0103),
    "margin of logistic regression": (0.9597, 0.0111),
    "core-set": (0.9586, 0.0105),
    "random": (0.9539, 0.0130),
}


def area(row: str, seed: int) -> float:
    """AUBC of one row of the table for one seed, asking through the engine."""
    X, y, X_test, y_test, labeled = wdbc(seed)
    codes, rng, cache = (y > 0).astype(int), np.random.default_rng(seed), {}
    left, scores = np.arange(20, 341), []
    while True:
        rows = np.sort(labeled)
        model = SVC(C=1, gamma="auto").fit(X[rows], y[rows])
        scores.append(model.score(X_test, y_test))
        if len(left) == 0:
            return float(np.trapezoid(scores[1:]) / 321)
        proba = None
        if row == "margin":  # the distance from the boundary stands for a probability: only its order counts
            proba = 1 / (1 + np.exp(-model.decision_function(X[left])))
        elif row.startswith("margin of"):
            proba = LogisticRegression(C=0.1).fit(X[rows], y[rows]).predict_proba(X[left])[:, 1]
        name = {"core-set": "k_center", "random": "random"}.get(row, "margin")
        settings = {"name": name} | ({"batch_mode": "top"} if name == "margin" else {})
        context = Context(
            X=X, labeled=rows, y=codes[rows], candidates=left, rng=rng, n_classes=2, cache=cache,
            proba=None if proba is None else np.column_stack([1 - proba, proba]), model=model,
        )  # fmt: skip
        pick = int(select(settings, context, 1).positions[0])
        labeled = [*labeled, pick]
        left = left[left != pick]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rows", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.processes) as pool:
        for row in arguments.rows:
            begun = time.perf_counter()
            areas = list(pool.map(area, [row] * arguments.seeds, range(arguments.seeds)))
            mean, sd = PUBLISHED[row]
            found = f"{np.mean(areas):.4f} +- {np.std(areas, ddof=1):.4f}" if len(areas) > 1 else f"{areas[0]:.5f}"
            about = f"({len(areas)} seeds, {time.perf_counter() - begun:.0f} s)"
            print(f"{row:32} published {mean:.4f} +- {sd:.4f}   found {found}   {about}")
            print("  " + " ".join(f"{value:.5f}" for value in areas[:10]), flush=True)


if __name__ == "__main__":
    main()
