"""The review queue: what waits in it, what a reviewer can do, and what annotators learn of it."""

import html
import re

import pytest

from annotation import queue
from annotation.models import Annotation, Purpose, Query, Verdict
from annotation.queries import Ask, ask
from annotation.review import n_disputed
from annotation.verdicts import adjudicate
from projects.models import Project
from projects.names import letters
from tests.annotation.asking import asked, items_of, running


@pytest.fixture
def disputed(project, annotator, colleague):
    project.consensus, project.annotators_per_item = "unanimous", 2
    project.save()
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    queue.submit(annotator, project, item=item, value="ham", token="a")
    queue.submit(colleague, project, item=item, value="spam", token="b", comment="It sells something.")
    return item


def test_a_reviewer_decides_and_the_other_learns_why(project, disputed, annotator, colleague, reviewer, browse):
    address = f"/projects/{project.pk}/review/"
    shown = browse(reviewer).get(address).content.decode()
    assert disputed.content in shown and "It sells something." in shown and "annotator" in shown
    sent = {"item": disputed.pk, "action": "decide", "value": "spam", "comment": "An advertisement."}
    after = browse(reviewer).post(address, sent, follow=True).content.decode()
    assert "Nothing to review here" in after
    verdict = Verdict.objects.get(current=True)
    assert (verdict.source, verdict.user, verdict.comment) == ("adjudicated", reviewer, "An advertisement.")
    assert Query.objects.get().status == "answered"
    feedback = f"/projects/{project.pk}/my-answers/feedback/"
    assert "An advertisement." in browse(annotator).get(feedback).content.decode()
    assert "An advertisement." not in browse(colleague).get(feedback).content.decode()


def test_names_are_hidden_where_the_project_says_so(project, disputed, annotator, colleague, reviewer, api):
    project.hide_names = True
    project.save()
    (found,) = api(reviewer).get(f"/api/projects/{project.pk}/review/").json()["results"]
    people = letters(project)
    assert [(answer["person"], answer["value"]) for answer in found["answers"]] == [
        (people[annotator.pk], "ham"), (people[colleague.pk], "spam")
    ]  # fmt: skip


def test_one_person_more_is_asked_while_there_is_one(project, disputed, reviewer, api):
    address = f"/api/projects/{project.pk}/review/{disputed.pk}/"
    assert api(reviewer).post(address, {"action": "ask"}, format="json").status_code == 200
    assert [lease.item for lease in queue.lease_next(reviewer, project, 1)] == [disputed]
    queue.submit(reviewer, project, item=disputed, value="ham", token="c")
    assert api(reviewer).post(address, {"action": "ask"}, format="json").status_code == 409


def test_what_cannot_be_decided_leaves_the_queue_without_a_verdict(project, disputed, reviewer, api):
    client = api(reviewer)
    client.post(f"/api/projects/{project.pk}/review/{disputed.pk}/", {"action": "skip"}, format="json")
    assert client.get(f"/api/projects/{project.pk}/review/").json()["count"] == 0
    assert not Verdict.objects.filter(current=True).exists()


def test_a_comment_brings_a_settled_item_to_the_reviewer(project, annotator, reviewer, api):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    queue.submit(annotator, project, item=item, value="ham", token="a", comment="Not sure.")
    client = api(reviewer)
    address = f"/api/projects/{project.pk}/review/"
    assert [row["item"] for row in client.get(f"{address}?kind=flagged").json()["results"]] == [item.pk]
    client.post(f"{address}{item.pk}/", {"action": "decide", "value": "ham"}, format="json")
    assert client.get(f"{address}?kind=flagged").json()["count"] == 0


@pytest.mark.parametrize(
    ("sent", "field"), [({"action": "eat"}, "action"), ({"action": "decide", "value": "eggs"}, "value"), ({}, "action")]
)
def test_bad_input_gets_a_sentence(project, disputed, reviewer, api, sent, field):
    answer = api(reviewer).post(f"/api/projects/{project.pk}/review/{disputed.pk}/", sent, format="json")
    assert answer.status_code == 400 and field in answer.json()


def test_a_dispute_that_another_opinion_did_not_end_comes_back_for_the_reviewer_alone(
    project, disputed, reviewer, manager, api, browse
):
    address = f"/api/projects/{project.pk}/review/"
    assert api(reviewer).post(f"{address}{disputed.pk}/", {"action": "ask"}, format="json").status_code == 200
    queue.skip(manager, project, item=disputed, token="skipped")
    assert api(reviewer).get(address).json()["count"] == 0  # still asked: a skip is no opinion
    queue.submit(reviewer, project, item=disputed, value="ham", token="c")
    (found,) = api(reviewer).get(address).json()["results"]
    assert found["asked_more"] and len(found["answers"]) == 4
    page = browse(reviewer).get(f"/projects/{project.pk}/review/").content.decode()
    assert "Another opinion has come" in page and "Ask one person more" not in page
    again = api(reviewer).post(f"{address}{disputed.pk}/", {"action": "ask"}, format="json")
    assert again.status_code == 409 and "decide it yourself" in again.json()["detail"].lower()


