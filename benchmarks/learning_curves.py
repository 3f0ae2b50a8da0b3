"""Learning curves of every strategy and batch mode beside random sampling, on four real data sets.

    python benchmarks/learning_curves.py --data FOLDER [--seeds 10] [--out curves.jsonl] [--report docs/learning-curves.md]

FOLDER holds text/trec6.csv, text/banking77.csv, images/mnist_5k.{zip,csv} and tabular/mammography.csv. Features and learner are
those that a newcomer gets. In one seed all strategies start from the same seed set, so the differences to random are paired.
Curves that are in the file already are not computed again.
"""

import argparse
import io
import json
import os
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process per core; the results do not depend on it

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.stats import t as student  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine import default_settings, normalised_area, simulate, strategies  # noqa: E402
from learning.engine.store import build  # noqa: E402

# data set: (kind, seed size, last number of labels, the score)
SETS = {
    "trec6": ("text", 25, 525, "accuracy"),
    "banking77": ("text", 159, 1159, "accuracy"),
    "mnist_5k": ("image", 25, 525, "accuracy"),
    "mammography": ("table", 100, 600, "f1_macro"),
}
# As Schröder et al. (2022) set it up, whose TREC-6 is the known case of best-first margin losing to random.
SETS["trec6, linear SVM"] = ("text", 25, 525, "accuracy")
_AS_PUBLISHED = {
    "trec6, linear SVM": {
        "file": "trec6",
        "features": {"name": "tfidf", "ngram_max": 2, "min_df": 1, "max_features": 50_000, "sublinear_tf": False},
        "learner": {"name": "linear_svm"},
        "how_seeded": "stratified",
    }
}
BATCHES = (25, 250)
_SLOW = {"expected_error_reduction", "quire"}  # by design: they look at small candidate sets


def variants() -> dict[str, dict]:
    """Name -> settings: margin in every batch mode, the other scores in the default one, and what builds its batch itself."""
    modes = ("top", "rank", "power", "softmax", "diverse", "ranked", "cluster_margin")
    found = {"random": {"name": "random"}}
    found |= {f"margin, {mode}": {"name": "margin", "batch_mode": mode} for mode in modes}
    found["margin, rank, balanced"] = {"name": "margin", "batch_mode": "rank", "balance": True}
    found["entropy, top"] = {"name": "entropy", "batch_mode": "top"}
    for entry in strategies:
        if entry.name in {"random", "margin"}:
            continue
        scored = any(parameter.name == "batch_mode" for parameter in entry.parameters)
        settings = {"name": entry.name} | ({"batch_mode": "rank"} if scored else {})
        found[f"{entry.name}, rank" if scored else entry.name] = settings
    return found


def _text(folder: Path, name: str):
    table = pd.read_csv(folder / "text" / f"{name}.csv")
    return table["text"].tolist(), table["label"], (table["split"] == "train").to_numpy()


def _image(folder: Path, name: str):
    table = pd.read_csv(folder / "images" / f"{name}.csv")
    with zipfile.ZipFile(folder / "images" / f"{name}.zip") as archive:
        items = [io.BytesIO(archive.read(file)) for file in table["file"]]
    return items, table["label"], (table["split"] == "train").to_numpy()


