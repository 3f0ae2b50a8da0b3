"""What is measured once a round for the criteria, and the compact form in which predictions wait for the next round."""

import base64
import zlib
from copy import copy
from typing import Any

import numpy as np

from learning.engine.blocks import Matrix, row_blocks
from learning.engine.strategies.scores import entropy
from learning.engine.threads import one_thread

STOP_SET = 2000
_BLOCK = 65_536


def draw_stop_set(pool: np.ndarray, size: int = STOP_SET, *, rng: np.random.Generator) -> np.ndarray:
    """At most `size` of the pool's positions, drawn uniformly, ascending: fixed for the whole run, labelled later or not."""
    pool = np.asarray(pool, dtype=np.int64)
    return np.sort(rng.choice(pool, size=min(size, len(pool)), replace=False))


def measure(
    predicted: np.ndarray,
    previous: np.ndarray | None,
    proba: np.ndarray | None,
    decision: np.ndarray | None,
    n_classes: int,
) -> dict[str, float | None]:
    """kappa, f_change, changed, uncertainty, min_margin and stop_size (s); None for what cannot be measured.

    predicted, previous: (s,) class codes of the stop set by this round's and the last round's model; proba: (m, C) and
    decision: (m,) or (m, C), the decision values, of the unlabelled.
    """
    predicted = np.asarray(predicted, dtype=np.int64)
    agree: dict[str, float | None] = {"kappa": None, "f_change": None, "changed": None}
    if previous is not None and len(previous) == len(predicted) and len(predicted):
        agree = {
            "kappa": kappa(predicted, previous, n_classes),
            "f_change": f_change(predicted, previous, n_classes),
            "changed": float(np.mean(predicted != previous)),
        }
    rest = {"uncertainty": _uncertainty(proba), "min_margin": _min_margin(decision), "stop_size": len(predicted)}
    return agree | rest


def kappa(a: np.ndarray, b: np.ndarray, n_classes: int) -> float:
    """Cohen's (1960). Where both say one and the same class of all, chance agreement is 1 and so is kappa; else it is 0 then."""
    n = len(a)
    share_a, share_b = (np.bincount(x, minlength=n_classes)[:n_classes] / n for x in (a, b))
    observed, expected = float(np.mean(a == b)), float(share_a @ share_b)
    if expected >= 1.0:
        return 1.0
    return (observed - expected) / (1 - expected)


def f_change(a: np.ndarray, b: np.ndarray, n_classes: int) -> float:
    """1 - 2 agreed / (predicted by a + by b), mean over the classes that either predicts; of two classes only the second."""
    agreed = np.bincount(a[a == b], minlength=n_classes)
    either = np.bincount(a, minlength=n_classes) + np.bincount(b, minlength=n_classes)
    classes = np.array([1]) if n_classes == 2 else np.flatnonzero(either)
    classes = classes[either[classes] > 0]
    return float(1 - np.mean(2 * agreed[classes] / either[classes])) if len(classes) else 0.0


def _uncertainty(proba: np.ndarray | None) -> float | None:
    if proba is None or len(proba) == 0 or proba.shape[1] < 2:
        return None
    total = sum(float(entropy(proba[start : start + _BLOCK]).sum()) for start in range(0, len(proba), _BLOCK))
    return total / len(proba) / float(np.log(proba.shape[1]))


def _min_margin(decision: np.ndarray | None) -> float | None:
    """Of one value per item its distance from 0; of one per class (one against the rest) that of the nearest boundary."""
    return None if decision is None or decision.size == 0 else float(np.abs(decision).min())


def decision_values(model: Any, X: Matrix, positions: np.ndarray) -> np.ndarray | None:
    """(m,) of a support vector machine, also of one inside a calibration or a pipeline; None of other models.

    With more than two classes that of the nearest of the item's boundaries: of all C where each class is told from the rest; of
    the C - 1 of its predicted class where each is told from each other one (between two other classes it may lie anywhere).
    """
    machine, before = model, []
    while not _is_machine(machine):
        if getattr(machine, "calibrated_classifiers_", None):
            machine = machine.calibrated_classifiers_[0].estimator
        elif hasattr(machine, "steps"):
            before += [step for _, step in machine.steps[:-1] if hasattr(step, "transform")]
            machine = machine.steps[-1][1]
        else:
            return None
    n_classes = len(machine.classes_)
    nearest = np.empty(len(positions))
    with one_thread():
        for there, rows in row_blocks(X, positions, n_classes * (n_classes - 1) // 2):
            for step in before:
                rows = step.transform(rows)
            nearest[there] = _nearest(machine, rows)
    return nearest


def _is_machine(model: Any) -> bool:
    kernel = hasattr(model, "support_vectors_")
    return (
        hasattr(model, "classes_")
        and hasattr(model, "decision_function")
        and (kernel or "hinge" in str(getattr(model, "loss", "")))
    )


def _nearest(machine: Any, rows: Matrix) -> np.ndarray:
    n_classes = len(machine.classes_)
    if n_classes == 2 or not hasattr(machine, "support_vectors_"):
        values = machine.decision_function(rows)
        return values if values.ndim == 1 else _smallest(values, np.abs(values))
    # libsvm learns each class against each other one; scikit-learn's "ovr" turns that into votes, which have no margin.
    one_to_one = copy(machine).set_params(decision_function_shape="ovo", break_ties=False)
    values = one_to_one.decision_function(rows)
    first, second = np.triu_indices(n_classes, 1)
    classes = np.eye(n_classes)
    winner = ((values > 0) @ classes[first] + (values <= 0) @ classes[second]).argmax(axis=1)[:, None]
    return _smallest(values, np.where((first == winner) | (second == winner), np.abs(values), np.inf))


def _smallest(values: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, distances.argmin(axis=1)[:, None], axis=1)[:, 0]


def pack(predictions: np.ndarray) -> str:
    """(s,) class codes as a short text for a JSON column."""
    codes = np.asarray(predictions, dtype=np.int64)
    kind = np.min_scalar_type(codes.max(initial=0))
    return f"{kind.str}:{base64.b64encode(zlib.compress(codes.astype(kind).tobytes())).decode()}"


def unpack(text: str) -> np.ndarray:
    """What `pack` wrote, int64."""
    kind, _, data = text.partition(":")
    return np.frombuffer(zlib.decompress(base64.b64decode(data)), dtype=kind).astype(np.int64)
