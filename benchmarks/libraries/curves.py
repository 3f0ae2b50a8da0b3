"""Whole learning curves beside scikit-activeml and ALiPy, with the same learner, split and seed set: how fast, and do they agree?

    python benchmarks/libraries/curves.py --data FOLDER [--limit 600] [--cache FOLDER] [--report docs/benchmarks.md]

Train, predict the pool, select, score the test set; one process and one thread each. `banking77` is a random part of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "benchmarks")]

from run import _environment, python_for  # noqa: E402

LIBRARIES = {"ours": "ALAMBIC", "scikit_activeml": "scikit-activeml 1.0.1", "alipy": "ALiPy 1.2.5"}
# data set: (rows at most, seed size, batch, rounds)
SETS = {
    "banking77": (0, 154, 25, 40),
    "banking77, 20,000 features": (0, 154, 25, 40),  # words and pairs, none too rare: as in run.py's (a)
    "mnist_5k": (0, 50, 25, 20),
    "mammography": (0, 100, 25, 20),
}
STRATEGIES = ("random", "margin", "entropy", "k_center", "badge", "typiclust")
NOT_OFFERED = {("alipy", "badge"), ("alipy", "typiclust")}


def prepare(data: str, name: str, folder: Path) -> None:
    import learning_curves
    import numpy as np
    from scipy import sparse

    learning_curves.SETS["banking77, 20,000 features"] = ("text", 0, 0, "accuracy")
    features = {"name": "tfidf", "ngram_max": 2, "min_df": 1, "max_features": 20_000}
    learning_curves._AS_PUBLISHED["banking77, 20,000 features"] = {"file": "banking77", "features": features}
    X, y, pool, test = learning_curves.load(data, name)
    most, seed_size, *_ = SETS[name]
    rng = np.random.default_rng(0)
    if most and len(pool) > most:
        pool, test = np.sort(rng.choice(pool, most, replace=False)), np.sort(rng.choice(test, most // 3, replace=False))
    (sparse.save_npz if sparse.issparse(X) else np.save)(folder / ("X.npz" if sparse.issparse(X) else "X.npy"), X)
    seed = np.sort(rng.choice(pool, seed_size, replace=False))
    for what, values in (("y", y), ("pool", pool), ("test", test), ("seed", seed)):
        np.save(folder / f"{what}.npy", values)


def cell(library: str, strategy: str, folder: Path, settings: dict, cache: Path, limit: float) -> dict | None:
    command = [python_for(library, cache), str(HERE / "curve_cell.py"), library, strategy, str(folder), json.dumps(settings)]
    try:
        done = subprocess.run(command, env=_environment(library), capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(done.stderr[-1500:], file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--limit", type=float, default=600, help="seconds per curve")
    parser.add_argument("--cache", type=Path, default=ROOT / ".benchmarks", help="environments of the libraries")
    parser.add_argument("--report", type=Path, help="write the table into this file, between its two marks")
    arguments = parser.parse_args()
    lines = [
        "| data set | strategy | " + " | ".join(LIBRARIES.values()) + " | faster than the faster one | mean accuracy of each |",
        "|---" * (len(LIBRARIES) + 4) + "|",
    ]
    for name in arguments.sets:
        _, _, batch, rounds = SETS[name]
        with tempfile.TemporaryDirectory() as folder:
            prepare(arguments.data, name, Path(folder))
            every = {}
            for strategy in arguments.strategies:
                settings = {"C": 10.0, "batch": batch, "rounds": rounds}
                every[strategy] = {
                    library: cell(library, strategy, Path(folder), settings, arguments.cache.resolve(), arguments.limit)
                    for library in LIBRARIES
                    if (library, strategy) not in NOT_OFFERED
                }
                lines.append(row(name, strategy, every[strategy], arguments.limit))
                print(lines[-1], flush=True)
            lines.append(total(name, list(every.values()), arguments.limit))
            print(lines[-1], flush=True)
    if arguments.report:
        before, mark, rest = arguments.report.read_text().partition("<!-- curves -->\n")
        text = "\n".join(lines)
        arguments.report.write_text(
            f"{before}{mark}\n{text}\n\n<!-- end of curves -->\n{rest.partition('<!-- end of curves -->')[2].lstrip()}"
        )


def row(name: str, strategy: str, found: dict, limit: float) -> str:
    seconds, means = [], []
    for library in LIBRARIES:
        result = found.get(library, {}) if library not in found else found[library]
        seconds.append(said(result, limit) if library in found else "-")
        means.append(f"{sum(result['curve']) / len(result['curve']):.3f}" if result else "-")
    others = fastest(found, limit)
    faster = f"{others / found['ours']['cpu']:.1f}" if others and found["ours"] else "-"
    return f"| {name} | {strategy} | {' | '.join(seconds)} | {faster} | {', '.join(means)} |"


def said(result: dict | None, limit: float) -> str:
    return f"over {limit:.0f} s" if result is None else "fails" if not result else f"{result['cpu']:.2f} s"


def fastest(found: dict, limit: float) -> float:
    """Seconds of the faster library; where both ran into the limit, at least that; 0 where none of them can do it."""
    return min((result["cpu"] if result else limit for key, result in found.items() if key != "ours" and result != {}), default=0)


def total(name: str, every: list[dict], limit: float) -> str:
    """All strategies together: the faster library of each, where one has it, against ours."""
    compared = [found for found in every if fastest(found, limit) and found["ours"]]
    ours, others = sum(found["ours"]["cpu"] for found in compared), sum(fastest(found, limit) for found in compared)
    seconds = f"{ours:.2f} s | {others:.2f} s, the faster one of each | "
    return f"| {name} | **all {len(compared)}** | {seconds}| **{others / ours:.1f}** | |"


if __name__ == "__main__":
    main()