def test_the_navigation_says_how_many_items_wait_and_only_to_those_who_may_settle_them(
    project, disputed, annotator, reviewer, browse
):
    address = f"/projects/{project.pk}/items/"
    assert "> disputed</span>" in browse(reviewer).get(address).content.decode()
    assert "> disputed</span>" not in browse(annotator).get(address).content.decode()
    assert n_disputed(project) == 1


def test_disputes_are_counted_once_whoever_asked(project, disputed, annotator):
    ham, other = items_of(project, 2)
    trial = running(project)
    for item, by in [(disputed, trial), (ham, None)]:
        Query.objects.create(project=project, item=item, trial=by, round_number=0, purpose="query", rank=1, status="disputed")
    Query.objects.create(project=project, item=other, trial=trial, round_number=0, purpose="query", rank=1)
    stranger = Project.objects.create(name="Elsewhere")
    (foreign,) = items_of(stranger, 1)
    Query.objects.create(project=stranger, item=foreign, round_number=0, purpose="plain", rank=1, status="disputed")
    assert n_disputed(project) == 2


def test_a_label_that_the_model_did_not_expect_gets_a_second_look_the_surest_first(project, annotator, reviewer, api, browse):
    ham, spam = project.labels.values_list("pk", flat=True)
    expected, surprising = items_of(project, 2)
    asks = [Ask(item.pk, 1, Purpose.QUERY, "margin", 0.5, prediction=ham) for item in (expected, surprising)]
    ask(project, running(project), 1, asks, wanted=1)
    queue.submit(annotator, project, item=expected, value="ham", token="a")
    queue.submit(annotator, project, item=surprising, value="spam", token="b")
    address = f"/api/projects/{project.pk}/review/"
    client = api(reviewer)
    assert [row["item"] for row in client.get(f"{address}?kind=second").json()["results"]] == [surprising.pk]
    page = browse(reviewer).get(f"/projects/{project.pk}/review/").content.decode()
    assert "The label is spam. The model expected another one" in page
    client.post(f"{address}{surprising.pk}/", {"action": "decide", "value": "spam"}, format="json")
    assert client.get(f"{address}?kind=second").json()["count"] == 0


def test_the_page_says_what_the_learner_makes_of_disputed_items(project, disputed, reviewer, browse):
    address = f"/projects/{project.pk}/review/"
    assert "The learner learns from decided items only" in browse(reviewer).get(address).content.decode()
    run = project.runs.get()
    run.configuration["disputed"] = "majority"
    run.save()
    assert f"{run} takes what most people say of them" in browse(reviewer).get(address).content.decode()


@pytest.mark.parametrize("rule", ["majority", "first", "unanimous", "weighted"])
def test_what_a_reviewer_decided_comes_back_to_nobody_whatever_people_change(project, annotator, colleague, reviewer, rule):
    project.consensus, project.annotators_per_item = rule, 2
    project.save()
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    queue.submit(annotator, project, item=item, value="ham", token="a")
    queue.submit(colleague, project, item=item, value="ham", token="b")
    ham, spam = project.labels.values_list("pk", flat=True)
    adjudicate(reviewer, project, item, spam)
    queue.submit(colleague, project, item=item, value="spam", token="c")
    queue.undo(annotator, project)
    assert Verdict.objects.get(item=item, current=True).source == "adjudicated"
    assert set(Query.objects.values_list("status", flat=True)) == {"answered"}


def test_sets_are_decided_by_boxes_and_marks_by_taking_an_answer(project, browse, annotator, colleague, reviewer):
    ham, spam = project.labels.order_by("position")
    for task, first, second in (
        ("multiple", [ham.pk], [ham.pk, spam.pk]),
        ("spans", [{"start": 0, "end": 2, "label": ham.pk}], [{"start": 0, "end": 4, "label": spam.pk}]),
    ):
        project.task = task
        project.save()
        item = items_of(project, 1)[0]
        for user, value in ((annotator, first), (colleague, second)):
            Annotation.objects.create(project=project, item=item, user=user, value=value, token=f"{task}{user.pk}", flagged=True)
        page = browse(reviewer).get(f"/projects/{project.pk}/review/?kind=flagged").content.decode()
        assert "Take this one" in page
        taken = html.unescape(re.findall(r'form="decide".*?value="(.*?)"', page)[1])
        said = {"label": ["ham", "spam"]} if task == "multiple" else {"value": taken}
        browse(reviewer).post(f"/projects/{project.pk}/review/?kind=flagged", {"item": item.pk, "action": "decide"} | said)
        assert Verdict.objects.get(item=item, current=True).value == second
        shown = browse(reviewer).get(f"/projects/{project.pk}/items/{item.pk}/").content.decode()
        assert ("<mark" in shown) == (task == "spans") and "ham" in shown
        browse(reviewer).post(f"/projects/{project.pk}/items/{item.pk}/settle/", {} if task == "multiple" else {"value": "[]"})
        assert Verdict.objects.get(item=item, current=True).value == []  # no box is ticked; nothing is marked
