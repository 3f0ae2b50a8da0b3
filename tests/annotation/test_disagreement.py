"""What becomes of answers that differ: never lost between the queue and the review, and a reviewer's word stands."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import golds, handing_out, queue, rechecking, review, verdicts
from annotation.models import Assignment, Query, Verdict
from annotation.queries import ask, withdraw_all
from learning.models import Run
from projects.errors import WrongState
from projects.models import Label
from tests.annotation.asking import asked, items_of, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(project):
    project.annotators_per_item = 2
    project.save()
    return project


@pytest.fixture
def item(two):
    [found] = items_of(two, 1)
    found.trial = running(two)
    ask(two, found.trial, 1, asked([found]), wanted=2)
    return found


def say(user, item, value, **how):
    token = f"{user}-{item.pk}-{value}-{item.annotations.count()}"
    return queue.submit(user, item.project, item=item, value=value, token=token, **how)


def both_say(item, *given):
    for user, value in given:
        queue.lease_next(user, item.project, 1)
        say(user, item, value)


def label_of(item) -> str | None:
    found = Verdict.objects.filter(item=item, current=True).first()
    return found and Label.objects.get(pk=found.value).name


@pytest.mark.parametrize("rule", ["majority", "unanimous"])
def test_a_late_answer_that_differs_does_not_settle_what_another_is_still_at(two, item, annotator, colleague, reviewer, rule):
    two.consensus = rule
    two.save()
    both_say(item, (annotator, "ham"))
    queue.lease_next(colleague, two, 1)
    Assignment.objects.filter(user=colleague).update(leased_until=timezone.now() - timedelta(minutes=1))
    assert queue.lease_next(reviewer, two, 1)  # takes the place over
    assert say(colleague, item, "spam").outcome == "extra"
    assert Query.objects.get().status == "open" and label_of(item) is None
    assert [one.item_id for one in queue.lease_next(reviewer, two, 1)] == [item.pk]


def test_a_late_answer_that_agrees_settles_it(two, item, annotator, colleague, reviewer):
    both_say(item, (annotator, "ham"))
    queue.lease_next(colleague, two, 1)
    Assignment.objects.filter(user=colleague).update(leased_until=timezone.now() - timedelta(minutes=1))
    queue.lease_next(reviewer, two, 1)
    say(colleague, item, "ham")
    assert Query.objects.get().status == "answered" and label_of(item) == "ham"


def test_who_changes_an_answer_after_the_run_has_ended_brings_the_item_to_review(two, item, annotator, colleague, reviewer):
    both_say(item, (annotator, "ham"), (colleague, "ham"))
    Run.objects.update(status="finished")
    say(colleague, item, "spam")
    assert label_of(item) is None and list(review.waiting(two, "disputed")) == [item]


def test_a_late_answer_that_differs_after_the_run_has_ended_brings_the_item_to_review(two, item, annotator, colleague):
    for user in (annotator, colleague):
        queue.lease_next(user, two, 1)
    say(annotator, item, "ham")
    withdraw_all(item.trial)
    Run.objects.update(status="finished")
    say(colleague, item, "spam")
    assert label_of(item) is None and list(review.waiting(two, "disputed")) == [item]


@pytest.mark.parametrize("how", ["undo", "change"])
def test_what_a_reviewer_set_aside_stays_so(two, item, annotator, colleague, reviewer, how):
    two.consensus = "unanimous"
    two.save()
    both_say(item, (annotator, "ham"), (colleague, "spam"))
    review.review(reviewer, two, item, "skip")
    if how == "undo":
        queue.undo(colleague, two)
    say(colleague, item, "ham")
    assert Query.objects.get().status == "skipped" and label_of(item) is None
    assert not review.counts(two)["disputed"]

    ask(two, item.trial, 2, asked([item]), wanted=2)  # a run that asks for it again asks for it
    assert Query.objects.get().status == "open"
    say(colleague, item, "ham", seconds=1.0)
    assert label_of(item) == "ham"


def test_what_nobody_asks_for_cannot_be_set_aside_and_that_is_said(two, annotator, reviewer):
    [item] = items_of(two, 1)
    with pytest.raises(WrongState, match="Nothing asks people for this item"):
        review.review(reviewer, two, item, "skip")


def test_taking_back_leaves_a_further_opinion_wanted(project, manager, annotator, colleague, reviewer):
    """The project wants two answers of some items; this one is of the others, and a reviewer asked one person more."""
    project.annotators_per_item, project.overlap = 2, 0.0
    project.save()
    [item] = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    queue.lease_next(annotator, project, 1)
    say(annotator, item, "ham", flagged=True)
    review.review(reviewer, project, item, "ask")
    assert queue.lease_next(colleague, project, 1)
    handing_out.take_back(project, colleague)
    assert [one.item_id for one in queue.lease_next(manager, project, 1)] == [item.pk]


def test_who_is_reserved_an_item_that_is_asked_again_gets_it(project, annotator, colleague):
    project.annotators_per_item, project.overlap = 2, 0.0
    project.save()
    [item] = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    queue.lease_next(annotator, project, 1)
    say(annotator, item, "ham")
    assert rechecking.ask_again(project, [item.pk]) == 1
    handing_out.reserve(project, project.items.all(), [colleague])
    assert [one.item_id for one in queue.lease_next(colleague, project, 1)] == [item.pk]


def test_work_that_is_reserved_for_a_closed_account_can_be_taken_back(project, browse, manager, annotator, colleague):
    [item] = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    handing_out.reserve(project, project.items.all(), [annotator])
    annotator.is_active = False
    annotator.save()
    page = browse(manager).get(f"/projects/{project.pk}/handing-out/").content.decode()
    assert "account closed" in page and f'name="users" value="{annotator.pk}"' not in page
    handing_out.take_back(project, annotator)
    assert queue.lease_next(colleague, project, 1)
    assert not any(share.membership.user == annotator for share in handing_out.shares(project))


def test_feedback_tells_nothing_of_gold(project, manager, annotator, reviewer):
    project.gold_share = 1.0
    project.save()
    gold, other = items_of(project, 2)
    verdicts.adjudicate(reviewer, project, gold, Label.objects.get(name="ham").pk, "because")
    golds.mark(project, project.items.filter(pk=gold.pk), manager)
    ask(project, running(project), 1, asked([other]), wanted=1)
    assert queue.lease_next(annotator, project, 1)[0].item_id == gold.pk
    say(annotator, gold, "spam")
    assert review.feedback(annotator, project) == []


def test_a_reviewers_name_is_hidden_too(project, browse, annotator, reviewer):
    project.hide_names = True
    project.save()
    [item] = items_of(project, 1)
    verdicts.adjudicate(reviewer, project, item, Label.objects.get(name="spam").pk)
    page = browse(annotator).get(f"/projects/{project.pk}/items/{item.pk}/").content.decode()
    assert "Settled by a reviewer: Person" in page and "reviewer: reviewer" not in page


def test_what_a_reviewer_passed_over_stays_passed_over(two, browse, annotator, colleague, reviewer):
    two.consensus = "unanimous"
    two.save()
    items = items_of(two, 4)
    ask(two, running(two), 1, asked(items), wanted=2)
    for item in items:
        for user, value in ((annotator, "ham"), (colleague, "spam")):
            say(user, item, value)
    client, url = browse(reviewer), f"/projects/{two.pk}/review/?kind=disputed&after={items[0].pk}"
    page = client.get(url)
    assert page.context["item"] == items[1] and f"after={items[0].pk}" in page.content.decode().split("data-review")[0]
    page = client.post(url, {"item": items[1].pk, "action": "decide", "value": "ham"}, follow=True)
    assert page.context["item"] == items[2]
