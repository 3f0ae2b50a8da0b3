"""From answers to the value that the project holds true."""

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from annotation.models import Annotation, Assignment, Query, Verdict
from annotation.signals import answers_changed
from projects.models import Item, Membership, Project, Role, User
from projects.task_types import task_type

Source = Verdict.Source
Status = Query.Status
ANSWERING_ROLES = [Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR]
# A verdict replaces one of the same or a lower rank: people outrank a model, a reviewer's word outranks a majority.
_RANK = {Source.MODEL: 0, Source.IMPORTED: 1, Source.PEOPLE: 2, Source.ADJUDICATED: 3}


def settle(project: Project, item: Item) -> list[Query]:
    """Hold the item's answers against what its queries want; the queries whose status changed.

    Enough answers that agree: a verdict, and every open query on the item is answered, whoever asked. A tie asks one person
    more while there is one; after that the item is disputed, and a reviewer settles it. Too few (somebody undid an answer):
    the queries of runs that still go on are open again. Call inside the transaction that changed the answers.
    """
    answers = list(
        Annotation.objects.filter(item=item, current=True, skipped=False).order_by("pk").values_list("value", flat=True)
    )
    queries = list(item.queries.exclude(status=Status.WITHDRAWN).exclude(wanted=0).select_related("trial"))
    consensus = task_type(project.task).consensus(answers)
    wanted = project.annotators_per_item
    if len(answers) >= wanted and consensus is not None:
        set_verdict(project, item, consensus, Source.PEOPLE)
        changed = _close(
            [q for q in queries if q.status in {Status.OPEN, Status.HELD, Status.DISPUTED, Status.SKIPPED}], Status.ANSWERED
        )
    elif len(answers) >= wanted:
        changed = _ask_one_more(project, item, queries, len(answers))
    else:
        changed = _reopen(queries)
        _take_back(item)
    if changed:
        answers_changed.send(Query, queries=changed)
    return changed


def set_verdict(
    project: Project, item: Item, value, source: str, *, user: User | None = None, probability: float | None = None
) -> Verdict | None:
    """Make this the current verdict, the earlier one history. None where one of a higher rank stands."""
    current = Verdict.objects.filter(item=item, current=True).first()
    if current is not None:
        if _RANK[current.source] > _RANK[source]:
            return None
        if (current.value, current.source) == (value, source):
            return current
        Verdict.objects.filter(pk=current.pk).update(current=False)
    return Verdict.objects.create(project=project, item=item, value=value, source=source, user=user, probability=probability)


def adjudicate(user: User, project: Project, item: Item, value, comment: str = "") -> Verdict:
    """A reviewer's word: settles a dispute, and outranks the answers. `value` is in its stored form."""
    with transaction.atomic():
        verdict = set_verdict(project, item, value, Source.ADJUDICATED, user=user)
        disputed = item.queries.exclude(status__in=[Status.WITHDRAWN, Status.ANSWERED]).select_related("trial")
        if changed := _close(list(disputed), Status.ANSWERED):
            answers_changed.send(Query, queries=changed)
    return verdict


def close_if_nobody_is_left(project: Project, item: Item) -> list[Query]:
    """Everybody who may answer has skipped (or answered) it: the loop must not wait for it for ever."""
    open_queries = list(item.queries.filter(status=Status.OPEN).select_related("trial"))
    if not open_queries or eligible(project, item).exists():
        return []
    changed = _close(open_queries, Status.SKIPPED)
    answers_changed.send(Query, queries=changed)
    return changed


def eligible(project: Project, item: Item):
    """The members who may still be asked for this item."""
    done = Assignment.objects.filter(item=item).exclude(state=Assignment.State.LEASED).values("user")
    members = Membership.objects.filter(project=project, role__in=ANSWERING_ROLES, user__is_active=True)
    return members.exclude(user__in=done)


def import_verdicts(dataset_id: int) -> int:
    """The imported values of a data set become verdicts: one statement, in the import's transaction."""
    item, verdict = Item._meta.db_table, Verdict._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {verdict} (project_id, item_id, value, source, current, created_at) "
            f"SELECT project_id, id, known, %s, %s, %s FROM {item} WHERE dataset_id = %s AND known IS NOT NULL",
            [Source.IMPORTED, True, connection.ops.adapt_datetimefield_value(timezone.now()), dataset_id],
        )
        return cursor.rowcount


def check_may_answer(role: Role) -> None:
    if role not in ANSWERING_ROLES:
        raise PermissionDenied("A viewer reads; to label, ask a manager for the role annotator.")


def _close(queries: Iterable[Query], status: str) -> list[Query]:
    queries = list(queries)
    now = timezone.now()
    if queries:
        Query.objects.filter(pk__in=[query.pk for query in queries]).update(status=status, closed_at=now)
    for query in queries:
        query.status, query.closed_at = status, now
    return queries


def _ask_one_more(project: Project, item: Item, queries: list[Query], n_answers: int) -> list[Query]:
    waiting = [q for q in queries if q.status in {Status.OPEN, Status.HELD, Status.ANSWERED}]
    if not eligible(project, item).exists():
        return _close(waiting, Status.DISPUTED)
    Query.objects.filter(pk__in=[query.pk for query in waiting]).update(wanted=n_answers + 1)
    return []


def _reopen(queries: list[Query]) -> list[Query]:
    changed = [q for q in queries if q.status in {Status.ANSWERED, Status.DISPUTED} and q.trial.phase != "finished"]
    if changed:
        Query.objects.filter(pk__in=[query.pk for query in changed]).update(status=Status.OPEN, closed_at=None)
    for query in changed:
        query.status = Status.OPEN
    return changed


def _take_back(item: Item) -> None:
    """The people's verdict has lost its answers; what was imported holds again."""
    if Verdict.objects.filter(item=item, current=True, source=Source.PEOPLE).update(current=False) and item.known is not None:
        Verdict.objects.create(project_id=item.project_id, item=item, value=item.known, source=Source.IMPORTED)
