"""Further opinions on an item that has its label already: for agreement, not for a learner, so their queries have no trial.

They stand where the learner's own query stood in the order. No run waits for them, none ends or holds them.
"""

from collections.abc import Iterable

from annotation.models import Purpose, Query
from annotation.queries import order_of
from projects.models import Item, Project

Status = Query.Status
# Why an opinion is asked for, in `Query.strategy`: it says which line the annotator sees (annotation/reasons.py).
OVERLAP, DOUBT = "overlap", "doubt"


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
