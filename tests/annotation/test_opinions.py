"""Further opinions: what people or the model disagree about gets its next answer before anything new is asked."""

import pytest

from annotation import queue
from annotation.models import Purpose, Query, Verdict
from annotation.opinions import ask_doubted
from annotation.queries import Ask, ask
from tests.annotation.asking import asked, items_of, running


@pytest.fixture
def answered(project, annotator, colleague):
    """Three items, all of which the model expects to be ham; the annotator says spam of the last two."""
    ham = project.labels.first().pk
    items = items_of(project, 3)
    trial = running(project)
    asks = [Ask(item.pk, i, Purpose.QUERY, "margin", 0.5 - i / 10, prediction=ham) for i, item in enumerate(items)]
    ask(project, trial, 1, asks, wanted=1)
    for item, value in zip(items, ["ham", "spam", "spam"], strict=True):
        queue.submit(annotator, project, item=item, value=value, token=f"a{item.pk}")
    ask(project, trial, 2, asked(items_of(project, 2)), wanted=1)
    return items, trial


def test_a_second_person_is_asked_first_where_the_model_doubts_the_only_answer(project, answered, annotator, colleague):
    items, trial = answered
    assert ask_doubted(trial, 1) == 1  # of the two, the one of which the model was surer
    (lease,) = queue.lease_next(colleague, project, 1)
    assert lease.item == items[2] and lease.query.purpose == "review"
    assert Verdict.objects.filter(current=True).count() == 3  # the label holds meanwhile
    assert items[2] not in [lease.item for lease in queue.lease_next(annotator, project, 5)]
    queue.submit(colleague, project, assignment=lease, value="spam", token="b")
    assert not Query.objects.filter(item=items[2], status="open").exists()
    assert ask_doubted(trial, 5) == 1  # the other one; nothing is asked so twice


def test_where_the_second_answer_differs_a_third_is_asked_before_anything_new(project, answered, colleague, manager):
    items, trial = answered
    ask_doubted(trial, 1)
    queue.submit(colleague, project, item=items[2], value="ham", token="b")
    assert not Verdict.objects.filter(item=items[2], current=True).exists()
    (lease,) = queue.lease_next(manager, project, 1)
    assert lease.item == items[2]
    queue.submit(manager, project, assignment=lease, value="ham", token="c")
    assert Verdict.objects.get(item=items[2], current=True).value == project.labels.first().pk
    assert not Query.objects.filter(item=items[2]).exclude(status="answered").exists()


def test_nobody_is_asked_where_there_is_only_one_person(project, annotator):
    (item,) = items_of(project, 1)
    trial = running(project)
    ask(project, trial, 1, [Ask(item.pk, 1, Purpose.QUERY, "margin", 0.1, prediction=project.labels.first().pk)], wanted=1)
    queue.submit(annotator, project, item=item, value="spam", token="a")
    assert ask_doubted(trial, 5) == 0


def test_a_skip_or_a_correction_does_not_end_the_wait_for_a_second_opinion_until_nobody_is_left(
    project, answered, annotator, colleague, manager
):
    items, trial = answered
    ask_doubted(trial, 1)
    queue.submit(annotator, project, item=items[2], value="spam", token="again")
    queue.skip(colleague, project, item=items[2], token="skipped")
    assert [lease.item for lease in queue.lease_next(manager, project, 1)] == [items[2]]
    queue.skip(manager, project, item=items[2], token="skipped too")
    assert set(Query.objects.filter(item=items[2]).values_list("status", flat=True)) == {"answered"}
    assert Verdict.objects.get(item=items[2], current=True).value == project.labels.last().pk
