"""From answers to the value that the project holds true."""

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Exists, Q
from django.utils import timezone

from annotation import consensus, opinions, rechecking, statements, turns
from annotation.consensus import Answer, Step
from annotation.models import Annotation, Assignment, Purpose, Query, Reservation, Verdict
from annotation.queries import order_of
from annotation.signals import answers_changed, weights_wanted
from projects.errors import WrongState
from projects.models import Item, Membership, Project, Role, User
from projects.notices import notify
from projects.task_types import task_type
from projects.training_settings import training_of

Source = Verdict.Source
Status = Query.Status
FIRST = order_of(Purpose.QUERY, 0)
ANSWERING_ROLES = [Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR]
# A verdict replaces one of the same or a lower rank: people outrank a model, a reviewer's word outranks a majority.
_RANK = {Source.MODEL: 0, Source.IMPORTED: 1, Source.PEOPLE: 2, Source.ADJUDICATED: 3}


def settle(project: Project, item: Item, *, reopens_skipped: bool = False) -> list[Query]:
    """Hold the item's answers against what its queries want; the queries whose status changed.

    Enough answers that the project's rule makes one value of: a verdict, and every open query on the item is answered, whoever
    asked. Where the rule wants it, one person more is asked while there is one; after that the item is disputed, and a reviewer
    settles it. Too few (somebody undid an answer): the queries of runs that still go on are open again. By the rule "first"
    the first answer settles it at once, for the learner too; the others are asked for all the same, by a query without a trial.
    Call inside the transaction that changed the answers, with the item locked.
    """
    given = _answers(project, item)
    queries = statements.queries(item.pk)
    if queries and all(query.set_aside for query in queries):
        return []  # a reviewer has said that it cannot be decided
    waiting = [query for query in queries if query.status != Status.ANSWERED]
    # What the project wants now, but no more than its queries have slots for (the open ones, where there are any).
    wanted = min([project.annotators_per_item, *(query.wanted for query in waiting or queries)])
    n = sum(not answer.extra for answer in given)
    # Answers beyond the slots complete the number only where nobody contradicts: whoever has the slot now is still at it.
    enough = n >= wanted or (len(given) >= wanted and all(answer.value == given[0].value for answer in given))
    decision = (
        consensus.decide(
            project.consensus, task_type(project.task), _with_import(project, item, queries, given), lambda: _weights(project)
        )
        if enough and given
        else None
    )
    if enough and decision and decision.step == Step.SETTLED:
        set_verdict(project, item, decision.value, Source.PEOPLE)
        changed = _close([query for query in waiting if not opinions.is_further(query) or query.wanted <= n], Status.ANSWERED)
    elif _is_decided(item, queries, waiting):
        changed = _close(waiting, Status.ANSWERED)
    elif given and project.consensus == "first":
        set_verdict(project, item, given[0].value, Source.PEOPLE)
        changed = _close([query for query in waiting if query.trial_id is not None], Status.ANSWERED)
        if queries and eligible(project, item).exists():
            opinions.go_on(project, item, queries, wanted)
    elif enough and decision and decision.step == Step.DISPUTED:
        if any(query.status in {Status.OPEN, Status.HELD} and query.wanted > n for query in waiting):
            return []  # one opinion more is wanted, and has not come yet: a skip or a correction meanwhile does not end that
        changed = _dispute(project, item, _disputable(item, queries))
        _take_back(item)
    elif enough:
        changed = _ask_one_more(project, item, queries, n + 1)
        if not any(query.status in {Status.OPEN, Status.HELD} for query in queries):  # the runs that asked are over
            changed += _dispute(project, item, _disputable(item, queries))
        _take_back(item)
    else:
        again = {Status.ANSWERED, Status.DISPUTED} | ({Status.SKIPPED} if reopens_skipped else set())
        changed = _reopen([query for query in queries if query.status in again])
        _take_back(item)
    if changed:
        answers_changed.send(Query, queries=changed)
    return changed


def _answers(project: Project, item: Item) -> list[Answer]:
    """The current answers, in the order in which people first came. Only rules that look at people need the slower look-up."""
    if project.consensus == "majority":
        return [Answer(0, value, extra) for value, extra in statements.answers(item.pk)]
    found = Annotation.objects.filter(item=item, skipped=False, gold=False).order_by("pk")
    by_user: dict[int, Answer] = {}  # who corrects an answer keeps the place of the first one; who takes it back does not
    current = set()
    for user, value, extra, is_current, withdrawn_at in found.values_list("user_id", "value", "extra", "current", "withdrawn_at"):
        if withdrawn_at:
            by_user.pop(user, None)
            continue
        by_user[user] = Answer(user, value, extra)
        if is_current:
            current.add(user)
    return [answer for user, answer in by_user.items() if user in current]


