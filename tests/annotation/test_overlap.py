"""How many people an item goes to, and what is asked before the first run; with real connections where it matters."""

from collections import Counter

import pytest
from django.utils import timezone

from annotation import plain, queries, queue
from annotation.models import Annotation, Query, Verdict
from annotation.progress import why_empty
from annotation.queries import ask, has_overlap
from learning import actions
from learning.models import Run
from projects.models import Membership
from tests.annotation.asking import asked, items_of, running
from tests.annotation.test_concurrency import at_once, people


def setting(project, **fields):
    for name, value in fields.items():
        setattr(project, name, value)
    project.save()
    return project


def leased(user, project, count=1):
    return [a.item_id for a in queue.lease_next(user, project, count)]


def answer(user, project, item, value="ham"):
    token = f"{user.pk}-{item}-{Annotation.objects.count()}"
    return queue.submit(user, project, item=item, value=value, token=token)


# --- Overlap


def test_the_share_of_the_items_that_several_people_label_is_drawn_once_and_for_all(project):
    setting(project, annotators_per_item=3, overlap=0.1)
    items = items_of(project, 2000)
    ask(project, running(project), 1, asked(items), wanted=3)
    wanted = dict(Query.objects.values_list("item_id", "wanted"))
    assert set(wanted.values()) == {1, 3}
    assert 150 < Counter(wanted.values())[3] < 250
    ask(project, running(project), 1, asked(items[::-1]), wanted=3)  # another run, in another order
    assert all(wanted[q.item_id] == q.wanted for q in Query.objects.all())


@pytest.mark.parametrize(("overlap", "wanted"), [(0.0, 1), (1.0, 2)])
def test_no_item_or_every_item_is_doubled_at_the_ends(project, overlap, wanted):
    setting(project, annotators_per_item=2, overlap=overlap)
    ask(project, running(project), 1, asked(items_of(project, 50)), wanted=2)
    assert set(Query.objects.values_list("wanted", flat=True)) == {wanted}


def test_an_item_outside_the_share_is_settled_by_one_answer_and_stays_so_when_it_is_changed(project, annotator):
    setting(project, annotators_per_item=2, overlap=0.0)
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    answer(annotator, project, item.pk)
    assert Query.objects.get().status == "answered"
    assert answer(annotator, project, item.pk, "spam").outcome == "changed"
    assert Query.objects.get().status == "answered"
    assert Verdict.objects.get(current=True).value == project.labels.get(name="spam").pk


# --- Before the first run


def test_without_a_run_items_come_in_import_order_and_say_so(project, annotator, api):
    items = items_of(project, 5)
    said = api(annotator).post(f"/api/projects/{project.pk}/next/", {"count": 3}, format="json").json()
    assert [row["item"] for row in said] == [item.pk for item in items[:3]]
    assert said[0]["why"] == "In import order: no learner has been started."


def test_labeled_items_are_not_asked_and_every_other_one_is(project, annotator):
    items = items_of(project, 4)
    Verdict.objects.create(project=project, item=items[1], value=project.labels.first().pk, source="imported")
    assert leased(annotator, project, 10) == [items[0].pk, items[2].pk, items[3].pk]


def test_a_random_order_is_a_permutation_and_the_same_for_everybody(project, annotator, colleague):
    setting(project, plain_order="random", annotators_per_item=2)
    pks = [item.pk for item in items_of(project, 40)]
    mine, theirs = leased(annotator, project, 40), leased(colleague, project, 40)
    assert sorted(mine) == pks and mine != pks
    assert mine == theirs


def test_a_random_order_goes_on_over_a_second_import(project, annotator, monkeypatch):
    monkeypatch.setattr(plain, "CHUNK", 7)
    setting(project, plain_order="random")
    first = {item.pk for item in items_of(project, 20)}
    got = set(leased(annotator, project, 12))
    second = {item.pk for item in items_of(project, 20)}
    for _ in range(5):
        got |= set(leased(annotator, project, 50))
    assert got == first | second


def test_a_project_that_wants_no_order_asks_nothing_before_its_run(project, annotator):
    setting(project, plain_order="none")
    items_of(project, 3)
    assert leased(annotator, project) == []


def test_an_answer_before_the_run_counts_and_its_undo_asks_it_again(project, annotator):
    (item,) = items_of(project, 1)
    leased(annotator, project)
    answer(annotator, project, item.pk)
    assert Verdict.objects.filter(item=item, current=True, source="people").exists()
    project.role = "annotator"
    assert why_empty(annotator, project)["code"] == "all_asked"
    queue.undo(annotator, project)
    assert Query.objects.get().status == "open"
    assert leased(annotator, project) == [item.pk]


def test_a_run_that_starts_takes_back_what_nobody_has_and_leaves_what_is_on_a_screen(project, annotator, manager):
    items = items_of(project, 60)
    for item in items[:30]:
        Verdict.objects.create(project=project, item=item, value=project.labels.first().pk, source="imported")
    (held,) = leased(annotator, project)
    actions.start_run(actions.create_run(manager, project, "development", {}), manager)
    assert list(Query.objects.filter(trial=None, status="open").values_list("item_id", flat=True)) == [held]
    assert answer(annotator, project, held).outcome == "stored"
    assert Verdict.objects.filter(item=held, current=True).exists()
    assert leased(annotator, project, 5) == []  # the learner asks from now on
    Run.objects.update(status="finished", finished_at=timezone.now())
    assert leased(annotator, project, 5) == []


def test_the_page_of_an_item_that_was_asked_without_a_run_opens(project, annotator, browse):
    (item,) = items_of(project, 1)
    leased(annotator, project)
    page = browse(annotator).get(f"/projects/{project.pk}/items/{item.pk}/")
    assert "In order: no learner has been started yet" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_many_who_find_nothing_open_at_once_get_different_items_and_none_is_opened_twice(project, monkeypatch):
    monkeypatch.setattr(plain, "CHUNK", 10)
    items_of(project, 60)
    users = people(project, 6)
    got = at_once(6, lambda i: leased(users[i], project, 8))
    times = Counter(item for mine in got for item in mine)
    assert max(times.values()) == 1
    assert Query.objects.count() == len(set(Query.objects.values_list("item_id", flat=True)))
    assert all(got)


def test_a_paused_member_gets_nothing_new_and_is_told(project, annotator, colleague):
    items = items_of(project, 6)
    assert leased(annotator, project) == [items[0].pk]
    Membership.objects.filter(user=annotator).update(paused_at=timezone.now())
    assert leased(annotator, project, 3) == [items[0].pk]  # what is on the screen may be answered
    answer(annotator, project, items[0].pk)
    assert leased(annotator, project, 3) == []
    project.role = "annotator"
    assert why_empty(annotator, project)["code"] == "you_are_paused"
    assert leased(colleague, project) == [items[1].pk]


def test_the_draw_of_the_share_is_fair(project):
    setting(project, overlap=0.25)
    assert 2300 < sum(has_overlap(project, pk) for pk in range(10_000)) < 2700
    assert queries.slots_of(project, [1, 2, 3], 0) == {1: 0, 2: 0, 3: 0}
