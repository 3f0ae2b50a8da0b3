"""Who gets which item, and what becomes of an answer."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from annotation import queue, verdicts
from annotation.models import Annotation, Assignment, Purpose, Query, Verdict
from annotation.progress import why_empty
from annotation.queries import Ask, ask, hold
from annotation.reasons import why
from projects.models import Membership, Role
from projects.task_types import InvalidValue
from tests.annotation.asking import asked, items_of, running


@pytest.fixture
def trial(project):
    return running(project)


def open_queries(project, trial, n: int, wanted: int = 1):
    project.annotators_per_item = wanted
    project.save()
    items = items_of(project, n)
    ask(project, trial, 1, asked(items), wanted=wanted)
    return items


def answer(user, project, item, value="ham", token=None):
    return queue.submit(user, project, item=item, value=value, token=token or f"{user.pk}-{item.pk}-{Annotation.objects.count()}")


def leased(user, project, count=1, **kwargs):
    return [a.item_id for a in queue.lease_next(user, project, count, **kwargs)]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_each_item_goes_to_as_many_people_as_answers_are_wanted(project, trial, k, annotator, colleague, manager, reviewer):
    items = open_queries(project, trial, 4, wanted=k)
    got = [leased(user, project, 4) for user in (annotator, colleague, manager, reviewer)]
    for item in items:
        assert sum(item.pk in mine for mine in got) == k
    assert Assignment.objects.count() == 4 * k


def test_what_somebody_holds_comes_first_and_is_not_claimed_twice(project, trial, annotator):
    open_queries(project, trial, 5)
    first = leased(annotator, project, 2)
    assert leased(annotator, project, 3)[:2] == first
    assert Assignment.objects.count() == 3


def test_items_come_by_purpose_and_then_by_rank(project, trial, annotator):
    a, b, c, d = items_of(project, 4)
    ask(project, trial, 1, [
        Ask(a.pk, 2, Purpose.QUERY, "margin"), Ask(b.pk, 1, Purpose.QUERY, "margin"),
        Ask(c.pk, 7, Purpose.TEST, "random"), Ask(d.pk, 9, Purpose.SEED, "random"),
    ], wanted=1)  # fmt: skip
    assert leased(annotator, project, 4) == [d.pk, c.pk, b.pk, a.pk]


def test_a_lease_that_ran_out_goes_to_another_and_a_late_answer_is_kept_as_an_extra_one(project, trial, annotator, colleague):
    (item,) = open_queries(project, trial, 1)
    assert leased(annotator, project) == [item.pk]
    assert leased(colleague, project) == []
    later = timezone.now() + queue.LEASE + timedelta(seconds=1)
    assert leased(colleague, project, now=later) == [item.pk]
    assert answer(colleague, project, item, "ham").outcome == "stored"
    late = answer(annotator, project, item, "spam")
    assert late.outcome == "extra"
    assert "extra" in late.message
    assert Annotation.objects.filter(current=True).count() == 2


def test_an_answer_after_the_lease_ran_out_counts_while_nobody_else_took_it(project, trial, annotator):
    (item,) = open_queries(project, trial, 1)
    leased(annotator, project)
    Assignment.objects.update(leased_until=timezone.now() - timedelta(hours=1))
    assert answer(annotator, project, item).outcome == "stored"
    assert Query.objects.get().status == "answered"


def test_release_gives_items_back_but_not_those_renewed_since(project, trial, annotator, colleague):
    open_queries(project, trial, 2)
    (old,) = queue.lease_next(annotator, project, 1)
    (again,) = queue.lease_next(annotator, project, 1, now=timezone.now() + timedelta(seconds=5))
    assert queue.release(annotator, project, renewed_until=old.leased_until - timedelta(seconds=1)) == 0
    assert queue.release(annotator, project, renewed_until=again.leased_until) == 1
    assert old.item_id in leased(colleague, project, 2)


def test_two_runs_asking_for_one_item_are_served_by_one_answer(project, trial, annotator):
    (item,) = open_queries(project, trial, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    assert leased(annotator, project, 5) == [item.pk]
    answer(annotator, project, item)
    assert set(Query.objects.values_list("status", flat=True)) == {"answered"}


def test_a_tie_asks_one_more_person_and_the_majority_holds(project, trial, annotator, colleague, reviewer):
    (item,) = open_queries(project, trial, 1, wanted=2)
    answer(annotator, project, item, "ham")
    answer(colleague, project, item, "spam")
    assert Query.objects.get().status == "open"
    assert leased(reviewer, project) == [item.pk]
    answer(reviewer, project, item, "spam")
    assert Verdict.objects.get(current=True).value == project.labels.get(name="spam").pk


def test_a_tie_with_nobody_left_is_disputed_until_a_reviewer_settles_it(project, trial, annotator, reviewer):
    (item,) = open_queries(project, trial, 1, wanted=2)
    answer(annotator, project, item, "ham")
    answer(reviewer, project, item, "spam")
    assert Query.objects.get().status == "disputed"
    verdicts.adjudicate(reviewer, project, item, project.labels.get(name="ham").pk)
    assert Query.objects.get().status == "answered"
    assert Verdict.objects.get(current=True).source == "adjudicated"


def test_undo_opens_the_query_again_and_takes_the_verdict_back(project, trial, annotator, colleague):
    (item,) = open_queries(project, trial, 1)
    leased(annotator, project)
    answer(annotator, project, item)
    assert queue.undo(annotator, project).item_id == item.pk
    assert Query.objects.get().status == "open"
    assert not Verdict.objects.filter(current=True).exists()
    assert leased(colleague, project) == []
    assert leased(annotator, project) == [item.pk]
    assert queue.undo(annotator, project) is None


def test_an_undone_skip_is_mine_again(project, trial, annotator, colleague):
    (item,) = open_queries(project, trial, 1)
    leased(annotator, project)
    queue.skip(annotator, project, item=item, token="s")
    assert leased(annotator, project) == []
    queue.undo(annotator, project)
    assert leased(annotator, project) == [item.pk]
    assert leased(colleague, project) == []


def test_skipped_by_everybody_the_query_closes_so_that_the_learner_goes_on(project, trial, annotator, colleague):
    (item,) = open_queries(project, trial, 1)
    queue.skip(annotator, project, item=item, token="a")
    assert Query.objects.get().status == "open"
    assert leased(colleague, project) == [item.pk]
    queue.skip(colleague, project, item=item, token="b")
    assert Query.objects.get().status == "skipped"


def test_a_changed_mind_replaces_the_answer_and_keeps_the_history(project, trial, annotator):
    (item,) = open_queries(project, trial, 1)
    answer(annotator, project, item, "ham")
    assert answer(annotator, project, item, "spam").outcome == "changed"
    assert Annotation.objects.count() == 2
    assert Verdict.objects.get(current=True).value == project.labels.get(name="spam").pk


def test_a_repeated_token_changes_nothing_even_when_its_label_was_retired_since(project, trial, annotator, colleague):
    first, second = open_queries(project, trial, 2)
    answer(annotator, project, first, "ham", token="same")
    project.labels.filter(name="ham").update(retired_at=timezone.now())
    assert answer(annotator, project, first, "ham", token="same").outcome == "repeated"
    assert Annotation.objects.count() == 1
    with pytest.raises(InvalidValue, match="token"):
        answer(colleague, project, second, "spam", token="same")


def test_a_value_that_is_no_label_is_refused_and_nothing_is_stored(project, trial, annotator):
    (item,) = open_queries(project, trial, 1)
    for value in ("eggs", None, True, 4.5, ["ham"], {}):
        with pytest.raises(InvalidValue):
            answer(annotator, project, item, value)
    assert not Annotation.objects.exists()


def test_a_claim_costs_the_same_statements_however_long_the_queue(project, trial, annotator, django_assert_max_num_queries):
    open_queries(project, trial, 300)
    with django_assert_max_num_queries(6 + 4):  # and the transaction; one INSERT per item
        leased(annotator, project, 4)
    with django_assert_max_num_queries(4):  # what I hold is enough, and renewed
        leased(annotator, project, 4)


def test_waiting_for_work_never_writes(project, trial, annotator, django_assert_max_num_queries):
    """What I hold, what is open, and whether a run was ever started; PostgreSQL looks once more, to lock what it finds."""
    with django_assert_max_num_queries(3 if connection.vendor == "sqlite" else 6) as queries:
        assert leased(annotator, project, 4) == []
    looks = ("SELECT", "EXECUTE", "SAVEPOINT", "RELEASE")
    assert all(q["sql"].lstrip().startswith(looks) for q in queries.captured_queries)
    assert not Assignment.objects.exists()


def test_an_answer_costs_a_bounded_number_of_statements(project, trial, annotator, django_assert_max_num_queries):
    item, *_ = open_queries(project, trial, 300)
    leased(annotator, project, 4)
    with django_assert_max_num_queries(20):
        answer(annotator, project, item)


@pytest.mark.parametrize(
    ("purpose", "line"),
    [
        ("seed", "Seed item: drawn at random, so that the learner can start."),
        ("check", "Check: drawn at random, to prove how accurate the automatic labels are."),
        ("test", "Test item: drawn at random to measure the learner; it never learns from it."),
        ("query", "The learner is unsure about it: among the first 20 by margin, round 3."),
        ("random", "Round 3, exploration: drawn at random, to compare the strategy with chance."),
    ],
)
def test_every_item_says_why_it_is_asked(purpose, line):
    assert why(Query(purpose=purpose, round_number=3, rank=2, strategy="margin", score=0.91)) == line


def test_why_tells_neither_the_models_guess_nor_a_rank_that_would_give_gold_away():
    lines = {
        why(Query(purpose="query", round_number=3, rank=rank, strategy="margin", score=rank / 100, prediction=rank))
        for rank in range(1, 21)
    }
    assert len(lines) == 1  # gold is shown with a neighbour's line
    assert "beyond the first 1,000 by my plugin" in why(Query(purpose="query", round_number=3, rank=2000, strategy="my_plugin"))
    assert why(Query(purpose="query", round_number=3, rank=30, strategy="k_center")).startswith(
        "It differs from what is labelled:"
    )


def test_an_empty_queue_says_why(project, annotator, colleague, manager):
    annotator_project = project
    annotator_project.role = Role.ANNOTATOR
    project.plain_order = "none"

    def code() -> str:
        return why_empty(annotator, annotator_project)["code"]

    assert code() == "no_items"
    (item,) = items_of(project, 1)
    assert code() == "no_run"
    project.role = Role.MANAGER
    assert why_empty(manager, project)["link"]["text"] == "Make a run"
    project.role = Role.ANNOTATOR
    trial = running(project, phase="training")
    assert code() == "learner"
    ask(project, trial, 1, asked([item]), wanted=1)
    leased(colleague, project)
    told = why_empty(annotator, project)
    assert told["code"] == "leased"
    assert told["title"] == "The one open item is on the screen of a colleague"
    hold(trial)
    trial.run.status = "paused"
    trial.run.save()
    assert code() == "paused"
    for status, said in (("failed", "failed"), ("finished", "finished"), ("stopped", "finished"), ("queued", "learner")):
        trial.run.status = status
        trial.run.save()
        assert code() == said


def test_who_is_not_active_any_more_is_not_waited_for(project, trial, annotator, colleague):
    (item,) = open_queries(project, trial, 1)
    Membership.objects.filter(user=colleague).update(role=Role.VIEWER)
    queue.skip(annotator, project, item=item, token="a")
    assert Query.objects.get().status == "skipped"