def _with_import(project: Project, item: Item, queries: list[Query], given: list[Answer]) -> list[Answer]:
    """Where people were asked about an imported label, it is an answer too; nobody's, so a weighted rule gives it no weight."""
    if project.consensus == "first" or not rechecking.counts_import(queries) or item.known is None:
        return given
    return [Answer(0, item.known), *given]


def _weights(project: Project) -> dict[int, float]:
    """By user id, of whoever estimates them (learning does); empty: all count alike."""
    return next((found for _, found in weights_wanted.send(Project, project=project) if found), {})


def set_verdict(
    project: Project,
    item: Item,
    value,
    source: str,
    *,
    user: User | None = None,
    probability: float | None = None,
    comment: str = "",
) -> Verdict | None:
    """Make this the current verdict, the earlier one history. None where one of a higher rank stands."""
    if current := statements.current_verdict(item.pk):
        pk, old_value, old_source = current
        if _RANK[old_source] > _RANK[source]:
            return None
        if (old_value, old_source) == (value, source):
            verdict = Verdict.objects.get(pk=pk)
            if comment and comment != verdict.comment:
                Verdict.objects.filter(pk=pk).update(comment=comment)
                verdict.comment = comment
            return verdict
        Verdict.objects.filter(pk=pk).update(current=False)
    verdict = Verdict(
        project=project, item=item, value=value, source=source, user=user, probability=probability, created_at=timezone.now()
    )
    statements.insert_verdict(verdict)
    if comment:  # rare: the statement behind every answer has no column for it
        Verdict.objects.filter(item=item, current=True).update(comment=comment)
        verdict.comment = comment
    return verdict


def adjudicate(user: User, project: Project, item: Item, value, comment: str = "") -> Verdict:
    """A reviewer's word: settles a dispute, and outranks the answers. `value` is in its stored form."""
    with turns.write():
        statements.lock_item(project.pk, item=item.pk)
        verdict = set_verdict(project, item, value, Source.ADJUDICATED, user=user, comment=comment[:2000])
        disputed = item.queries.exclude(status__in=[Status.WITHDRAWN, Status.ANSWERED]).select_related("trial")
        if changed := _close(list(disputed), Status.ANSWERED):
            answers_changed.send(Query, queries=changed)
    return verdict


def ask_one_more(project: Project, item: Item) -> None:
    """A reviewer wants another opinion. Raises WrongState where nobody is left to ask, or nothing asks for the item any more."""
    with turns.write():
        statements.lock_item(project.pk, item=item.pk)
        if not eligible(project, item).exists():
            raise WrongState("Nobody is left to ask: everybody who may answer has answered or skipped it. Decide it yourself.")
        n = sum(not answer.extra for answer in _answers(project, item))
        queries = statements.queries(item.pk)
        if project.consensus == "unanimous" and was_asked_more(project, queries):
            raise WrongState("Another opinion was asked for already, and one that differs stays one: decide it yourself.")
        if project.consensus == "first" and queries:  # the label holds meanwhile
            opinions.go_on(project, item, queries, n + 1)
            return
        changed = _ask_one_more(project, item, queries, n + 1)
        if not changed:
            raise WrongState("It cannot be asked again: it is open already, or the run that asked for it is over.")
        _take_back(item)
        answers_changed.send(Query, queries=changed)


def set_aside(project: Project, item: Item) -> None:
    """A reviewer says that it cannot be decided: asked no more, and without a verdict of people the learner leaves it out."""
    with turns.write():
        statements.lock_item(project.pk, item=item.pk)
        queries = statements.queries(item.pk)
        if not queries:
            raise WrongState("Nothing asks people for this item, so there is nothing to set aside: decide what it is.")
        changed = _close(queries, Status.SKIPPED)
        Query.objects.filter(pk__in=[query.pk for query in queries]).update(set_aside=True)
        _take_back(item)
        if changed:
            answers_changed.send(Query, queries=changed)


def close_if_nobody_is_left(project: Project, item: Item) -> list[Query]:
    """Everybody who may answer has skipped it (or answered; then a reviewer settles it): the loop must not wait for ever."""
    waiting = [query for query in statements.queries(item.pk) if query.status in {Status.OPEN, Status.HELD}]
    if not waiting or eligible(project, item).exists():
        return []
    if all(opinions.is_further(query) for query in waiting) and statements.current_verdict(item.pk):
        changed = _close(waiting, Status.ANSWERED)  # it has its label; the other opinions will not come
    elif statements.answers(item.pk):
        changed = _dispute(project, item, waiting)
    else:
        changed = _close(waiting, Status.SKIPPED)
    answers_changed.send(Query, queries=changed)
    return changed


