"""Items with any number of labels: learners, metrics and strategies over targets Y (n, L) boolean; no Django."""

from learning.engine.multilabel.learners import THRESHOLD, OneVsRest, fit, predict
from learning.engine.multilabel.metrics import METRICS, evaluate, per_label
from learning.engine.multilabel.selecting import select
from learning.engine.multilabel.simulation import simulate
from learning.engine.strategies.multilabel import DEFAULT_MULTILABEL as DEFAULT
from learning.engine.strategies.multilabel import multilabel_strategies

__all__ = [
    "DEFAULT",
    "METRICS",
    "THRESHOLD",
    "OneVsRest",
    "evaluate",
    "fit",
    "multilabel_strategies",
    "per_label",
    "predict",
    "select",
    "simulate",
]
