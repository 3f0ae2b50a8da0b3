"""The queue's invariant, with real threads on separate connections, and with whatever order of deeds hypothesis finds."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Event, Timer
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import queue, statements
from annotation.models import Annotation, Assignment, Query, Verdict
from annotation.queries import ask
from annotation.verdicts import adjudicate
from projects.consensus_rules import RULES
from projects.models import Membership, Project, User
from tests.annotation.asking import asked, items_of, running

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: nothing is locked by item")


def at_once(n: int, deed) -> list:
    """`deed(i)` in n threads that begin together, each with its own connection."""
    barrier = Barrier(n)

    def run(i: int):
        try:
            barrier.wait(10)
            return deed(i)
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def people(project: Project, n: int) -> list[User]:
    users = User.objects.bulk_create(User(username=f"p{i}", password="!") for i in range(n))
    Membership.objects.bulk_create(Membership(project=project, user=user, role="annotator") for user in users)
    return users


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wanted", [1, 2])
def test_many_at_once_get_no_item_more_often_than_wanted(project, wanted):
    ask(project, running(project), 1, asked(items_of(project, 30)), wanted=wanted)
    users = people(project, 8)
    got = at_once(8, lambda i: [a.item_id for a in queue.lease_next(users[i], project, 10)])
    times = Counter(item for mine in got for item in mine)
    assert max(times.values()) <= wanted
    assert all(len(set(mine)) == len(mine) for mine in got)
    assert sum(times.values()) == Assignment.objects.count()
    assert len(times) >= 20  # nobody goes without because others were faster


@contextmanager
def being_answered(project: Project, item):
    """Somebody else is writing about this item, in a transaction that ends with the block."""
    locked, done = Event(), Event()

    def hold(_):
        with transaction.atomic():
            statements.lock_item(project.pk, item=item.pk)
            locked.set()
            done.wait(10)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(at_once, 1, hold)
        assert locked.wait(10)
        try:
            yield done
        finally:
            done.set()
            held.result()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_an_item_that_somebody_else_is_answering(project):
    first, second = items_of(project, 2)
    ask(project, running(project), 1, asked([first, second]), wanted=2)
    (user,) = people(project, 1)
    with being_answered(project, first):
        assert [a.item_id for a in queue.lease_next(user, project, 1)] == [second.pk]


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_who_would_go_away_with_nothing_waits_for_it(project):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    (user,) = people(project, 1)
    with being_answered(project, item) as done:
        Timer(0.3, done.set).start()
        assert [a.item_id for a in queue.lease_next(user, project, 3)] == [item.pk]


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_a_pooler_shares_keeps_no_prepared_statements(project):
    ask(project, running(project), 1, asked(items_of(project, 2)), wanted=1)
    (user,) = people(project, 1)

    def answer(_) -> int:
        queue.submit(user, project, item=queue.lease_next(user, project, 1)[0].item_id, value="ham", token=str(uuid4()))
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_prepared_statements")
            return cursor.fetchone()[0]

    def answer_pooled(i: int) -> int:
        connection.settings_dict = connection.settings_dict | {"DISABLE_SERVER_SIDE_CURSORS": True}  # this thread's alone
        return answer(i)

    assert at_once(1, answer)[0] > 0
    assert at_once(1, answer_pooled) == [0]
    assert Annotation.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_submit_sent_eight_times_at_once_is_stored_once(project):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    (user,) = people(project, 1)
    done = at_once(8, lambda i: queue.submit(user, project, item=item, value="ham", token="same"))
    assert Counter(s.outcome for s in done) == {"stored": 1, "repeated": 7}
    assert {s.annotation.pk for s in done} == {Annotation.objects.get().pk}


@pytest.mark.django_db(transaction=True)
def test_two_people_answering_one_item_at_once_are_both_kept_and_one_is_extra(project):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    users = people(project, 2)
    done = at_once(2, lambda i: queue.submit(users[i], project, item=item, value="ham", token=f"t{i}"))
    assert sorted(s.outcome for s in done) == ["extra", "stored"]
    assert Annotation.objects.count() == 2
    assert Query.objects.get().status == "answered"


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_ran_out_is_taken_over_by_one_only(project):
    ask(project, running(project), 1, asked(items_of(project, 1)), wanted=1)
    users = people(project, 6)
    queue.lease_next(users[0], project, 1)
    Assignment.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    got = at_once(5, lambda i: queue.lease_next(users[i + 1], project, 1))
    assert sum(len(mine) for mine in got) == 1
    assert Assignment.objects.count() == 1


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["next", "answer", "other", "skip", "undo", "release", "expire", "repeat"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, wanted=st.integers(1, 3))
def test_whatever_people_do_the_slots_hold_and_no_answer_is_lost(project, deeds, wanted):
    """After every deed: no item has more holders than answers are wanted, nobody has two current answers to one item, what was
    acknowledged is stored, and a query is answered only when its answers are there."""
    with transaction.atomic():
        _play(project, deeds, wanted)
        transaction.set_rollback(True)


def _play(project: Project, deeds, wanted: int) -> None:
    project.annotators_per_item = wanted
    project.save()
    items = items_of(project, 3)
    ask(project, running(project), 1, asked(items), wanted=wanted)
    users = people(project, 3)
    tokens: list[tuple[int, int, str]] = []
    for number, (deed, who, which) in enumerate(deeds):
        user, token = users[who], f"t{number}"
        if deed == "next":
            queue.lease_next(user, project, which + 1)
        elif deed in {"answer", "other"}:
            queue.submit(user, project, item=items[which], value="ham" if deed == "answer" else "spam", token=token)
            tokens.append((who, which, token))
        elif deed == "skip":
            queue.skip(user, project, item=items[which], token=token)
            tokens.append((who, which, token))
        elif deed == "undo":
            queue.undo(user, project)
        elif deed == "release":
            queue.release(user, project)
        elif deed == "expire":
            Assignment.objects.filter(state="leased", user=user).update(leased_until=timezone.now() - timedelta(1))
        elif tokens:
            before, (w, i, t) = Annotation.objects.count(), tokens[which % len(tokens)]
            assert queue.submit(users[w], project, item=items[i], value="ham", token=t).outcome == "repeated"
            assert Annotation.objects.count() == before
        _holds(tokens)


def _holds(tokens) -> None:
    # A tie asks one more: the query itself says how many it wants.
    for item in Assignment.objects.filter(slot__isnull=False).values("item").annotate(n=Count("pk")).order_by():
        assert item["n"] <= max(Query.objects.filter(item=item["item"]).values_list("wanted", flat=True))
    current = Annotation.objects.filter(current=True).values("item", "user").annotate(n=Count("pk")).order_by()
    assert all(row["n"] == 1 for row in current)
    assert Annotation.objects.filter(token__in=[t for _, _, t in tokens]).count() == len(tokens)
    for query in Query.objects.filter(status="answered"):
        assert query.annotations.filter(current=True, skipped=False).count() >= query.project.annotators_per_item


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rule", RULES)
def test_two_last_answers_at_once_leave_one_verdict_and_nothing_stuck(project, rule):
    """Two of two people answer three items at once, alike and not: each is settled, or waits for a reviewer, under every rule."""
    project.consensus, project.annotators_per_item = rule, 2
    project.save()
    alike, differ, again = items_of(project, 3)
    ask(project, running(project), 1, asked([alike, differ, again]), wanted=2)
    users = people(project, 2)
    said = {alike: ["ham", "ham"], differ: ["ham", "spam"], again: ["spam", "ham"]}
    for item, values in said.items():
        done = at_once(
            2,
            lambda i, item=item, values=values: queue.submit(
                users[i], project, item=item, value=values[i], token=f"{item.pk} {i}"
            ),
        )
        assert {s.outcome for s in done} == {"stored"}
    verdicts = Counter(Verdict.objects.filter(current=True).values_list("item_id", flat=True))
    settled = {alike.pk, differ.pk, again.pk} if rule == "first" else {alike.pk}
    assert verdicts == Counter(settled)
    open_ones = {query.item_id: query.status for query in Query.objects.exclude(status="answered")}
    assert open_ones == dict.fromkeys({alike.pk, differ.pk, again.pk} - settled, "disputed")
    if rule == "first":  # the label is that of whoever was stored first
        for item in (differ, again):
            earliest = Annotation.objects.filter(item=item).order_by("pk").first()
            assert Verdict.objects.get(item=item, current=True).value == earliest.value
    assert all(queue.lease_next(user, project, 5) == [] for user in users)


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_a_reviewers_word_at_once_leave_the_reviewers(project):
    project.consensus, project.annotators_per_item = "unanimous", 2
    project.save()
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    one, other, reviewer = people(project, 3)
    ham, spam = project.labels.values_list("pk", flat=True)
    queue.submit(one, project, item=item, value="ham", token="one")

    def deed(i: int):
        if i:
            return adjudicate(reviewer, project, item, spam)
        return queue.submit(other, project, item=item, value="ham", token="other")

    at_once(2, deed)
    verdict = Verdict.objects.get(current=True)
    assert (verdict.source, verdict.value) == ("adjudicated", spam)
    assert Query.objects.get().status == "answered"