def eligible(project: Project, item: Item):
    """The members who may still be asked for this item: of a reserved one, those whom it is reserved for."""
    done = Assignment.objects.filter(item=item).exclude(state=Assignment.State.LEASED).values("user")
    members = Membership.objects.filter(project=project, role__in=ANSWERING_ROLES, user__is_active=True, paused_at=None)
    if training_of(project):  # who has not passed gets no items, so nobody waits for them
        members = members.exclude(qualified_at=None)
    reserved = Reservation.objects.filter(item=item)
    nobody_in_particular = Q(~Exists(reserved))
    return members.filter(nobody_in_particular | Q(user__in=reserved.values("user"))).exclude(user__in=done)


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
    now = timezone.now()
    closed = [query for query in queries if query.status != status]
    for query in closed:
        statements.close(query, status, now)
    return closed


def _dispute(project: Project, item: Item, queries: Iterable[Query]) -> list[Query]:
    """People do not agree: a reviewer settles it. Who wants to know is told once, and once more after another opinion."""
    changed = _close(queries, Status.DISPUTED)
    if changed:
        more = was_asked_more(project, changed)
        text = f"People {'still ' if more else ''}disagree about the item {item.key}. It waits on the page Review."
        key = f"disagreement:{item.pk}:more" if more else f"disagreement:{item.pk}"
        notify(project, "disagreement", key, {"text": text, "item": {"id": item.pk, "key": item.key}})
    return changed


def was_asked_more(project: Project, queries: Iterable[Query]) -> bool:
    """Has somebody more been asked than the project wants of every item: after a tie, or because a reviewer wanted it?"""
    return any(query.wanted > project.annotators_per_item for query in queries)


def _is_decided(item: Item, queries: list[Query], waiting: list[Query]) -> bool:
    """A reviewer has decided: whatever people change afterwards brings the item neither back to them nor to the reviewer.

    Looked up only where a query was closed before, or several people may be asked: most answers are the first to their item.
    """
    if len(waiting) == len(queries) and all(query.wanted == 1 for query in waiting):
        return False
    current = statements.current_verdict(item.pk)
    return current is not None and current[2] == Source.ADJUDICATED


def _ask_one_more(project: Project, item: Item, queries: list[Query], wanted: int) -> list[Query]:
    waiting = [query for query in queries if query.status != Status.SKIPPED]
    if not eligible(project, item).exists():
        return _dispute(project, item, waiting)
    Query.objects.filter(pk__in=[query.pk for query in waiting if query.status != Status.ANSWERED]).update(wanted=wanted)
    changed = _reopen([query for query in waiting if query.status in {Status.ANSWERED, Status.DISPUTED}])
    Query.objects.filter(pk__in=[query.pk for query in changed]).update(wanted=wanted)
    # What people disagree about gets its further answer before anything new is asked; seed and test items come first anyway.
    Query.objects.filter(pk__in=[query.pk for query in waiting], order__gt=FIRST).update(order=FIRST)
    return changed


# What an answer that was taken back is asked again as, by the state of the run that asked; runs that are over ask nothing.
_ASKS_AGAIN = {"running": Status.OPEN, "queued": Status.OPEN, "paused": Status.HELD, "failed": Status.HELD}


def _reopen(queries: list[Query]) -> list[Query]:
    changed = [query for query in queries if query.run_status in _ASKS_AGAIN]
    for query in changed:
        query.status, query.closed_at = _ASKS_AGAIN[query.run_status], None
        Query.objects.filter(pk=query.pk).update(status=query.status, closed_at=None)
    return changed


def _disputable(item: Item, queries: list[Query]) -> list[Query]:
    """The queries that say that the item waits for a reviewer; where the run that asked is over, the last that was withdrawn."""
    found = [query for query in queries if query.status != Status.SKIPPED]
    if queries:
        return found
    return list(item.queries.filter(status=Status.WITHDRAWN, wanted__gt=0).select_related("trial").order_by("-pk")[:1])


def _take_back(item: Item) -> None:
    """The people's verdict has lost its answers; what was imported holds again."""
    if Verdict.objects.filter(item=item, current=True, source=Source.PEOPLE).update(current=False) and item.known is not None:
        Verdict.objects.create(project_id=item.project_id, item=item, value=item.known, source=Source.IMPORTED)
