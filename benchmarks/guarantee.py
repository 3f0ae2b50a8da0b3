"""How often is "label the rest at this accuracy" broken, and how much does it label, beside other ways to set a threshold?

    python benchmarks/guarantee.py [--data FOLDER] [--repetitions 200] [--models 4] [--report docs/guarantee.md]

FOLDER holds text/trec6.csv, text/pros_cons_8k.csv, images/mnist_5k.{zip,csv} and tabular/mammography.csv; without it the sets
that scikit-learn brings are taken. Features and learner are those that a newcomer gets. Each model learns from labels drawn at
random and is then frozen; of the items that it did not learn from, each repetition draws half as the pool to be labelled, and
the audit out of that. A promise about the pool is held against what would be labelled in the pool; a promise about all such
items against all that the model did not learn from, of which the pool was drawn. A refusal labels nothing and breaks nothing.
"""

import argparse
import io
import math
import os
import sys
import time
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.stats import beta  # noqa: E402
from sklearn import datasets  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning import engine  # noqa: E402
from learning.engine.store import build  # noqa: E402

# data set: (kind, labels that a model learns from)
FILES = {
    "trec6": ("text", 1500),
    "pros_cons_8k": ("text", 1500),
    "mnist_5k": ("image", 800),
    "mammography": ("table", 500),
}
BUNDLED = {"digits": 300, "breast_cancer": 80, "wine": 40}
ACCURACIES = (0.90, 0.95, 0.99)
DELTA = 0.05
AUDIT, AUDIT_SHARE = 500, 0.4


