"""Learners: scikit-learn classifiers with typed, ranged settings. Logistic regression is the default."""

from learning.engine.learners import forest, linear, neighbors  # noqa: F401 - they register themselves
from learning.engine.learners.registry import Learner, learners

DEFAULT = "logistic_regression"

__all__ = ["DEFAULT", "Learner", "learners"]
