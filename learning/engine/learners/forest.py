"""Ensembles of trees."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter


@learners.register("random_forest")
class RandomForest(Learner):
    """Bagged trees on random feature subsets (Breiman 2001)."""

    label = "Random forest"
    help = "Many decision trees that vote; good on tables, needs no scaling."
    parameters = (
        Parameter("trees", "int", 200, minimum=10, maximum=2000, label="Trees", help="More are steadier and slower."),
        Parameter("max_depth", "int", 0, minimum=0, maximum=1000, label="Depth", help="Of each tree at most; 0 is no limit."),
        Parameter(
            "min_leaf", "int", 1, minimum=1, maximum=1000, label="Items per leaf", help="At least; more gives smoother answers."
        ),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> RandomForestClassifier:
        s = self.settings
        return RandomForestClassifier(
            s["trees"],
            max_depth=s["max_depth"] or None,
            min_samples_leaf=s["min_leaf"],
            class_weight=self.class_weight,
            random_state=random_state,
            n_jobs=1,
        )