@dataclass(frozen=True)
class Frozen:
    """What a model says of the n items that it did not learn from: calibrated proba (n, C), and whether it is right (n,)."""

    proba: np.ndarray
    score: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What one way to set a threshold did in one repetition: None is a refusal."""

    threshold: float | None
    promises_pool: bool


# --- Data and models


def load(folder: Path | None, name: str):
    """(X of all items, class codes (n,), settings of the learner, labels to learn from)."""
    if folder is None:
        bunch = getattr(datasets, f"load_{name}")()
        items, labels = pd.DataFrame(bunch.data).add_prefix("column"), pd.Series(bunch.target)
        kind, n_labels = "table", BUNDLED[name]
    else:
        kind, n_labels = FILES[name]
        items, labels = _read(folder, kind, name)
    codes = labels.astype("category").cat.codes.to_numpy(dtype=np.int64)
    settings = engine.default_settings(kind)
    X, _ = build(settings["features"], items, np.arange(len(codes)), 0)
    return X, codes, settings["learner"], n_labels


def _read(folder: Path, kind: str, name: str):
    if kind == "text":
        table = pd.read_csv(folder / "text" / f"{name}.csv", keep_default_na=False)  # "none" is a text
        return table["text"].tolist(), table["label"]
    if kind == "image":
        table = pd.read_csv(folder / "images" / f"{name}.csv")
        with zipfile.ZipFile(folder / "images" / f"{name}.zip") as archive:
            return [io.BytesIO(archive.read(file)) for file in table["file"]], table["label"]
    table = pd.read_csv(folder / "tabular" / f"{name}.csv")
    return table.drop(columns="label"), table["label"]


def freeze(X, codes: np.ndarray, learner: dict, n_labels: int, seed: int) -> Frozen:
    n, n_classes = len(codes), int(codes.max()) + 1
    labeled = np.sort(engine.generator(seed, "labels").choice(n, n_labels, replace=False))
    others = np.setdiff1d(np.arange(n), labeled)
    model = engine.fit(learner, X, labeled, codes[labeled], n_classes, seed)
    unseen = engine.out_of_fold(learner, X, labeled, codes[labeled], n_classes, seed)
    proba = engine.fit_calibrator(unseen, codes[labeled]).apply(engine.predict(model, X, others, n_classes))
    return Frozen(proba, proba.max(axis=1), proba.argmax(axis=1) == codes[others])


# --- The ways to set a threshold: (frozen, pool, accuracy, generator) -> (outcome, places in the pool that were audited)


def ours(mode: str, version: str):
    def decide(frozen: Frozen, pool: np.ndarray, accuracy: float, rng: np.random.Generator):
        scores = frozen.score[pool]
        plan = engine.plan_audit(
            scores, accuracy, 1 - DELTA, audit_size=audit_size(len(pool)), mode=mode, version=version, rng=rng
        )
        decision = engine.decide(plan, scores, frozen.right[pool[list(plan.sample)]])
        return Outcome(decision.threshold, version == "pool"), list(plan.sample)

    return decide


def audit_size(n: int) -> int:
    return min(AUDIT, int(AUDIT_SHARE * n))


def _audited(frozen: Frozen, pool: np.ndarray, rng: np.random.Generator):
    """(places in the pool, scores and answers): an audit of the whole pool, most confident first."""
    sample = rng.choice(len(pool), audit_size(len(pool)), replace=False)
    sample = sample[np.argsort(-frozen.score[pool[sample]], kind="stable")]
    return sample.tolist(), frozen.score[pool[sample]], frozen.right[pool[sample]]


def naive(frozen: Frozen, pool: np.ndarray, accuracy: float, rng: np.random.Generator):
    """The lowest threshold above which the audit itself is accurate enough: by eye."""
    sample, scores, right = _audited(frozen, pool, rng)
    above = np.searchsorted(-scores, -scores, side="right")
    good = np.flatnonzero(np.cumsum(right)[above - 1] >= accuracy * above - 1e-9)
    return Outcome(float(scores[good[-1]]) if len(good) else None, True), sample


def sgr(frozen: Frozen, pool: np.ndarray, accuracy: float, rng: np.random.Generator):
    """Selection with guaranteed risk (Geifman & El-Yaniv 2017): a binary search, a bound at delta / steps at each step."""
    sample, scores, right = _audited(frozen, pool, rng)
    m = len(scores)
    steps = math.ceil(math.log2(m))
    found, low, high = None, 1, m  # so many of the most confident: proven from `low` on, not beyond `high`
    for _ in range(steps):
        count = (low + high + 1) // 2
        n = int((scores >= scores[count - 1]).sum())
        errors = n - int(right[:n].sum())
        bound = 1.0 if errors == n else beta.ppf(1 - DELTA / steps, errors + 1, n - errors)
        if bound <= 1 - accuracy:
            found, low = float(scores[count - 1]), count
        else:
            high = max(low, count - 1)
    return Outcome(found, False), sample


def mapie(fwer: str):
    """MAPIE's controller with its own grid of thresholds (Learn then test, Angelopoulos et al. 2021)."""
    from mapie.risk_control import BinaryRisk, MultiClassificationLTTController

    right_where_labeled = BinaryRisk(
        risk_occurrence=lambda y_true, y_pred: y_pred == y_true,
        risk_condition=lambda y_true, y_pred: y_pred == y_pred,  # it abstains by NaN
        higher_is_better=True,
    )

    def decide(frozen: Frozen, pool: np.ndarray, accuracy: float, rng: np.random.Generator):
        sample, _, right = _audited(frozen, pool, rng)
        proba = frozen.proba[pool[sample]]
        best = proba.argmax(axis=1)
        controller = MultiClassificationLTTController(
            predict_function=lambda rows: rows,
            risks=[right_where_labeled],
            target_level=[accuracy],
            confidence_level=1 - DELTA,
            classes=np.arange(proba.shape[1]),
            fwer_method=fwer,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where nothing is proven
            controller.calibrate(proba, np.where(right, best, (best + 1) % proba.shape[1]))
        valid = controller.valid_predict_params
        return Outcome(float(np.min(valid)) if len(valid) else None, False), sample

    return decide


def methods() -> dict:
    found = {
        f"ALAMBIC, {promised}, {mode}": ours(mode, version)
        for promised, version in (("these items", "pool"), ("all such items", "population"))
        for mode in ("uniform", "targeted")
    }
    found |= {"threshold by eye": naive, "SGR": sgr}
    found |= {"MAPIE, fixed sequence": mapie("fixed_sequence"), "MAPIE, Holm": mapie("bonferroni_holm")}
    return found


# --- Measuring


def repeat(frozen: Frozen, accuracy: float, known: dict, seeds: list[int]) -> list[dict]:
    """One row per repetition and method: broken, coverage, refused."""
    n, rows = len(frozen.score), []
    for seed in seeds:
        pool = engine.generator(seed, "pool").choice(n, n // 2, replace=False)
        for name, method in known.items():
            outcome, sample = method(frozen, pool, accuracy, engine.generator(seed, name, int(round(1000 * accuracy))))
            rows.append({"method": name, **_judge(frozen, pool, sample, outcome, accuracy)})
        rows.append(
            {"method": "who knew all labels", "broken": False, "refused": False, "coverage": _possible(frozen, pool, accuracy)}
        )
    return rows


def _judge(frozen: Frozen, pool: np.ndarray, sample: list[int], outcome: Outcome, accuracy: float) -> dict:
    if outcome.threshold is None:
        return {"broken": False, "refused": True, "coverage": 0.0}
    above = frozen.score[pool] >= outcome.threshold
    above[sample] = False  # what people checked needs no label of the model
    mine = pool[above] if outcome.promises_pool else np.flatnonzero(frozen.score >= outcome.threshold)
    wrong = int((~frozen.right[mine]).sum())
    return {
        "broken": wrong > (1 - accuracy) * len(mine) + 1e-9,
        "refused": False,
        "coverage": float(above.sum() / (len(pool) - len(sample))),
    }


def _possible(frozen: Frozen, pool: np.ndarray, accuracy: float) -> float:
    """The largest share above a threshold that is accurate enough."""
    order = pool[np.argsort(-frozen.score[pool], kind="stable")]
    above = np.searchsorted(-frozen.score[order], -frozen.score[order], side="right")
    good = np.flatnonzero(np.cumsum(frozen.right[order])[above - 1] >= accuracy * above - 1e-9)
    return (above[good[-1]] if len(good) else 0) / len(pool)


def summary(results: pd.DataFrame, facts: pd.DataFrame) -> str:
    """One table of the sets, and one per accuracy: broken promises, mean coverage and refusals of each method and set."""
    lines = ["| data set | learnt from | without label | accuracy there | pool | audit |", "|---|---|---|---|---|---|"]
    for name, rows in facts.groupby("set", sort=False):
        n = int(rows["n"].iloc[0])
        lines.append(
            f"| {name} | {rows['labels'].iloc[0]} | {n:,} | {rows['right'].mean():.3f} | {n // 2:,} | {audit_size(n // 2)} |"
        )
    for accuracy, part in results.groupby("accuracy"):
        names = list(dict.fromkeys(part["set"]))
        lines += ["", f"**Accuracy {accuracy:.0%} promised, certainty {1 - DELTA:.0%}**", ""]
        lines += [f"| method | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        for method, rows in part.groupby("method", sort=False):
            cells = [_cell(rows[rows["set"] == name]) for name in names]
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(rows: pd.DataFrame) -> str:
    broken = f"{rows['broken'].mean():.1%}"
    bold = "**" if rows["broken"].mean() > DELTA else ""
    return f"{bold}{broken}{bold} · {rows['coverage'].mean():.2f} · {rows['refused'].mean():.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ALAMBIC_DATA"), help="folder of the data sets")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--models", type=int, default=4, help="so many of them are trained per data set")
    parser.add_argument("--report", type=Path, help="write the tables into this file, between its two marks")
    arguments = parser.parse_args()
    folder = Path(arguments.data) if arguments.data else None
    known, results, facts = methods(), [], []
    for name in FILES if folder else BUNDLED:
        begun = time.perf_counter()
        X, codes, learner, n_labels = load(folder, name)
        for model, seeds in enumerate(np.array_split(np.arange(arguments.repetitions), arguments.models)):
            frozen = freeze(X, codes, learner, n_labels, model)
            facts.append({"set": name, "labels": n_labels, "n": len(frozen.right), "right": frozen.right.mean()})
            for accuracy in ACCURACIES:
                rows = repeat(frozen, accuracy, known, seeds.tolist())
                results += [{"set": name, "accuracy": accuracy, **row} for row in rows]
        print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    text = summary(pd.DataFrame(results), pd.DataFrame(facts))
    print(text)
    if arguments.report:
        before, mark, rest = arguments.report.read_text().partition("<!-- guarantee -->\n")
        arguments.report.write_text(f"{before}{mark}\n{text}\n<!-- end -->\n\n{rest.partition('<!-- end -->')[2].lstrip()}")


if __name__ == "__main__":
    main()
