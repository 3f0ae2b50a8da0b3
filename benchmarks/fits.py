"""How long does logistic regression take to fit, by scikit-learn and by the engine, from zero and from the last round?

    python benchmarks/fits.py --data FOLDER [--labels 100 300 500 1000 2000] [--C 10 1] [--words 2]

FOLDER/text/banking77.csv (77 classes), TF-IDF of up to `words` words in a row, at most 20,000 features, sublinear, min_df 2. One
thread for linear algebra. Seconds, the least of three: scikit-learn (L-BFGS) on all columns, on those that a labelled row uses,
and on these as near to the optimum as the engine goes; the engine on columns and by the Gram matrix, from zero and from 50 labels
fewer (in brackets: products with the features; a star: what it chooses by itself); a committee of ten. Errors are those of the
largest coefficient against a gradient of 1e-10.
"""

import argparse
import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as Plain

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine import generator, learners  # noqa: E402
from learning.engine.blocks import Matrix  # noqa: E402
from learning.engine.threads import one_thread  # noqa: E402

kernel_space = importlib.import_module("learning.engine.learners.kernel_space")
choose = kernel_space._prefers_rows
BATCH, MEMBERS, MAX_GRAM = 50, 10, 1000


def least(function: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), result


def plain(X: Matrix, y: np.ndarray, repeats: int, **settings: Any) -> tuple[float, np.ndarray]:
    seconds, model = least(lambda: Plain(**settings).fit(X, y), repeats)
    return seconds, model.coef_


def engine(X: Matrix, y: np.ndarray, C: float, by_rows: bool) -> tuple[str, np.ndarray]:
    """(how long a fit from zero and one from the last round take, the coefficients of the latter)."""
    learner = learners.get("logistic_regression")(C=C)
    positions, before = np.arange(len(y)), np.arange(len(y) - BATCH)
    chosen = "*" if choose(X[:, np.unique(X.indices)], len(np.unique(y))) == by_rows else " "
    kernel_space._prefers_rows = lambda X, n_logits: by_rows

    def fit(rows: np.ndarray, state: dict[str, np.ndarray] | None) -> tuple[Plain, dict[str, np.ndarray]]:
        estimator = learner.build(class_counts=np.ones(2), sparse=True, random_state=0)
        return learner.fit_warm(estimator, X[rows], y[rows], rows, state)

    cold, (model, _) = least(lambda: fit(positions, None))
    _, state = fit(before, None)
    warm, (near, _) = least(lambda: fit(positions, state))
    kernel_space._prefers_rows = choose
    return f"{cold:6.3f} ({model.n_iter_[0]:3}) {warm:6.3f} ({near.n_iter_[0]:3}){chosen}", near.coef_


def committee(X: Matrix, y: np.ndarray, C: float) -> float:
    rng = generator(0, "committee")
    weights = np.stack([np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y)) for _ in range(MEMBERS)])
    return least(lambda: learners.get("logistic_regression")(C=C).fit_committee(X, y, weights, 0), 1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA", ""), required="ALAMBIC_DATA" not in os.environ)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 500, 1000, 2000])
    parser.add_argument("--C", type=float, nargs="+", default=[10.0, 1.0])
    parser.add_argument("--words", type=int, default=2)
    arguments = parser.parse_args()
    frame = pd.read_csv(Path(arguments.data) / "text" / "banking77.csv")
    frame = frame[frame["split"] == "train"]
    features = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=20_000, ngram_range=(1, arguments.words))
    pool = features.fit_transform(frame["text"]).tocsr()
    codes = frame["label"].astype("category").cat.codes.to_numpy(dtype=np.int64)
    order = generator(0, "order").permutation(len(codes))
    print(f"{pool.shape[0]} texts, {pool.shape[1]} features, {pool.nnz / pool.shape[0]:.0f} per text")
    print(f"{'':22}| scikit-learn          as near | engine, columns: zero, warm | Gram matrix: zero, warm     | ten  | errors")
    print(f"{'C':>5} {'labels':>7} {'used':>6}  | {'all':>6} {'used':>6} {'':>7} {'':>9}|{'':29}|{'':29}|{'':6}| sklearn engine")
    warnings.simplefilter("ignore")
    for C in arguments.C:
        for n in arguments.labels:
            X, y = pool[order[:n]].astype(np.float64), codes[order[:n]]
            used = np.unique(X.indices)
            narrow = X[:, used]
            with one_thread():
                everything, _ = plain(X, y, 1, C=C, max_iter=1000)
                usual, sloppy = plain(narrow, y, 3, C=C, max_iter=1000)
                as_near, _ = plain(narrow, y, 1, C=C, max_iter=10_000, tol=1e-7)
                _, optimum = plain(narrow, y, 1, C=C, max_iter=100_000, tol=1e-10)
                columns, coef = engine(X, y, C, False)
                rows = engine(X, y, C, True)[0] if n <= MAX_GRAM else f"{'-':>27}"
                ten = committee(X, y, C)
            errors = f"{np.abs(sloppy - optimum).max():.1e} {np.abs(coef[:, used] - optimum).max():.1e}"
            print(
                f"{C:5g} {n:7} {len(used):6}  | {everything:6.2f} {usual:6.2f} {as_near:16.2f} "
                f"| {columns:27} | {rows:27} | {ten:4.1f} | {errors}",
                flush=True,
            )


if __name__ == "__main__":
    main()
