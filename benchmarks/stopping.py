"""When each stop criterion would end a run, and what it would leave on the table: Wisconsin breast cancer, 30 splits.

    python benchmarks/stopping.py [--seeds 30] [--learners svc logistic_regression]

Splits and settings of Lu, Li and Lin (2023): 341 rows to label, 228 to test, 20 labels to start with; five are asked per round,
those nearest to the boundary. Every run goes on to the end; a criterion's gap is the accuracy with all labels minus that where it
would have stopped. "Never" counts the splits on which it did not stop before the end, whose labels are then all 341. What a
learner cannot measure is left out. Targets look at the same test rows as the accuracy beside them, which flatters them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.engine import check_stop, evaluate, measure  # noqa: E402

CRITERIA = [
    {"name": "stabilizing_predictions", "threshold": 0.99, "window": 3},
    {"name": "stabilizing_predictions", "threshold": 0.999, "window": 3},
    {"name": "predicted_f_change", "threshold": 0.05, "window": 3},
    {"name": "predicted_f_change", "threshold": 0.01, "window": 3},
    {"name": "classification_change"},
    {"name": "overall_uncertainty"},
    {"name": "margin_exhaustion"},
    {"name": "plateau"},
    {"name": "accuracy", "target": 0.95},
    {"name": "accuracy", "target": 0.9, "certainty": 0.95},
]
LEARNERS = {"svc": lambda: SVC(C=1, gamma="auto"), "logistic_regression": lambda: LogisticRegression(C=1, max_iter=1000)}
BATCH = 5


def split(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(X, y) of the pool, whose first 20 rows are labelled, and of the test set."""
    X, y = load_breast_cancer(return_X_y=True)
    index = np.arange(569)
    np.random.default_rng(seed).shuffle(index)
    pool, test = index[:341], index[341:]
    np.random.default_rng(seed).shuffle(pool)
    scaler = StandardScaler().fit(X[pool])
    return scaler.transform(X[pool]), 1 - y[pool], scaler.transform(X[test]), 1 - y[test]  # 1 is malignant


def history(learner: str, seed: int) -> list[dict]:
    """The rounds of one run to the end; all of the pool is the stop set."""
    X, y, X_test, y_test = split(seed)
    labeled, left, rounds, previous = np.arange(20), np.arange(20, len(X)), [], None
    while True:
        model = LEARNERS[learner]().fit(X[labeled], y[labeled])
        probabilistic = hasattr(model, "predict_proba")
        tested = model.predict_proba(X_test) if probabilistic else np.eye(2)[model.predict(X_test)]
        metrics, confusion = evaluate(y_test, tested, 2)
        predicted, decision = model.predict(X), model.decision_function(X)[left]
        proba = model.predict_proba(X[left]) if probabilistic and len(left) else None
        rounds.append(
            {
                "n_labeled": len(labeled),
                "n_pool": len(left),
                "metrics": metrics,
                "confusion": confusion.tolist(),
                "classes_seen": 2,
                "signals": measure(predicted, previous, proba, None if probabilistic else decision, 2),
            }
        )
        if len(left) == 0:
            return rounds
        previous = predicted
        asked = left[np.argsort(np.abs(decision), kind="stable")[:BATCH]]
        labeled, left = np.append(labeled, asked), np.setdiff1d(left, asked)


def stop(criterion: dict, rounds: list[dict]) -> int:
    """The index of the round after which it stops, the last one at the latest."""
    settings = criterion | {"action": "stop"}
    return next(i for i in range(len(rounds)) if check_stop([settings], rounds[: i + 1], n_classes=2)[1])


def report(learner: str, n_seeds: int) -> str:
    """A table in Markdown, a row per criterion."""
    runs = [history(learner, seed) for seed in range(n_seeds)]
    lines = [
        f"{learner}, {n_seeds} splits",
        "",
        "| Criterion | Labels: mean [min, max] | Accuracy | Gap: mean | Largest gap | Never |",
        "|---|---|---|---|---|---|",
    ]
    for criterion in CRITERIA:
        if check_stop([criterion], runs[0][:-1])[0][0]["value"] is None:
            continue
        ends = [rounds[stop(criterion, rounds)] for rounds in runs]
        labels = np.array([end["n_labeled"] for end in ends])
        scores = np.array([end["metrics"]["accuracy"]["value"] for end in ends])
        gaps = np.array([rounds[-1]["metrics"]["accuracy"]["value"] for rounds in runs]) - scores
        never = sum(end["n_pool"] == 0 for end in ends)
        settings = " ".join(f"{name} {value:g}" for name, value in criterion.items() if name != "name")
        cells = (
            f"{labels.mean():.0f} [{labels.min()}, {labels.max()}] | {scores.mean():.3f} | {gaps.mean():.4f} | {gaps.max():.3f}"
        )
        lines.append(f"| {' '.join([criterion['name'], settings]).strip()} | {cells} | {never} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    arguments = parser.parse_args()
    for learner in arguments.learners:
        print(report(learner, arguments.seeds), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
