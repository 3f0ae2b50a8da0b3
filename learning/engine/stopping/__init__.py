"""When a run ends: functions of the history of its rounds, so that a restart changes nothing.

A history is a list of rounds, oldest first, each a dict: number, n_labeled, n_pool (unlabelled items left), n_test, metrics
{name: {"value", "low", "high"}}, confusion (C, C), seconds, elapsed (since the start), classes_seen, signals (see `measure`).
"""

from learning.engine.stopping import limits, signals, targets  # noqa: F401 - they register themselves
from learning.engine.stopping.base import Criterion, Verdict, criteria, evaluate
from learning.engine.stopping.measuring import decision_values, draw_stop_set, kappa, measure, pack, unpack

criteria.put_first("budget", "accuracy", "stabilizing_predictions", "rounds", "wall_time")

__all__ = [
    "Criterion",
    "Verdict",
    "criteria",
    "decision_values",
    "draw_stop_set",
    "evaluate",
    "kappa",
    "measure",
    "pack",
    "unpack",
]
