"""People are asked again about labels that stand already: one answer more, before anything new is asked.

An imported label has nobody behind it. Where people are asked about one it counts as an answer, so a single person who says
otherwise makes a tie, which the project's rule or a reviewer settles; by the rule "first" the first person's answer holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery

from annotation import opinions, turns
from annotation.models import Annotation, Assignment, Purpose, Query, Reservation, Verdict
from annotation.queries import order_of
from projects.models import Item, Membership, Project, Role
from projects.training_settings import training_of

Status = Query.Status
# `Query.strategy`: of labels that people gave, and of imported ones.
AGAIN, IMPORTED = "again", "again_imported"
_ANSWERING = [Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR]


def ask_again(project: Project, items: Sequence[int]) -> int:
    """One answer more to each of these items; to one that nobody has answered, as many as the project wants.

    Left out: what is being asked or was settled by a reviewer, whose word no answer changes, and items of which nobody is left
    to ask. How many were asked.
    """
    with turns.write():
        list(Item.objects.select_for_update().filter(project=project, pk__in=items).order_by("pk").values_list("pk"))
        sources = dict(Verdict.objects.filter(item__in=items, current=True).values_list("item", "source"))
        before = {query.item_id: query for query in Query.objects.filter(item__in=items, trial=None)}
        busy = {pk for pk, query in before.items() if query.status == Status.OPEN}
        busy |= {pk for pk, source in sources.items() if source == Verdict.Source.ADJUDICATED}
        asked = [pk for pk in _with_somebody_left(project, items) if pk not in busy]
        given = _answers().filter(item__in=asked).order_by().values("item").annotate(n=Count("pk"))
        n = dict(given.values_list("item", "n"))
        wanted = {pk: n[pk] + 1 if pk in n else project.annotators_per_item for pk in asked}
        first = order_of(Purpose.QUERY, 0)
        for reason in (AGAIN, IMPORTED):
            mine = [pk for pk in asked if (sources.get(pk) == Verdict.Source.IMPORTED) == (reason == IMPORTED)]
            opinions.open_for(project, {pk: (wanted[pk], first, 1) for pk in mine if pk not in before}, reason)
            again = [before[pk] for pk in mine if pk in before]
            for query in again:  # an item has one query without a trial
                query.strategy = IMPORTED if query.strategy == IMPORTED else reason
                query.purpose, query.status, query.closed_at = Purpose.REVIEW, Status.OPEN, None
                query.wanted, query.order = wanted[query.item_id], first
            Query.objects.bulk_update(again, ["purpose", "strategy", "status", "closed_at", "wanted", "order"], batch_size=500)
        return len(asked)


def answered_again() -> QuerySet[Query]:
    """Of the item of an outer query: that it was asked again, and the answer has come (or else nobody was left to give it)."""
    given = _answers().filter(item=OuterRef("item")).order_by().values("item").annotate(n=Count("pk")).values("n")
    asked = Query.objects.filter(trial=None, strategy__in=[AGAIN, IMPORTED], status=Status.ANSWERED)
    return asked.annotate(n=Subquery(given, output_field=IntegerField())).filter(item=OuterRef("item"), wanted__lte=F("n"))


def counts_import(queries: Iterable[Query]) -> bool:
    """Is an imported label among the answers that are held against each other?"""
    return any(query.trial_id is None and query.strategy == IMPORTED for query in queries)


def _answers() -> QuerySet[Annotation]:
    return Annotation.objects.filter(current=True, skipped=False, gold=False)


def _with_somebody_left(project: Project, items: Sequence[int]) -> list[int]:
    """Those of the items for which `verdicts.eligible` would find somebody, for any number of items."""
    members = Membership.objects.filter(project=project, role__in=_ANSWERING, user__is_active=True, paused_at=None)
    people = set((members.exclude(qualified_at=None) if training_of(project) else members).values_list("user", flat=True))
    done, meant = defaultdict(set), defaultdict(set)
    for item, user in Assignment.objects.filter(item__in=items).exclude(state="leased").values_list("item", "user"):
        done[item].add(user)
    for item, user in Reservation.objects.filter(item__in=items).values_list("item", "user"):
        meant[item].add(user)
    return [pk for pk in items if (people & meant[pk] if pk in meant else people) - done[pk]]
