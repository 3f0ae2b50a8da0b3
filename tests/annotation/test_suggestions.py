"""What the model says is shown where a strategy chose the item, to nobody else, and it is written down who saw it."""

import pytest

from annotation import golds, queue, suggestions
from annotation.api import next_items
from annotation.models import Annotation, Assignment, Purpose, Query, Verdict
from annotation.queries import Ask, ask
from annotation.review import waiting
from learning.estimates import accuracy_of_queries
from tests.annotation.asking import items_of, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def ham(project):
    project.show_suggestions = True
    project.save()
    return project.labels.get(name="ham").pk


def served(project, user, n, ham, purpose=Purpose.QUERY):
    items = items_of(project, n)
    trial = running(project)
    ask(project, trial, 1, [Ask(item.pk, i, purpose, "margin", 0.5, prediction=ham) for i, item in enumerate(items, 1)], wanted=1)
    return next_items(user, project, n)


def answered(project, user, given, value, **more):
    token = f"t{given['item']}-{Annotation.objects.count()}"
    return queue.submit(user, project, value=value, token=token, assignment=given["assignment"], **more).annotation


def test_most_chosen_items_come_with_it_and_some_without(project, annotator, ham):
    said = [item["suggestion"] for item in served(project, annotator, 50, ham)]
    assert set(said) == {"ham", None} and 3 <= said.count(None) <= 20
    assert said == [item["suggestion"] for item in next_items(annotator, project, 50)]  # the same ones, however often one asks


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose != Purpose.QUERY])
def test_whatever_starts_measures_or_proves_anything_is_answered_blind(project, annotator, ham, purpose):
    assert {item["suggestion"] for item in served(project, annotator, 10, ham, purpose)} == {None}


def test_gold_comes_without_it(project, annotator, ham):
    for item in items_of(project, 20):
        Verdict.objects.create(project=project, item=item, value=ham, source="adjudicated")
    golds.mark(project, project.items.all(), None)
    project.gold_share = 0.5
    project.save()
    found = served(project, annotator, 20, ham)
    at_gold = set(Assignment.objects.filter(slot=None).values_list("item", flat=True))
    assert at_gold and not any(item["suggestion"] for item in found if item["item"] in at_gold)


def test_it_is_off_by_default_and_a_retired_label_is_not_suggested(project, annotator, ham):
    project.labels.filter(pk=ham).update(retired_at="2026-01-01T00:00:00Z")
    assert {item["suggestion"] for item in served(project, annotator, 10, ham)} == {None}
    project.labels.filter(pk=ham).update(retired_at=None)
    project.show_suggestions = False
    assert {item["suggestion"] for item in next_items(annotator, project, 10)} == {None}


def test_who_saw_it_is_written_down(project, annotator, ham):
    found = served(project, annotator, 30, ham)
    with_it = [item for item in found if item["suggestion"]]
    without = next(item for item in found if not item["suggestion"])
    assert answered(project, annotator, with_it[0], "ham", suggested="ham").suggestion == ham
    assert (
        answered(project, annotator, with_it[1], "spam").suggestion == ham
    )  # a client that does not say showed what it was given
    assert answered(project, annotator, with_it[2], "spam", suggested=None).suggestion is None
    assert answered(project, annotator, with_it[3], "spam", suggested="spam").suggestion is None  # nobody suggested that
    assert answered(project, annotator, without, "spam", suggested="ham").suggestion is None
    changed = queue.submit(annotator, project, value="spam", token="changed", item=with_it[0]["item"], suggested=None)
    assert changed.outcome == "changed" and changed.annotation.suggestion == ham  # who has seen it has seen it
    shown = Annotation.objects.get(pk=changed.annotation.pk)
    assert shown.suggestion == ham


def test_how_far_people_follow_it_is_told(project, annotator, ham):
    assert suggestions.followed(project) is None
    found = served(project, annotator, 40, ham)
    n = sum(item["suggestion"] is not None for item in found)
    for i, item in enumerate(sorted(found, key=lambda item: item["suggestion"] is None)):
        answered(project, annotator, item, "ham" if item["suggestion"] and i % 2 else "spam")
    assert suggestions.followed(project) == {"shown": n, "agreed": n // 2, "without": 40 - n, "agreed_without": 0}


def test_such_answers_do_not_measure_the_model(project, annotator, ham):
    found = served(project, annotator, 20, ham)
    for item in found:
        answered(project, annotator, item, "spam")
    blind = {item["item"] for item in found if not item["suggestion"]}
    assert set(waiting(project, "second").values_list("pk", flat=True)) == blind  # they have looked twice already
    trial = Query.objects.first().trial
    Query.objects.update(probability=0.1)
    trial.rounds.create(number=1, n_labeled=10, n_pool=100, batch={"candidates": 100})
    assert accuracy_of_queries(trial.run) is None
    Annotation.objects.update(suggestion=None)
    assert accuracy_of_queries(trial.run)["answers"] == 20


def test_rest_refuses_what_is_no_text(client, project, annotator, ham):
    client.force_login(annotator)
    item = next(item for item in served(project, annotator, 10, ham) if item["suggestion"])
    url = f"/api/projects/{project.pk}/annotations/"
    body = {"assignment": item["assignment"], "value": "ham", "token": "x", "suggested": 3}
    found = client.post(url, body, content_type="application/json")
    assert found.status_code == 400 and "suggested" in found.json()
    found = client.post(url, body | {"suggested": "ham"}, content_type="application/json")
    assert found.status_code == 201
    assert client.get(url).json()["results"][0]["suggestion"] == "ham"
