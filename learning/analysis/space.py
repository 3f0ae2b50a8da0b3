"""What a trial of an analysis works on: the items with a known label, split as the plan says."""

from functools import cached_property

import numpy as np

from learning import engine
from learning.models import Run, Trial
from learning.workspace import Workspace
from projects.models import Item


class AnalysisSpace(Workspace):
    """Of one fold, repeat and feature set. Every strategy of the same split opens the same one."""

    def __init__(self, run: Run, fold: int = 0, repeat: int = 0, features: int = 0) -> None:
        super().__init__(run, fold, repeat)
        self.plan = run.configuration
        self.configuration = {**self.plan, "features": self.plan["features"][features]}

    @classmethod
    def of(cls, trial: Trial) -> "AnalysisSpace":
        return cls(trial.run, trial.fold, trial.repeat, trial.features)

    @cached_property
    def codes(self) -> np.ndarray:
        """(n,) class codes; -1 of the items that are left out."""
        return self.labels.known()

    @cached_property
    def test(self) -> np.ndarray:
        usable = np.flatnonzero(self.codes >= 0)
        split = self.plan["split"]
        if split == "folds":
            random_state = engine.integer_seed(self.seed, "folds", self.repeat)
            return usable[engine.draw_folds(self.codes[usable], self.plan["folds"], random_state) == self.fold]
        if split == "holdout":
            rng = engine.generator(self.seed, "test", self.fold, self.repeat)
            return usable[engine.draw_test(len(usable), self.plan["test_ratio"], rng)]
        named = Item.objects.filter(
            project=self.run.project_id, **{f"metadata__{self.plan['split_column']}": self.plan["test_value"]}
        )
        return np.intersect1d(np.flatnonzero(np.isin(self.ids, list(named.values_list("pk", flat=True)))), usable)

    @cached_property
    def in_pool(self) -> np.ndarray:
        mask = self.codes >= 0
        mask[self.test] = False
        return mask
