"""One cell of the table, in a process of its own: python cell.py LIBRARY TASK STRATEGY FOLDER FILE [--dense] [--memory GB] ...

Appends one JSON object per line to FILE: what it runs with, each round as soon as it is done, and how it ended. So what is
known when the time is up is kept.
"""

import argparse
import importlib
import json
import platform
import resource
import sys
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import tasks
from clock import clock
from scipy import sparse

_TEST = 5_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("task", choices=tasks.TASKS)
    parser.add_argument("strategy")
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--memory", type=float, default=8.0, help="GB")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dense", action="store_true", help="give a sparse X as a dense array")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    limit = int(arguments.memory * 2**30)
    # A library that builds all pairs of a large pool must not take the machine down.
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with arguments.file.open("a") as file:

        def write(**row) -> None:
            print(json.dumps(row), file=file, flush=True)

        try:
            measure(arguments, write)
        except BaseException as error:  # noqa: BLE001 - whatever a library raises is its result
            traceback.print_exc()
            write(end="fail", reason=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
            sys.exit(1)


def measure(arguments: argparse.Namespace, write) -> None:
    """The rounds of one library, strategy and task."""
    task = tasks.TASKS[arguments.task]
    task = replace(task, rounds=task.quick[0]) if arguments.quick else task
    adapter = importlib.import_module(f"adapters.{arguments.library}")
    if arguments.strategy not in adapter.STRATEGIES:
        write(end="absent")
        return
    before = _peak()
    X, y = tasks.load(arguments.folder)
    if arguments.dense:
        X = X.toarray()
    size = sum(part.nbytes for part in (X.data, X.indices, X.indptr)) if sparse.issparse(X) else X.nbytes
    write(begin=[_version(name) for name in ("sklearn", "numpy")], python=platform.python_version(), X_bytes=size, before=before)
    labeled = tasks.seed_set(y, task.seed_size)
    one_round = adapter.start(arguments.strategy, X, y, task)
    for number in range(1, task.rounds + 1):
        asked = np.asarray(one_round(labeled)).astype(np.int64)
        write(round=number, n_labeled=len(labeled), **clock.take(), peak=_peak())
        if len(asked) != task.batch or len(np.union1d(labeled, asked)) != len(labeled) + len(asked):
            raise AssertionError(f"{len(np.setdiff1d(asked, labeled))} new items of {len(asked)} asked, {task.batch} wanted")
        labeled = np.concatenate([labeled, asked])
    write(end="done", peak=_peak(), accuracy=_accuracy(X, y, labeled, task))


def _accuracy(X, y: np.ndarray, labeled: np.ndarray, task: tasks.Task) -> float:
    """Of a plain model of all labels, on others of the pool: whether libraries that should ask alike did so."""
    from sklearn.linear_model import LogisticRegression

    others = np.setdiff1d(np.arange(len(y)), labeled)
    others = np.random.default_rng(0).permutation(others)[:_TEST]
    return float(LogisticRegression(C=task.C, max_iter=task.max_iter).fit(X[labeled], y[labeled]).score(X[others], y[others]))


def _peak() -> int:
    """Bytes: the most that this process has had in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _version(name: str) -> str:
    return f"{name} {importlib.import_module(name).__version__}"


if __name__ == "__main__":
    main()
