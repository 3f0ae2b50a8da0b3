"""What the strategy brings beyond chance, computed by the worker beside a run that goes on.

The labels that the exploration arm drew are a random sample; a learner of them alone is what the team would have got without
a strategy. It is trained now and then, after a round was committed (so nobody waits for it), and only where training is quick.
"""

from typing import Any

import numpy as np

from annotation.models import Purpose, Query
from learning import engine
from learning.engine.evaluation.arms import FEWEST_RANDOM, compare_arms
from learning.models import Round, Trial
from learning.targets import targets_of
from learning.workspace import Workspace

EVERY = 3  # rounds
SLOWEST_TRAINING = 0.5  # seconds: about ten such trainings follow


def due(trial: Trial, record: Round) -> bool:
    """Is it time, and is it cheap? Decided from the round alone."""
    quick = 0 < record.timings.get("training", 0.0) <= SLOWEST_TRAINING
    return quick and record.number % EVERY == 0 and record.n_test > 0 and trial.run.configuration["exploration"] > 0


def compare(trial: Trial, space: Workspace, codes: np.ndarray, labeled: np.ndarray) -> dict[str, Any] | None:
    """See `engine.evaluation.arms`. `codes` (n,) and the mask `labeled` (n,): as the round read them."""
    answered = trial.queries.filter(status=Query.Status.ANSWERED, purpose__in=[Purpose.QUERY, Purpose.RANDOM])
    ordered = answered.order_by("closed_at", "round_number", "rank").values_list("item_id", "purpose")
    places = [(int(np.searchsorted(space.ids, item)), purpose) for item, purpose in ordered]
    places = [(place, purpose) for place, purpose in places if labeled[place]]
    drawn = np.array([place for place, purpose in places if purpose == Purpose.RANDOM], dtype=np.int64)
    if len(drawn) < FEWEST_RANDOM:
        return None
    asked = np.array([place for place, _ in places], dtype=np.int64)
    base = np.setdiff1d(np.flatnonzero(labeled), asked)
    test = space.test[codes[space.test] >= 0]
    targets, labels, learner = targets_of(trial.run.project), space.labels, trial.run.configuration["learner"]
    seed = engine.integer_seed(space.seed, "arms", trial.fold, trial.repeat)
    if not targets.is_learnable(labels, codes[base]):
        return None

    def hits(positions: np.ndarray) -> np.ndarray:
        model, _ = targets.fit(learner, space.X, positions, labels, codes[positions], seed, None)
        return targets.right(labels, codes[test], targets.predict(model, space.X, test, labels))

    try:
        return compare_arms(hits, base, drawn, asked, seed=seed)
    except engine.EngineError:
        return None  # a learner that refuses fewer labels stops no run