def _table(folder: Path, name: str):
    table = pd.read_csv(folder / "tabular" / f"{name}.csv")
    train = np.ones(len(table), dtype=bool)
    train[np.random.default_rng(0).choice(len(table), len(table) // 3, replace=False)] = False
    return table.drop(columns="label"), table["label"], train


@cache
def load(folder: str, name: str):
    """(X, class codes, pool, test): features fitted on the pool only."""
    kind, own = SETS[name][0], _AS_PUBLISHED.get(name, {})
    items, labels, train = {"text": _text, "image": _image, "table": _table}[kind](Path(folder), own.get("file", name))
    codes = labels.astype("category").cat.codes.to_numpy(dtype=np.int64)
    pool, test = np.flatnonzero(train), np.flatnonzero(~train)
    X, _ = build(own.get("features", default_settings(kind)["features"]), items, pool, 0)
    return X, codes, pool, test


def one_curve(folder: str, name: str, batch_size: int, variant: str, settings: dict, seed: int) -> dict:
    """The normalised area, the last score and the seconds of one curve."""
    kind, seed_size, max_labels, metric = SETS[name]
    X, y, pool, test = load(folder, name)
    own = _AS_PUBLISHED.get(name, {})
    begun = time.perf_counter()
    history = simulate(
        X, y, pool, test,
        learner=own.get("learner", default_settings(kind)["learner"]), strategy=settings,
        how_seeded=own.get("how_seeded", "random"),
        batch_size=batch_size, seed_size=seed_size, max_labels=max_labels, seed=seed,
    )  # fmt: skip
    measured = [row for row in history if row["metrics"]]
    scores = [row["metrics"][metric]["value"] for row in measured]
    area = normalised_area([row["n_labeled"] for row in measured], scores)
    seconds = (time.perf_counter() - begun) / len(history)
    return {
        "set": name, "batch": batch_size, "variant": variant, "seed": seed,
        "area": area, "final": scores[-1], "seconds": seconds,
    }  # fmt: skip


def summary(results: pd.DataFrame) -> str:
    """One table per data set: the mean area, and the paired difference to random with its 95 % interval (Student's t)."""
    lines = []
    for name in SETS:
        mine = results[results["set"] == name]
        if mine.empty:
            continue
        kind, seed_size, max_labels, metric = SETS[name]
        n = mine["seed"].nunique()
        lines += [
            f"### {name}: {kind}, {seed_size} to {max_labels} labels, {metric.replace('_', ' ')}, {n} seeds",
            "",
            "| strategy | " + " | ".join(f"area, b = {b} | - random | last" for b in BATCHES) + " |",
            "|---|" + "---|" * 3 * len(BATCHES),
        ]
        order = {variant: place for place, variant in enumerate(variants())}
        for variant in sorted(mine["variant"].unique(), key=lambda v: order.get(v, 99)):
            cells = []
            for batch in BATCHES:
                rows = mine[(mine["variant"] == variant) & (mine["batch"] == batch)].set_index("seed")
                base = mine[(mine["variant"] == "random") & (mine["batch"] == batch)].set_index("seed")["area"]
                cells += _cells(rows, base, variant == "random")
            lines.append(f"| {variant} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _cells(rows: pd.DataFrame, base: pd.Series, is_base: bool) -> list[str]:
    if rows.empty:
        return ["-", "", ""]
    difference = (rows["area"] - base).dropna()
    shown = ""
    if not is_base and len(difference) > 1:
        half = student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / len(difference) ** 0.5
        sure = "**" if abs(difference.mean()) > half else ""
        shown = f"{sure}{difference.mean():+.3f}{sure} ± {half:.3f}"
    return [f"{rows['area'].mean():.3f} ± {rows['area'].std(ddof=1):.3f}", shown, f"{rows['final'].mean():.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA"), help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--batches", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--variants", nargs="+", help="names as in the table; all but the very slow ones where left out")
    parser.add_argument("--out", type=Path, default=Path("curves.jsonl"))
    parser.add_argument("--report", type=Path, help="write the tables into this file, between its two marks")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("say where the data sets are: --data FOLDER, or ALAMBIC_DATA")
    rows = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    done = {(row["set"], row["batch"], row["variant"], row["seed"]) for row in rows}
    known = variants()
    wanted = arguments.variants or [v for v, settings in known.items() if settings["name"] not in _SLOW]
    todo = [
        (arguments.data, name, batch, variant, known[variant], seed)
        for name in arguments.sets
        for seed in range(arguments.seeds)
        for batch in arguments.batches
        for variant in wanted
        if (name, batch, variant, seed) not in done
    ]
    with ProcessPoolExecutor(arguments.processes) as pool, arguments.out.open("a") as file:
        for future in [pool.submit(one_curve, *task) for task in todo]:
            row = future.result()
            rows.append(row)
            print(json.dumps(row), file=file, flush=True)
    text = summary(pd.DataFrame(rows))
    print(text)
    if arguments.report:
        before, mark, rest = arguments.report.read_text().partition("<!-- curves -->\n")
        arguments.report.write_text(f"{before}{mark}\n{text}\n<!-- end -->\n{rest.partition('<!-- end -->')[2].lstrip()}")


if __name__ == "__main__":
    main()
