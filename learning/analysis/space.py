"""What a trial of an analysis works on: the items with a known label, split as the plan says."""

import io
from functools import cached_property

import numpy as np

from learning import engine
from learning.datasets import Labels, item_ids
from learning.models import Run, Snapshot, Trial
from learning.workspace import Workspace
from projects.metadata import with_value
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
    def ids(self) -> np.ndarray:
        return self._snapshot[0]

    @cached_property
    def codes(self) -> np.ndarray:
        """(n,) class codes; -1 of the items that are left out."""
        return self._snapshot[1]

    @cached_property
    def _snapshot(self) -> tuple[np.ndarray, np.ndarray]:
        """(ids, codes) as the first trial found them, for all others too: people may label on."""
        kept = Snapshot.objects.filter(run=self.run).values_list("arrays", flat=True).first()
        if kept is None:
            ids = item_ids(self.run)
            codes = Labels(self.run, ids).known()
            buffer = io.BytesIO()
            np.savez_compressed(buffer, ids=ids, codes=codes)
            # Two workers at once: the first one's is everybody's.
            kept = Snapshot.objects.get_or_create(run=self.run, defaults={"arrays": buffer.getvalue()})[0].arrays
            self.run.refresh_from_db(fields=["classes"])
        with np.load(io.BytesIO(bytes(kept)), allow_pickle=False) as arrays:
            return arrays["ids"], arrays["codes"]

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
        mine = Item.objects.filter(project=self.run.project_id)
        named = with_value(mine, self.plan["split_column"], self.plan["test_value"])
        return np.intersect1d(np.flatnonzero(np.isin(self.ids, named)), usable)

    @cached_property
    def in_pool(self) -> np.ndarray:
        mask = self.codes >= 0
        mask[self.test] = False
        return mask
