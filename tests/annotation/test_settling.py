"""What settles an item, and what an answer that is taken back opens again."""

import pytest
from django.utils import timezone

from annotation import queue
from annotation.models import Assignment, Query, Verdict
from annotation.queries import ask
from learning.models import Run
from tests.annotation.asking import asked, items_of, running


def answer(user, project, item, value: str, token: str) -> queue.Submission:
    return queue.submit(user, project, item=item, value=value, token=token)


def test_an_extra_answer_cannot_turn_a_decision_into_a_tie(project, annotator, colleague):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    answer(annotator, project, item, "ham", "a")
    assert answer(colleague, project, item, "spam", "b").outcome == "extra"
    assert Query.objects.get().status == "answered"
    assert Verdict.objects.get(current=True).value == project.labels.get(name="ham").pk


def test_a_changed_mind_that_makes_a_tie_asks_one_person_more(project, annotator, colleague, manager):
    project.annotators_per_item = 2
    project.save()
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    answer(annotator, project, item, "ham", "a")
    answer(colleague, project, item, "ham", "b")
    assert Query.objects.get().status == "answered"
    answer(colleague, project, item, "spam", "c")
    query = Query.objects.get()
    assert (query.status, query.wanted) == ("open", 3)
    assert not Verdict.objects.filter(current=True).exists()
    assert [a.item for a in queue.lease_next(manager, project, 1)] == [item]


@pytest.mark.parametrize(("status", "then"), [("running", "open"), ("paused", "held"), ("stopped", "answered")])
def test_an_undone_answer_is_asked_again_only_by_a_run_that_goes_on(project, annotator, status, then):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    answer(annotator, project, item, "ham", "a")
    Run.objects.update(status=status)
    queue.undo(annotator, project)
    assert Query.objects.get().status == then
    assert not Verdict.objects.filter(current=True).exists()


def test_more_answers_wanted_later_do_not_block_what_was_asked_before(project, annotator):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    project.annotators_per_item = 3
    project.save()
    answer(annotator, project, item, "ham", "a")
    assert Query.objects.get().status == "answered"


def test_a_lease_taken_over_meanwhile_is_not_renewed(project, annotator, colleague):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    mine = queue.lease_next(annotator, project, 1)
    Assignment.objects.update(user=colleague)
    assert queue._renew(mine, annotator, timezone.now()) == {mine[0].pk}
