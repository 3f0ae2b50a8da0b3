"""Learners: scikit-learn classifiers with typed, ranged settings. Logistic regression is the default."""

# In the order in which people are offered them: the safe choices first.
# isort: off
from learning.engine.learners import linear, svm, naive_bayes, forest, boosting, neighbors, sgd, mlp, ensemble  # noqa: F401

# isort: on
from learning.engine.learners.registry import Learner, learners

DEFAULT = "logistic_regression"

__all__ = ["DEFAULT", "Learner", "learners"]
