"""Any number of labels per item: one question of yes or no for each label (one-vs-rest), by the engine's learners."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, logit
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.errors import EngineError, MissingClass
from learning.engine.learners import learners
from learning.engine.loop import State, make
from learning.engine.probabilities import in_single_precision, probabilities_of
from learning.engine.threads import one_thread

THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class OneVsRest:
    """A classifier per label; of a label that was never or always given there is none, and `constant` (L,) is its probability."""

    estimators: tuple[Any, ...]  # L of them, None where there is none
    constant: np.ndarray
    n_features: int

    @property
    def trained(self) -> np.ndarray:
        """The numbers of the labels that have a classifier."""
        return np.flatnonzero([estimator is not None for estimator in self.estimators])

    def as_sklearn(self, names: list[str]) -> OneVsRestClassifier:
        """The same as a plain scikit-learn estimator: `predict` gives (m, L) zeros and ones, column j says `names[j]`.

        `names` may go on beyond the labels that the model knows.
        """
        names = names[: len(self.estimators)]
        known = [estimator for estimator in self.estimators if estimator is not None]
        # It compares all decisions with one threshold, which it takes from the first classifier: all must be of one scale.
        decides = hasattr(known[0], "decision_function")
        filled = [
            estimator if estimator is not None else _constant(p, self.n_features, decides)
            for estimator, p in zip(self.estimators, self.constant, strict=True)
        ]
        model = OneVsRestClassifier(known[0])
        # Fitted by hand: the names become its classes, and the indicator matrix says that an item may have several.
        model.label_binarizer_ = _indicator_binarizer(names)
        model.estimators_, model.n_features_in_ = filled, self.n_features
        model.classes_ = model.label_binarizer_.classes_
        return model


def fit(
    settings: dict[str, Any], X: Matrix, positions: np.ndarray, Y: np.ndarray, seed: int, state: State | None = None
) -> tuple[OneVsRest, State | None]:
    """(the model, the state from which the next round may start) of the rows X[positions] with the labels Y (l, L) boolean.

    The order of the positions makes no difference. `state` as of `engine.fit_warm`: the same optimum, sooner. A label that all
    or none of the rows have is given the probability (k + 1/2) / (l + 1), k of l rows having it (Krichevsky & Trofimov 1981).
    Raises MissingClass where that holds for all labels, EngineError where the learner refuses the data.
    """
    positions, Y = np.asarray(positions), np.asarray(Y, dtype=bool)
    counts = Y.sum(axis=0)
    taught = np.flatnonzero((counts > 0) & (counts < len(Y)))
    if len(taught) == 0:
        raise MissingClass(
            f"A learner needs a label that some items have and some do not; there are {len(Y)} labelled items that are all alike."
        )
    order = np.argsort(positions, kind="stable")
    rows = take(X, positions[order]).astype(np.float64)
    learner = make(learners, settings)
    with one_thread(), warnings.catch_warnings():
        # The number of iterations is a setting that people chose; that it was reached is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            if hasattr(learner, "fit_labels"):
                narrow = None if state is None else _columns(state, taught)
                found, after = learner.fit_labels(rows, Y[np.ix_(order, taught)], positions[order], seed, narrow)
                after = after | {"classes": taught}
            else:
                found, after = [_one(learner, rows, Y[order, j].astype(np.int64), seed) for j in taught], None
        except ValueError as error:
            raise EngineError(f"{type(learner).__name__} cannot be trained on these features: {error}") from error
    estimators: list[Any] = [None] * Y.shape[1]
    for j, estimator in zip(taught, found, strict=True):
        estimators[j] = estimator
    return OneVsRest(tuple(estimators), (counts + 0.5) / (len(Y) + 1), X.shape[1]), after


def predict(model: OneVsRest, X: Matrix, positions: np.ndarray | None = None) -> np.ndarray:
    """(m, L) float64 of the rows X[positions] (None: all): how probable each label is. A row has no sum that it must have.

    In blocks of rows. Logistic regressions answer together, in one product with all their weights, in the precision of X.
    """
    n, trained = X.shape[0] if positions is None else len(positions), model.trained
    proba = np.tile(model.constant, (n, 1))
    known = [model.estimators[j] for j in trained]
    with one_thread():
        if all(type(estimator) is LogisticRegression for estimator in known):
            dtype = np.float32 if in_single_precision(known[0], X) else np.float64
            weights = np.ascontiguousarray(np.vstack([estimator.coef_ for estimator in known]).T, dtype=dtype)
            intercept = np.concatenate([estimator.intercept_ for estimator in known])
            for there, rows in row_blocks(X, positions, len(trained)):
                proba[there, trained] = expit(np.asarray(rows @ weights, dtype=np.float64) + intercept)
            return proba
        answers = [(j, probabilities_of(model.estimators[j], X), list(model.estimators[j].classes_).index(1)) for j in trained]
        for there, rows in row_blocks(X, positions, len(trained)):
            for j, answer, yes in answers:
                proba[there, j] = answer(rows)[:, yes]
    return proba


def _one(learner: Any, rows: Matrix, y: np.ndarray, seed: int) -> Any:
    estimator = learner.build(class_counts=np.bincount(y, minlength=2), sparse=sparse.issparse(rows), random_state=seed)
    return learner.fit(estimator, rows, y)


def _columns(state: State, taught: np.ndarray) -> State | None:
    """The state of these labels alone, numbered from 0; labels that it does not know start from nothing."""
    if "classes" not in state:
        return None
    _, here, there = np.intersect1d(taught, state["classes"], return_indices=True)
    pulls, intercept = np.asarray(state["pulls"]), np.asarray(state["intercept"])
    return {**state, "classes": here, "pulls": pulls[:, there], "intercept": intercept[there]}


def _constant(p: float, n_features: int, decides: bool) -> LogisticRegression | DummyClassifier:
    """A fitted classifier that gives each row the probability p of class 1."""
    if decides:
        model = LogisticRegression()
        model.coef_, model.intercept_ = np.zeros((1, n_features)), np.array([logit(p)])
        model.classes_, model.n_features_in_ = np.arange(2), n_features
        model.n_iter_ = np.array([0], dtype=np.int32)
        return model
    return DummyClassifier(strategy="prior").fit(np.zeros((2, 1)), [0, 1], sample_weight=[1 - p, p])


def _indicator_binarizer(names: list[str]) -> Any:
    from sklearn.preprocessing import LabelBinarizer

    binarizer = LabelBinarizer(sparse_output=True).fit(np.eye(max(2, len(names)), dtype=np.int64)[:, : len(names)])
    binarizer.classes_ = np.asarray(names, dtype=str)
    return binarizer
