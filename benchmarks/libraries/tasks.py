"""The work: data, seed set, batch, rounds. Made once, kept on disk, the same for every library.

python tasks.py TASK FOLDER DATA [--quick] makes the data of a task.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer

_BLOCK = 50_000


@dataclass(frozen=True)
class Task:
    """`quick`: (rounds, items of the pool) of a first look."""

    name: str
    title: str
    seed_size: int
    batch: int
    rounds: int
    quick: tuple[int, int]
    C: float = 1.0
    max_iter: int = 1000


TASKS = {
    task.name: task
    for task in (
        Task("a", "banking77: 9,000 texts, 77 classes, TF-IDF of words and pairs, 20,000 features", 100, 50, 10, (3, 2_000)),
        Task("b", "digits: 1,797 x 64, 10 classes", 20, 10, 40, (5, 1_797)),
        Task("c", "100,000 x 256 dense float32, 10 classes", 100, 100, 5, (2, 20_000)),
        Task("d", "1,000,000 x 128 dense float32, 10 classes; one round", 500, 100, 1, (1, 100_000)),
    )
}


def prepare(task: Task, folder: Path, data: str, quick: bool) -> None:
    """Write X and y of the pool into the folder, unless they are there."""
    if (folder / "y.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    n = task.quick[1] if quick else None
    if task.name == "a":
        X, y = _banking77(data, n or 9_000)
        sparse.save_npz(folder / "X.npz", X, compressed=False)
    elif task.name == "b":
        X, y = load_digits(return_X_y=True)
        np.save(folder / "X.npy", X / 16)
    else:
        n_full, d = {"c": (100_000, 256), "d": (1_000_000, 128)}[task.name]
        y = _gaussians(folder / "X.npy", n or n_full, d, 10)
    np.save(folder / "y.npy", np.asarray(y, dtype=np.int64))  # last: it says that all is there


def load(folder: Path) -> tuple[np.ndarray | sparse.csr_matrix, np.ndarray]:
    """X (n, d), a CSR matrix or an array in memory, and y (n,) class codes."""
    y = np.load(folder / "y.npy")
    if (folder / "X.npz").exists():
        return sparse.csr_matrix(sparse.load_npz(folder / "X.npz")), y
    return np.load(folder / "X.npy"), y


def seed_set(y: np.ndarray, size: int) -> np.ndarray:
    """(size,) positions: one of each class, the rest at random, so that no library stumbles over a class it never saw."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    _, first = np.unique(y[order], return_index=True)
    others = np.delete(order, first)
    return np.sort(np.concatenate([order[first], others[: size - len(first)]]))


def _banking77(data: str, n: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    path = Path(data) / "text" / "banking77.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    chosen = np.random.default_rng(0).permutation(len(rows))[:n]
    texts = [rows[i]["text"] for i in chosen]
    _, codes = np.unique([rows[i]["label"] for i in chosen], return_inverse=True)
    vectorizer = TfidfVectorizer(max_features=20_000, ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
    return vectorizer.fit_transform(texts), codes


def _gaussians(path: Path, n: int, d: int, n_classes: int) -> np.ndarray:
    """Classes of equal size in expectation, unit variance, centers at distance 3 from the origin: they overlap a little."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((n_classes, d))
    centers *= 3 / np.linalg.norm(centers, axis=1, keepdims=True)
    y = rng.integers(n_classes, size=n)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))
    for start in range(0, n, _BLOCK):
        codes = y[start : start + _BLOCK]
        X[start : start + _BLOCK] = rng.standard_normal((len(codes), d), dtype=np.float32) + centers[codes]
    return y


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    prepare(TASKS[arguments.task], arguments.folder, arguments.data, arguments.quick)


if __name__ == "__main__":
    _main()
