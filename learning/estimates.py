"""How good the model is, from the queries themselves: for runs whose batches are drawn by chance with known probabilities.

Labels that a learner chose are no fair sample, and a model knows its own training labels by heart. But each batch was answered
after the model that asked it had made its predictions; weighted by how likely each item was to be drawn, its answers give an
unbiased estimate of that model's error on the pool (LURE: Farquhar, Gal & Rainforth 2021, On statistical bias in active
learning).
"""

import math

from annotation.models import Annotation, Purpose, Query, Verdict
from learning import engine
from learning.datasets import TRUE_SOURCES
from learning.models import Round, Run, Trial

LAST_ROUNDS = 5


def accuracy_of_queries(run: Run) -> dict | None:
    """{"value", "low", "high", "rounds", "answers"}: of the models of the last rounds, on what was not labelled then.

    None where the draws have no known probabilities (batch mode "top", say), or too few were answered.
    """
    trial = run.trials.first()
    if trial is None:
        return None
    found = []
    for row in trial.rounds.order_by("-number")[: LAST_ROUNDS + 1]:
        estimate = _of_round(trial, row)
        if estimate is not None:
            found.append(estimate)
    found = found[:LAST_ROUNDS]
    if not found:
        return None
    value = sum(estimate["value"] for estimate, _ in found) / len(found)
    # The rounds' draws are independent given what was known before, so their errors add up like independent ones.
    half = math.sqrt(sum(((estimate["high"] - estimate["low"]) / 2) ** 2 for estimate, _ in found)) / len(found)
    return {
        "value": 1 - value,
        "low": max(0.0, 1 - value - half),
        "high": min(1.0, 1 - value + half),
        "rounds": len(found),
        "answers": sum(n for _, n in found),
    }


def _of_round(trial: Trial, row: Round) -> tuple[dict, int] | None:
    """The estimated error of one round's model, and from how many answers. The random part was drawn first."""
    n_candidates = row.batch.get("candidates")
    asked = Query.objects.filter(trial=trial, round_number=row.number, in_batch=True, purpose__in=[Purpose.QUERY, Purpose.RANDOM])
    rows = list(
        asked.filter(status=Query.Status.ANSWERED, prediction__isnull=False).values_list(
            "item_id", "purpose", "rank", "prediction", "probability"
        )
    )
    if not n_candidates or len(rows) < 2 or any(probability is None for *_, probability in rows):
        return None
    led = Annotation.objects.filter(item__in=[row[0] for row in rows], current=True, suggestion__isnull=False)
    if led.exists():  # people who see what the model says agree with it: their answers do not measure it
        return None
    rows.sort(key=lambda row: (row[1] != Purpose.RANDOM, row[2]))
    truth = _truth(trial, [row[0] for row in rows])
    known = [(prediction != truth[item], probability) for item, _, _, prediction, probability in rows if item in truth]
    if len(known) < 2:
        return None
    losses, probabilities = zip(*known, strict=True)
    return engine.lure([float(loss) for loss in losses], list(probabilities), n_candidates), len(known)


def _truth(trial: Trial, items: list[int]) -> dict[int, int]:
    verdicts = Verdict.objects.filter(item__in=items, current=True, source__in=TRUE_SOURCES).values_list("item_id", "value")
    found = dict(verdicts)
    if trial.run.configuration["oracle"] == "known":
        found |= dict(trial.run.project.items.filter(pk__in=items, known__isnull=False).values_list("pk", "known"))
    return found
