"""How good the model is, from the queries themselves: for runs whose batches are drawn by chance with known probabilities.

Labels that a learner chose are no fair sample, and a model knows its own training labels by heart. But each batch was answered
after the model that asked it had made its predictions; weighted by how likely each item was to be drawn, its answers give an
unbiased estimate of that model's error on the pool (LURE: Farquhar, Gal & Rainforth 2021, On statistical bias in active
learning).
"""

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
    error = engine.lure_share(found)
    return {
        "value": 1 - error["value"],
        "low": 1 - error["high"],
        "high": 1 - error["low"],
        "rounds": len(found),
        "answers": sum(len(wrong) for wrong, _, _ in found),
    }


def _of_round(trial: Trial, row: Round) -> tuple[list[bool], list[float], int] | None:
    """Which of one round's predictions were wrong, the probability of each draw, and among how many it began.

    The random arm drew first, and the strategy from what it left. So what the arm drew and nobody answered (in continuous mode
    it draws for the ranking beyond the batch, too) was never the strategy's to choose: it counts as gone from the start.
    """
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
    known = [(prediction != truth[item], purpose, draw) for item, purpose, _, prediction, draw in rows if item in truth]
    if len(known) < 2:
        return None
    by_chance = sum(purpose == Purpose.RANDOM for _, purpose, _ in known)
    n_left = n_candidates - max(0, row.batch.get("random", by_chance) - by_chance)
    probability = [1 / (n_left - i) if i < by_chance else draw for i, (_, _, draw) in enumerate(known)]
    return [wrong for wrong, _, _ in known], probability, n_left


def _truth(trial: Trial, items: list[int]) -> dict[int, int]:
    verdicts = Verdict.objects.filter(item__in=items, current=True, source__in=TRUE_SOURCES).values_list("item_id", "value")
    found = dict(verdicts)
    if trial.run.configuration["oracle"] == "known":
        found |= dict(trial.run.project.items.filter(pk__in=items, known__isnull=False).values_list("pk", "known"))
    return found
