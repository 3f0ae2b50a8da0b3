"""Agreement and consensus on real answers of several people, beside reference figures, and on simulated ones.

    python benchmarks/agreement.py --data FOLDER      (or ALAMBIC_DATA) the folder that holds crowds/
    python benchmarks/agreement.py --seeds 20         how many simulated teams

Real: bluebirds (Welinder et al. 2010), music genre (Rodrigues et al. 2013), weather sentiment (Venanzi et al. 2015). How many
items the majority gets right, how many are tied, and Krippendorff's alpha must equal the figures that come with the data; the
exit code says whether they do.
Simulated: 1,000 items of 4 classes, 12 people of whom 4 are right with .92, 5 with .70 and 3 with .30, 3 or 5 answers per item.
Times are the median of `--repeats` runs, one thread. Where crowd-kit can be imported it runs beside, on the same answers.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine.crowd import (  # noqa: E402
    agreement_by_label,
    dawid_skene,
    krippendorff_alpha,
    majority,
    pairwise_agreement,
    percent_agreement,
)

# right, tied and items of the majority vote, alpha
REFERENCE = {
    "bluebirds": (82, 0, 108, 0.1255),
    "music_genre": (429, 188, 700, 0.301),
    "weather_sentiment": (253, 8, 300, 0.5212),
}
STRENGTHS = np.repeat([0.92, 0.70, 0.30], [4, 5, 3])
# Of one such team in an earlier study, where crowd-kit 1.4.2 came to the same accuracy in 2.5 s (3 answers per item), and
# an earlier version of ours took 0.17 s.
EARLIER = {3: "majority .820, Dawid-Skene .890, one-coin .899", 5: "majority .899, Dawid-Skene and one-coin .953 to .956"}


def crowd(folder: Path) -> tuple[dict, np.ndarray]:
    """The answers of a data set as the engine takes them, and the gold labels (n_items,)."""
    labels, gold = (pd.read_csv(folder / name, dtype=str) for name in ("labels.csv", "gold.csv"))
    items, classes = pd.Index(gold["item"]), pd.Index(sorted(set(gold["label"]) | set(labels["label"])))
    people, names = pd.factorize(labels["worker"])
    answers = {
        "items": items.get_indexer(labels["item"]),
        "annotators": people,
        "values": classes.get_indexer(labels["label"]),
        "n_items": len(items),
        "n_annotators": len(names),
        "n_classes": len(classes),
    }
    return answers, classes.get_indexer(gold["label"])


def team(seed: int, per_item: int, n_items: int = 1000, n_classes: int = 4) -> tuple[dict, np.ndarray]:
    """Simulated answers, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_items)
    people = rng.permuted(np.tile(np.arange(len(STRENGTHS)), (n_items, 1)), axis=1)[:, :per_item].ravel()
    items = np.repeat(np.arange(n_items), per_item)
    right = rng.random(len(items)) < STRENGTHS[people]
    values = np.where(right, truth[items], (truth[items] + rng.integers(1, n_classes, size=len(items))) % n_classes)
    counts = {"n_items": n_items, "n_annotators": len(STRENGTHS), "n_classes": n_classes}
    return {"items": items, "annotators": people, "values": values} | counts, truth


def methods() -> dict[str, Callable[[dict], np.ndarray]]:
    """Name -> labels (n_items,) of answers."""

    def by_count(answers: dict) -> np.ndarray:
        votes = majority(answers["items"], answers["values"], n_items=answers["n_items"], n_classes=answers["n_classes"])
        return votes.counts.argmax(axis=1)  # ties to the lowest code, as a plain vote would

    found = {
        "majority": by_count,
        "Dawid-Skene": lambda answers: dawid_skene(**answers).values,
        "one-coin": lambda answers: dawid_skene(**answers, one_coin=True).values,
    }
    try:
        from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene
    except ImportError:
        return found

    def reference(kind: type) -> Callable[[dict], np.ndarray]:
        def labels(answers: dict) -> np.ndarray:
            frame = {"task": answers["items"], "worker": answers["annotators"], "label": answers["values"]}
            return kind(n_iter=100).fit_predict(pd.DataFrame(frame)).reindex(range(answers["n_items"])).to_numpy()

        return labels

    return found | {"crowd-kit DS": reference(DawidSkene), "crowd-kit 1C": reference(OneCoinDawidSkene)}


def timed(call: Callable[[], object], repeats: int) -> tuple[object, float]:
    """(what it returns, the median of its seconds)"""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begun)
    return result, statistics.median(seconds)


def real(data: Path, repeats: int) -> bool:
    """Prints a part per data set; whether all figures are those that come with the data."""
    passed = True
    for name, (right, tied, n_items, alpha) in REFERENCE.items():
        answers, gold = crowd(data / "crowds" / name)
        items, values, n_classes = answers["items"], answers["values"], answers["n_classes"]
        votes = majority(items, values, n_items=answers["n_items"], n_classes=n_classes)
        found, seconds = timed(lambda: krippendorff_alpha(items, values, n_classes=n_classes), repeats)  # noqa: B023
        figures = (int((votes.values == gold).sum()), int(votes.tied.sum()), len(gold))
        same = figures == (right, tied, n_items) and abs(found.value - alpha) < 0.00006
        passed &= same
        print(f"\n{name}: {len(items)} answers of {answers['n_annotators']} people, {n_classes} labels")
        print("  {} right, {} tied of {}".format(*figures), f"  reference {right}, {tied} of {n_items}")
        print(f"  alpha {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]   reference {alpha}   ({seconds * 1e3:.0f} ms)")
        print(f"  {'equal to the reference' if same else 'NOT the reference'}")
        share = percent_agreement(items, values, n_classes=n_classes)
        pairs = pairwise_agreement(items, answers["annotators"], values, n_classes=n_classes)
        kappas = pairs.kappa[(pairs.n_items >= 10) & np.isfinite(pairs.kappa)]
        low, middle, high = np.quantile(kappas, [0.25, 0.5, 0.75])
        print(f"  percent agreement {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]", end="   ")
        print(f"Cohen's kappa of {len(kappas)} pairs with 10 items: median {middle:.2f}, middle half {low:.2f} to {high:.2f}")
        labels = agreement_by_label(items, values, n_classes=n_classes)
        print("  alpha per label: " + " ".join("-" if x.alpha.value is None else f"{x.alpha.value:.2f}" for x in labels))
        for method, label in methods().items():
            chosen, seconds = timed(lambda: label(answers), repeats)  # noqa: B023
            print(f"  {method:12} accuracy {(chosen == gold).mean():.4f}   {seconds * 1e3:8.1f} ms")
    return passed


def simulated(seeds: int, repeats: int) -> None:
    for per_item, earlier in EARLIER.items():
        print(f"\nsimulated, {per_item} answers per item, {seeds} teams   (earlier, one team: {earlier})")
        for method, label in methods().items():
            scores, times = [], []
            for seed in range(seeds):
                answers, truth = team(seed, per_item)
                chosen, seconds = timed(lambda: label(answers), repeats)  # noqa: B023
                scores.append((chosen == truth).mean())
                times.append(seconds)
            spread = f" +- {np.std(scores, ddof=1):.3f}" if seeds > 1 else ""
            print(f"  {method:12} accuracy {np.mean(scores):.3f}{spread}   {statistics.median(times) * 1e3:8.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ALAMBIC_DATA"), help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("say where the data sets are: --data FOLDER, or ALAMBIC_DATA")
    passed = real(Path(arguments.data), arguments.repeats)
    simulated(arguments.seeds, arguments.repeats)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
