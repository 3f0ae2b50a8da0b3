"""What a run works on, as arrays: its items, its split, its features. The same for whoever opens it, at any time."""

import hashlib
import json
from functools import cached_property
from pathlib import Path

import numpy as np
from django.conf import settings

from learning import engine
from learning.datasets import Labels, item_ids, raw_items
from learning.models import Run
from learning.targets import targets_of


class Workspace:
    """Of a run that was started, for one fold and repeat. Everything is read or built when first asked for."""

    def __init__(self, run: Run, fold: int = 0, repeat: int = 0) -> None:
        self.run, self.fold, self.repeat = run, fold, repeat
        self.configuration = run.configuration
        self._raw = None

    @property
    def seed(self) -> int:
        return self.configuration["random_state"]

    @cached_property
    def ids(self) -> np.ndarray:
        return item_ids(self.run)

    @cached_property
    def labels(self) -> Labels:
        return targets_of(self.run.project).labels(self.run, self.ids)

    @cached_property
    def test(self) -> np.ndarray:
        """The positions of the test set: a uniform random sample, never queried for learning, never trained on."""
        rng = engine.generator(self.seed, "test", self.fold, self.repeat)
        return engine.draw_test(len(self.ids), self.configuration["test_ratio"], rng)

    @cached_property
    def in_pool(self) -> np.ndarray:
        mask = np.ones(len(self.ids), dtype=bool)
        mask[self.test] = False
        return mask

    @cached_property
    def features(self) -> tuple[object, object]:
        """(X of all items, memory-mapped; the fitted transformer). Fitted on the pool only, once per content and settings."""
        directory = self._directory
        return engine.prepare(
            directory,
            self.configuration["features"],
            (lambda: self._raw if self._raw is not None else raw_items(self.run)[0]),
            np.flatnonzero(self.in_pool),
            engine.integer_seed(self.seed, "features"),
        )

    @property
    def X(self) -> object:  # noqa: N802 - the name that everybody gives it
        return self.features[0]

    @cached_property
    def derived(self) -> engine.Derived:
        """What follows from X alone (an embedding, clusters), kept beside it on disk."""
        return engine.Derived(self.X, np.flatnonzero(self.in_pool), self._directory / "derived")

    @cached_property
    def _directory(self) -> Path:
        if not self.run.fingerprint:
            self._raw, fingerprint = raw_items(self.run)
            Run.objects.filter(pk=self.run.pk).update(fingerprint=fingerprint)
            self.run.fingerprint = fingerprint
        # Fitted on the pool: what else is no part of it (the test set, and what an analysis leaves out) makes another one.
        not_fitted = np.flatnonzero(~self.in_pool).tolist()
        what = [self.run.fingerprint, self.configuration["features"], not_fitted, self.seed]
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        return Path(settings.FEATURES_DIR) / key[:2] / key

    def positions_of(self, rows) -> np.ndarray:
        """Where the items of rows with an `item_id` stand."""
        found = np.fromiter(rows.values_list("item_id", flat=True), dtype=np.int64)
        return np.searchsorted(self.ids, found)
