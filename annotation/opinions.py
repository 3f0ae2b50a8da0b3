"""Further opinions on an item that has its label already: for agreement, not for a learner, so their queries have no trial.

They stand where the learner's own query stood in the order. No run waits for them, none ends or holds them.
"""

from collections.abc import Iterable

from django.db.models import Count, Exists, OuterRef, Subquery

from annotation.models import Annotation, Purpose, Query
from annotation.queries import order_of
from projects.models import Item, Project, Role

Status = Query.Status
# Why an opinion is asked for, in `Query.strategy`: it says which line the annotator sees (annotation/reasons.py).
OVERLAP, DOUBT = "overlap", "doubt"


def is_further(query: Query) -> bool:
    return query.trial_id is None and query.purpose == Purpose.REVIEW


def go_on(project: Project, item: Item, queries: Iterable[Query], wanted: int) -> None:
    """The item has its label, and fewer answers than wanted: whoever else is to answer is still asked. Call with the item locked.

    `queries`: all that are known of the item.
    """
    queries = list(queries)
    mine = next((query for query in queries if query.trial_id is None), None)
    if mine is None:
        order, rank = min((order_of(Purpose(query.purpose), query.rank), query.rank) for query in queries)
        open_for(project, {item.pk: (wanted, order, rank)}, OVERLAP)
    elif mine.status != Status.SKIPPED and (mine.status != Status.OPEN or mine.wanted < wanted):
        Query.objects.filter(pk=mine.pk).update(status=Status.OPEN, wanted=max(wanted, mine.wanted), closed_at=None)


def open_for(project: Project, asked: dict[int, tuple[int, int, int]], reason: str) -> None:
    """`asked`: {item: (answers that it wants in all, its place in the order, its rank)}; those asked before are not again."""
    rows = [
        Query(
            project=project, item_id=item, trial=None, round_number=0, purpose=Purpose.REVIEW, strategy=reason,
            rank=rank, wanted=wanted, order=order,
        )
        for item, (wanted, order, rank) in asked.items()
    ]  # fmt: skip
    Query.objects.bulk_create(rows, ignore_conflicts=True)


def ask_doubted(trial, most: int) -> int:
    """A second person is asked, before anything new, for items that one person has answered since the model was last trained and
    otherwise than it expected (before it knew the answer): up to `most`, those of which it was surest first. How many.

    After ActiveLab (Goh and Mueller, 2023), which weighs answers and probabilities on one scale; here the label that the model
    expected is all that is known, and the strategy's score stands for its doubt. The label holds meanwhile.
    """
    project = trial.run.project
    workers = project.memberships.filter(role__in=[Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR], user__is_active=True)
    if most < 1 or trial.trained_at is None or workers.count() < 2:
        return 0
    answers = Annotation.objects.filter(item=OuterRef("item"), current=True, skipped=False, gold=False)
    asked_before = Query.objects.filter(item=OuterRef("item"), trial=None)
    answered = trial.queries.filter(status=Status.ANSWERED, closed_at__gte=trial.trained_at, prediction__isnull=False)
    led = answers.filter(suggestion__isnull=False)  # who saw what the model says and disagreed has had that second opinion
    found = (
        answered.exclude(Exists(asked_before))
        .exclude(Exists(led))
        .annotate(
            n=Subquery(answers.order_by().values("item").annotate(n=Count("pk")).values("n")),
            said=Subquery(answers.values("value")[:1]),
        )
    )
    rows = [row for row in found.filter(n=1).values_list("item", "score", "prediction", "said") if row[2] != row[3]]
    rows.sort(key=lambda row: (row[1] is None, row[1] or 0.0, row[0]))  # a high score means doubt
    chosen = [item for item, *_ in rows[:most]]
    open_for(project, {item: (2, order_of(Purpose.QUERY, 0), rank) for rank, item in enumerate(chosen, 1)}, DOUBT)
    return len(chosen)
