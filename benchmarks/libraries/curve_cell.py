"""One whole learning curve in one library, in a process of its own: python curve_cell.py LIBRARY STRATEGY FOLDER SETTINGS(json).

FOLDER has X.npy or X.npz, y.npy, pool.npy, test.npy and seed.npy. Prints one line of JSON: the seconds of the loop (wall and CPU;
loading and imports not counted) and the accuracy on the test set after each round.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

warnings.filterwarnings("ignore")


def load(folder: Path):
    X = sparse.load_npz(folder / "X.npz") if (folder / "X.npz").exists() else np.load(folder / "X.npy")
    return (X, *(np.load(folder / f"{name}.npy") for name in ("y", "pool", "test", "seed")))


def ours(strategy, X, y, pool, test, seed, s):
    from learning import engine

    names = {name: {"name": name, "batch_mode": "top"} for name in ("margin", "entropy")}

    class Seeded(engine.Simulation):
        """With the seed set that the others start from."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._labeled[:] = False
            self.labeled = np.empty(0, dtype=np.int64)
            self._ask(seed)

    chosen = names.get(strategy, {"name": strategy})
    begun = time.perf_counter(), time.process_time()
    curve, trial = [], Seeded(
        X, y, pool, test, learner={"name": "logistic_regression", "C": s["C"]}, strategy=chosen, batch_size=s["batch"],
        seed_size=len(seed), max_labels=len(seed) + s["batch"] * s["rounds"], seed=0, intervals=False, metrics=["accuracy"],
    )  # fmt: skip
    for _ in range(s["rounds"] + 1):
        curve.append(trial.step()["metrics"]["accuracy"]["value"])
    return begun, curve


def scikit_activeml(strategy, X, y, pool, test, seed, s):
    from skactiveml import pool as strategies
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    if sparse.issparse(X):
        X = X.toarray()
    begun = time.perf_counter(), time.process_time()
    X_pool, y_pool = X[pool], y[pool]
    X_test, y_test = X[test], y[test]
    known = np.full(len(pool), np.nan)
    start = np.searchsorted(pool, np.sort(seed))
    known[start] = y_pool[start]
    clf = SklearnClassifier(LogisticRegression(C=s["C"], max_iter=1000), classes=np.unique(y_pool), random_state=0)
    query = {
        "random": lambda: strategies.RandomSampling(random_state=0),
        "margin": lambda: strategies.UncertaintySampling(method="margin_sampling", random_state=0),
        "entropy": lambda: strategies.UncertaintySampling(method="entropy", random_state=0),
        "k_center": lambda: strategies.CoreSet(random_state=0),
        "badge": lambda: strategies.Badge(random_state=0),
        "typiclust": lambda: strategies.TypiClust(random_state=0),
    }[strategy]()
    curve = []
    for number in range(s["rounds"] + 1):
        clf.fit(X_pool, known)
        curve.append(float((clf.predict(X_test) == y_test).mean()))
        if number < s["rounds"]:
            arguments = {"clf": clf, "fit_clf": False} if strategy in ("margin", "entropy", "badge") else {}
            asked = query.query(X=X_pool, y=known, batch_size=s["batch"], **arguments)
            known[asked] = y_pool[asked]
    return begun, curve


def alipy(strategy, X, y, pool, test, seed, s):
    import collections
    import collections.abc

    collections.Iterable = collections.abc.Iterable  # ALiPy 1.2.5 looks for it where Python 3.9 had it
    from alipy import index, query_strategy
    from sklearn.linear_model import LogisticRegression

    np.random.seed(0)  # noqa: NPY002 - that is where ALiPy takes its chance from
    begun = time.perf_counter(), time.process_time()
    settings = {"k_center": {"train_idx": pool}, "random": {}}.get(strategy, {"measure": strategy})
    kind = {"random": "QueryInstanceRandom", "k_center": "QueryInstanceCoresetGreedy"}.get(strategy, "QueryInstanceUncertainty")
    query = getattr(query_strategy, kind)(X, y, **settings)
    model = LogisticRegression(C=s["C"], max_iter=1000)
    labeled, curve = np.sort(seed), []
    for number in range(s["rounds"] + 1):
        model.fit(X[labeled], y[labeled])
        curve.append(float(model.score(X[test], y[test])))
        if number < s["rounds"]:
            unlabeled = np.setdiff1d(pool, labeled)
            if strategy == "random":
                unlabeled = index.IndexCollection(unlabeled)
            arguments = {"model": model} if kind == "QueryInstanceUncertainty" else {}
            asked = np.asarray(query.select(labeled, unlabeled, batch_size=s["batch"], **arguments))
            labeled = np.sort(np.concatenate([labeled, asked]))
    return begun, curve


if __name__ == "__main__":
    library, strategy, folder, settings = sys.argv[1:]
    data = load(Path(folder))
    begun, curve = {"ours": ours, "scikit_activeml": scikit_activeml, "alipy": alipy}[library](
        strategy, *data, json.loads(settings)
    )
    print(json.dumps({"wall": time.perf_counter() - begun[0], "cpu": time.process_time() - begun[1], "curve": curve}))
