"""Margin sampling against random sampling on two real text sets: learning curves over several seeds.

    python benchmarks/curves.py --data FOLDER

FOLDER holds text/banking77.csv and text/trec6.csv with the columns text, label and split (train, test). TF-IDF and logistic
regression with the settings that a newcomer gets. Both strategies start from the same seed set, so the difference is paired.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine import default_settings, normalised_area, simulate  # noqa: E402
from learning.engine.store import build  # noqa: E402

# seed size, last number of labels, batch size
TASKS = {"banking77": (159, 1500, 100), "trec6": (25, 525, 25)}


def read(path: Path) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """(texts, class codes, positions of the pool, positions of the test set)."""
    table = pd.read_csv(path)
    codes = table["label"].astype("category").cat.codes.to_numpy(dtype=np.int64)
    return table["text"].tolist(), codes, np.flatnonzero(table["split"] == "train"), np.flatnonzero(table["split"] == "test")


def curves(
    path: Path, sizes: tuple[int, int, int], strategies: list[str], n_seeds: int, learner: dict, features: dict
) -> pd.DataFrame:
    """One row per strategy and seed: area, final accuracy, seconds per round."""
    texts, y, pool, test = read(path)
    X, _ = build(features, texts, pool, 0)
    seed_size, max_labels, batch_size = sizes
    rows = []
    for seed in range(n_seeds):
        for strategy in strategies:
            begun = time.perf_counter()
            history = simulate(
                X,
                y,
                pool,
                test,
                learner=learner,
                strategy={"name": strategy},
                batch_size=batch_size,
                seed_size=seed_size,
                max_labels=max_labels,
                seed=seed,
            )
            scores = [r["metrics"]["accuracy"]["value"] for r in history]
            area = normalised_area([r["n_labeled"] for r in history], scores)
            seconds = (time.perf_counter() - begun) / len(history)
            rows.append({"strategy": strategy, "seed": seed, "area": area, "final": scores[-1], "seconds": seconds})
    return pd.DataFrame(rows)


def report(name: str, results: pd.DataFrame, sizes: tuple[int, int, int]) -> str:
    """The table of one data set, and each strategy's paired difference to random."""
    n = results["seed"].nunique()
    lines = [f"{name}: {sizes[0]} to {sizes[1]} labels, batch {sizes[2]}, {n} seeds (mean +- sd)"]
    lines.append(f"{'strategy':18}{'area':>18}{'final accuracy':>18}{'s per round':>13}{'area - random':>20}")
    baseline = results[results["strategy"] == "random"].set_index("seed")["area"]
    for strategy, rows in results.groupby("strategy", sort=False):
        difference = rows.set_index("seed")["area"] - baseline
        cells = [f"{rows[column].mean():.4f} +- {rows[column].std(ddof=1):.4f}" for column in ("area", "final")]
        paired = "" if strategy == "random" else f"{difference.mean():+.4f} +- {difference.std(ddof=1):.4f}"
        lines.append(f"{strategy:18}{cells[0]:>18}{cells[1]:>18}{rows['seconds'].mean():13.2f}{paired:>20}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ALAMBIC_DATA"), help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--strategies", nargs="+", default=["random", "margin"])
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("say where the data sets are: --data FOLDER, or ALAMBIC_DATA")
    settings = default_settings("text")
    for task in arguments.tasks:
        path = Path(arguments.data) / "text" / f"{task}.csv"
        results = curves(path, TASKS[task], arguments.strategies, arguments.seeds, settings["learner"], settings["features"])
        print(report(task, results, TASKS[task]), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
