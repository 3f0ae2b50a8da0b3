"""Different learners that vote."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.preprocessing import LabelEncoder

from learning.engine.blocks import Matrix
from learning.engine.learners.columns import inner, on_columns
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter
from learning.engine.randomness import integer_seed

_NAME = "ensemble"


def parse(text: str) -> dict[str, float]:
    """ "svc: 2, naive_bayes" as {"svc": 2.0, "naive_bayes": 1.0}. Raises ValueError that says what is wrong."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = (piece.strip() for piece in part.partition(":"))
        if name == _NAME or name not in learners:
            raise ValueError(f"{name!r} is not among {', '.join(_choice())}.")
        if name in found:
            raise ValueError(f"{name} is named twice; write {name}: 2 to count it twice.")
        found[name] = _weight(name, weight)
    if len(found) < 2:
        raise ValueError(f"Name at least two of {', '.join(_choice())}, with commas between.")
    return found


def _weight(name: str, text: str) -> float:
    try:
        weight = float(text) if text else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < np.inf:
        raise ValueError(f"The weight of {name} must be a number above 0; got {text!r}.")
    return weight


def _choice() -> list[str]:
    return [name for name in learners.names() if name != _NAME]


@dataclass(frozen=True)
class _Members(Parameter):
    """A text that names learners. Checked where all settings are, so that nobody learns of a slip when the run has begun."""

    @property
    def allowed(self) -> str:
        return f"two or more of {', '.join(_choice())}, with commas between"

    def clean(self, given: Any) -> str:
        if not isinstance(given, str):
            raise ValueError(f"Must be {self.allowed}; got {given!r}.")
        return ", ".join(name if weight == 1 else f"{name}: {weight:g}" for name, weight in parse(given).items())


@learners.register(_NAME)
class Ensemble(Learner):
    """The weighted mean of what different learners say (soft voting; Kittler, Hatef, Duin & Matas 1998). They are a committee."""

    label = "Ensemble"
    help = "Several learners that vote: steadier than each of them where it is unclear which is best. As slow as all together."
    parameters = (
        _Members(
            "members",
            "text",
            "logistic_regression, naive_bayes, random_forest",
            label="Learners",
            help="Their names with commas between, each with its own defaults. "
            'A number after a colon gives one more weight: "logistic_regression: 2, naive_bayes".',
        ),
        CLASS_WEIGHT,
    )
    free_committee = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.weights = parse(self.settings["members"])
        self.learners = {name: self._learner(name) for name in self.weights}

    def _learner(self, name: str) -> Learner:
        cls = learners.get(name)
        takes_weights = CLASS_WEIGHT.name in {parameter.name for parameter in cls.parameters}
        return cls(**({"class_weight": self.settings["class_weight"]} if takes_weights else {}))

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> VotingClassifier:
        counts = class_counts[class_counts > 0]
        estimators = [
            (name, learner.build(class_counts=counts, sparse=sparse, random_state=integer_seed(random_state, name)))
            for name, learner in self.learners.items()
        ]
        return VotingClassifier(estimators, voting="soft", weights=list(self.weights.values()))

    def fit(self, estimator: VotingClassifier, X: Matrix, y: np.ndarray) -> BaggingClassifier:
        """Each member by its own `fit`, which knows more than its scikit-learn class."""
        classes, codes = np.unique(y, return_inverse=True)
        fitted = {name: self.learners[name].fit(member, X, codes) for name, member in estimator.estimators}
        estimator.estimators_, estimator.named_estimators_ = list(fitted.values()), fitted
        estimator.le_ = LabelEncoder().fit(codes)
        estimator.classes_ = estimator.le_.classes_
        return on_columns(estimator, slice(None), classes, X.shape[1])

    def members(self, estimator: BaggingClassifier, X: Matrix, n_classes: int) -> np.ndarray:
        """(K, m, n_classes), K = the number of learners, in the order of `members`; without their weights."""
        vote, rows = inner(estimator, X)
        proba = np.zeros((len(vote.estimators_), rows.shape[0], n_classes))
        classes = np.asarray(estimator.classes_, dtype=np.int64)
        for member, answers in zip(vote.estimators_, proba, strict=True):
            answers[:, classes] = member.predict_proba(rows)
        return proba

    def n_members(self, estimator: BaggingClassifier) -> int:
        return len(self.weights)
