"""The steps of a round, the same for people, for known labels and for simulations."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from learning.engine.blocks import Matrix, row_blocks, take_double
from learning.engine.errors import EngineError, MissingClass
from learning.engine.exploration import mix
from learning.engine.learners import learners
from learning.engine.probabilities import in_single_precision, probabilities_of
from learning.engine.registry import Registry, is_built_in
from learning.engine.strategies import Context, Selection, strategies
from learning.engine.strategies.contract import ask
from learning.engine.threads import one_thread

State = dict[str, np.ndarray]


def make(registry: Any, settings: dict[str, Any]) -> Any:
    """The registered class of `settings["name"]`, made with the other settings. Raises UnknownName, SettingsError."""
    cls = registry.get(settings["name"])
    return cls(**{name: value for name, value in settings.items() if name != "name"})


def fit(settings: dict[str, Any], X: Matrix, positions: np.ndarray, y: np.ndarray, n_classes: int, seed: int) -> Any:
    """Train the learner of `settings` on the rows X[positions], whose class codes (0 .. n_classes - 1) are y (l,).

    The order of the positions makes no difference. Classes may be missing. Raises MissingClass with fewer than two of them,
    EngineError where the learner refuses the data.
    """
    return fit_warm(settings, X, positions, y, n_classes, seed, None)[0]


def fit_warm(
    settings: dict[str, Any], X: Matrix, positions: np.ndarray, y: np.ndarray, n_classes: int, seed: int, state: State | None
) -> tuple[Any, State | None]:
    """As `fit`, from where the last round ended: (model, the state from which the next round may start).

    The optimum is that of `fit` within the learner's tolerance; the same state gives the same model bit for bit, so what wants
    to go on after a restart keeps the state (a dict of arrays) with the round. None: from the beginning, or the learner has no
    such way.
    """
    positions, y = np.asarray(positions), np.asarray(y, dtype=np.int64)
    class_counts = np.bincount(y, minlength=n_classes)
    seen = np.count_nonzero(class_counts)
    if seen < 2:
        raise MissingClass(f"A learner needs labels of at least two classes; there are {len(y)} labels of {seen}.")
    order = np.argsort(positions, kind="stable")
    # Few rows, many iterations: in double precision the optimum does not hang on rounding.
    rows = take_double(X, positions[order])
    learner = make(learners, settings)
    estimator = learner.build(class_counts=class_counts, sparse=sparse.issparse(rows), random_state=seed)
    with one_thread(), warnings.catch_warnings():
        # The number of iterations is a setting that people chose; that it was reached is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Early on, few labels of many classes are no sign of a regression problem, which scikit-learn suspects.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        try:
            if hasattr(learner, "fit_warm"):
                return learner.fit_warm(estimator, rows, y[order], positions[order], state)
            return learner.fit(estimator, rows, y[order]), None
        except ValueError as error:
            raise EngineError(f"{type(learner).__name__} cannot be trained on these features: {error}") from error


def predict(model: Any, X: Matrix, positions: np.ndarray | None, n_classes: int) -> np.ndarray:
    """(m, n_classes) float64 probabilities of the rows X[positions] (None: all rows); classes that the model never saw get 0.

    In blocks of rows, so that a large memory-mapped X is never in memory as a whole. The logits of a logistic regression on
    single-precision features are computed in single precision: converting the features takes longer than all the rest.
    """
    n = X.shape[0] if positions is None else len(positions)
    classes = np.asarray(model.classes_, dtype=np.int64)
    answer, single = probabilities_of(model, X), in_single_precision(model, X)
    # To copy nearly all rows out of a matrix costs more than to answer for the few others, too.
    whole = single and positions is not None and n > 0.7 * X.shape[0]
    proba = np.zeros((X.shape[0] if whole else n, n_classes))
    with one_thread():
        for there, rows in row_blocks(X, None if whole else positions, n_classes):
            proba[there, classes] = answer(rows)
    if whole:
        proba = proba[positions]
    # Some learners miss a sum of 1 by their own rounding; what counts on it comes after this.
    proba /= np.maximum(proba.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return proba


def looks_at_predictions(settings: dict[str, Any]) -> bool:
    """Whether this strategy may look at the predictions of the pool; a plug-in may, whatever it says that it needs."""
    cls = strategies.get(settings["name"])
    return not is_built_in(cls) or "proba" in cls.needs


def select(
    settings: dict[str, Any],
    context: Context,
    batch_size: int,
    *,
    exploration: float = 0.0,
    rng: np.random.Generator | None = None,
    beyond: int = 0,
    registry: Registry = strategies,
) -> Selection:
    """The next batch by the strategy of `settings`, a share `exploration` of it drawn at random by `rng`, best first.

    `beyond` more items follow the batch: the ranking from which people go on while the learner trains. Without any candidate
    the selection is empty. Raises what the strategy raises, StrategyFault (an EngineError) where a plug-in fails, gives back
    what is no batch, or writes to what it was given.
    """
    if len(context.candidates) == 0:
        return Selection(np.empty(0, dtype=np.int64))
    strategy = make(registry, settings)
    if is_built_in(type(strategy)):
        selection = strategy.select(context, batch_size, beyond)
    else:
        selection = ask(strategy, context, min(batch_size, len(context.candidates)), beyond)
    if exploration <= 0:
        return selection
    if rng is None:
        raise EngineError("Exploration needs a generator of its own.")
    return mix(selection, context.candidates, exploration, rng, batch_size)
