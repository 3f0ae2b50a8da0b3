"""REST of labelling: what clients send, what they get, and who may."""

import json

import pytest

from annotation import progress
from annotation.models import Annotation, Assignment
from annotation.queries import ask
from tests.annotation.asking import asked, items_of, running


@pytest.fixture
def items(project):
    found = items_of(project, 6)
    ask(project, running(project), 1, asked(found), wanted=1)
    return found


def url(project, tail: str) -> str:
    return f"/api/projects/{project.pk}/{tail}/"


def test_next_hands_out_items_with_all_that_a_client_needs(api, project, items, annotator):
    response = api(annotator).post(url(project, "next"), {"count": 2})
    assert response.status_code == 200
    first = response.json()[0]
    assert first["item"] == items[0].pk
    assert first["content"] == items[0].content
    assert (first["key"], first["modality"], first["purpose"]) == (items[0].key, "text", "query")
    assert first["why"] == "The learner is unsure about it: among the first 20 by margin, round 1."
    assert Assignment.objects.get(pk=first["assignment"]).user == annotator
    assert first["lease_until"]


def test_a_table_row_is_an_object_and_an_image_an_address(api, project, items, annotator):
    project.modality = "table"
    project.save()
    items[0].content = json.dumps({"age": 3})
    items[0].save()
    assert api(annotator).post(url(project, "next"), {}).json()[0]["content"] == {"age": 3}
    project.modality = "image"
    project.save()
    image = api(annotator).post(url(project, "next"), {}).json()[0]
    assert image["image_url"] == f"/projects/{project.pk}/items/{items[0].pk}/image/"
    assert "content" not in image


def test_an_answer_is_stored_once_and_brings_the_next_items(api, project, items, annotator):
    client = api(annotator)
    assignment = client.post(url(project, "next"), {}).json()[0]["assignment"]
    body = {"assignment": assignment, "value": "ham", "seconds": 1.5, "token": "t1", "next": 2}
    first = client.post(url(project, "annotations"), body)
    assert first.status_code == 201
    assert first.json()["outcome"] == "stored"
    assert [item["item"] for item in first.json()["next"]] == [items[1].pk, items[2].pk]
    assert first.json()["progress"]["mine_today"] == 1
    again = client.post(url(project, "annotations"), body)
    assert again.status_code == 200
    assert (again.json()["outcome"], again.json()["id"]) == ("repeated", first.json()["id"])
    assert Annotation.objects.count() == 1


def test_an_answer_may_name_its_item_and_outlives_its_assignment(api, project, items, annotator):
    client = api(annotator)
    given = client.post(url(project, "next"), {}).json()[0]
    client.post(url(project, "release"), {})
    body = {"assignment": given["assignment"], "item": given["item"], "value": "spam", "token": "t"}
    assert client.post(url(project, "annotations"), body).status_code == 201
    assert client.post(url(project, "annotations"), {"item": items[1].pk, "value": "spam", "token": "u"}).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "eggs"}, "value"), ({"value": None}, "value"), ({"value": ["ham"]}, "value"), ({"value": True}, "value"),
        ({"token": ""}, "token"), ({"token": "x" * 65}, "token"), ({"token": 5}, "token"), ({"seconds": "long"}, "seconds"),
        ({"item": "x"}, "item"), ({"item": None}, "assignment"), ({"item": 10**30}, "item"), ({"item": -1}, "item"),
        ({"skipped": "yes"}, "skipped"), ({"next": 51}, "next"), ({"next": 1.5}, "next"), ({"comment": 3}, "comment"),
        ({"comment": "x" * 10_001}, "comment"), ({"flagged": 1}, "flagged"),
    ],
)  # fmt: skip
def test_bad_input_is_named_by_its_field(api, project, items, annotator, change, field):
    body = {"item": items[0].pk, "value": "ham", "token": "t"} | change
    response = api(annotator).post(url(project, "annotations"), body)
    assert response.status_code == 400
    assert isinstance(response.json()[field][0], str)
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("body", ["[]", "[1]", '"x"', "3", "{", "null"])
def test_a_body_that_is_no_object_is_a_400(api, project, annotator, body):
    for tail in ("next", "annotations", "annotations/undo", "release"):
        response = api(annotator).generic("POST", url(project, tail), body, content_type="application/json")
        assert response.status_code in {400, 200} if body == "null" else response.status_code == 400


@pytest.mark.parametrize("count", [0, 51, -1, "many", 2.5, True])
def test_a_count_out_of_range_is_refused(api, project, items, annotator, count):
    assert api(annotator).post(url(project, "next"), {"count": count}).status_code == 400


def test_an_item_of_another_project_is_not_found(api, project, items, annotator, manager):
    other = type(project).objects.create(name="Other")
    (foreign,) = items_of(other, 1)
    response = api(annotator).post(url(project, "annotations"), {"item": foreign.pk, "value": "ham", "token": "t"})
    assert response.status_code == 404


def test_who_may_what(api, project, items, annotator, viewer, outsider):
    for tail in ("next", "annotations", "annotations/undo", "release", "heartbeat"):
        assert api(viewer).post(url(project, tail), {}).status_code == 403
        assert api(outsider).post(url(project, tail), {}).status_code == 404
        assert api(None).post(url(project, tail), {}).status_code == 401
    assert api(viewer).get(url(project, "progress")).status_code == 200
    assert api(outsider).get(url(project, "progress")).status_code == 404
    assert api(viewer).get(url(project, "annotations")).status_code == 403


def test_an_archived_project_takes_no_answers_but_shows_them(api, project, items, annotator):
    project.archived_at = project.created_at
    project.save()
    assert api(annotator).post(url(project, "next"), {}).status_code == 403
    assert api(annotator).get(url(project, "annotations")).status_code == 200


def test_the_list_shows_annotators_their_own_and_reviewers_all(
    api, project, items, annotator, colleague, reviewer, django_assert_max_num_queries
):
    for user, item in ((annotator, items[0]), (colleague, items[1])):
        api(user).post(url(project, "annotations"), {"item": item.pk, "value": "ham", "token": f"t{user.pk}"})
    own = api(annotator).get(url(project, "annotations")).json()
    assert (own["count"], own["results"][0]["username"], own["results"][0]["value"]) == (1, "annotator", "ham")
    client = api(reviewer)
    with django_assert_max_num_queries(6):
        everything = client.get(url(project, "annotations")).json()
    assert everything["count"] == 2
    assert client.get(url(project, "annotations"), {"user": colleague.pk}).json()["count"] == 1
    assert client.get(url(project, "annotations"), {"item": items[0].pk}).json()["count"] == 1
    assert client.get(url(project, "annotations"), {"item": "x"}).status_code == 400


def test_undo_by_token_undoes_that_answer_once(api, project, items, annotator):
    client = api(annotator)
    for i in range(2):
        client.post(url(project, "annotations"), {"item": items[i].pk, "value": "spam", "token": f"t{i}"})
    undone = client.post(url(project, "annotations/undo"), {"token": "t0"}).json()
    assert (undone["item"]["item"], undone["value"]) == (items[0].pk, "spam")
    assert client.post(url(project, "annotations/undo"), {"token": "t0"}).json()["undone"] is None
    assert client.post(url(project, "annotations/undo"), {"token": "unknown"}).json()["undone"] is None
    assert Annotation.objects.filter(current=True).count() == 1
    assert client.post(url(project, "annotations/undo"), {}).json()["item"]["item"] == items[1].pk


def test_what_another_person_wrote_is_not_stored_as_mine(api, project, items, annotator, colleague):
    body = {"item": items[0].pk, "value": "ham", "token": "t", "user": colleague.pk}
    response = api(annotator).post(url(project, "annotations"), body)
    assert response.status_code == 409
    assert "logged in as annotator" in response.json()["detail"]
    assert not Annotation.objects.exists()


def test_heartbeat_renews_and_release_gives_back(api, project, items, annotator, colleague):
    client = api(annotator)
    client.post(url(project, "next"), {"count": 6})
    assert client.post(url(project, "heartbeat"), {}).json()["renewed"] == 6
    assert api(colleague).post(url(project, "next"), {}).json() == []
    empty = api(colleague).get(url(project, "progress"), {"empty": "true"}).json()["empty"]
    assert empty["code"] == "leased"
    assert client.post(url(project, "release"), {"lease_until": "soon"}).status_code == 400
    assert client.post(url(project, "release"), {}).json() == {"released": 6}
    assert len(api(colleague).post(url(project, "next"), {"count": 6}).json()) == 6


def test_progress_counts_mine_and_the_batch_and_the_budget(api, project, items, annotator):
    api(annotator).post(url(project, "annotations"), {"item": items[0].pk, "value": "ham", "token": "t"})
    progress.forget()
    facts = api(annotator).get(url(project, "progress")).json()
    assert (facts["mine_today"], facts["mine_total"]) == (1, 1)
    assert facts["batch"] == {"round": 1, "answered": 1, "total": 6}
    assert (facts["run"]["labels"], facts["run"]["budget"]) == (1, 100)


def test_the_hot_requests_take_few_statements(api, project, items, annotator, django_assert_max_num_queries):
    client = api(annotator)
    with django_assert_max_num_queries(14):
        given = client.post(url(project, "next"), {"count": 4}).json()
    body = {"assignment": given[0]["assignment"], "value": "ham", "seconds": 1, "token": "t", "next": 4}
    with django_assert_max_num_queries(38):
        assert client.post(url(project, "annotations"), body).status_code == 201


def test_the_schema_describes_labelling_without_a_warning(api, project, annotator):
    schema = api(annotator).get("/api/schema/", HTTP_ACCEPT="application/json").json()
    assert {"post"} == set(schema["paths"]["/api/projects/{project_id}/next/"])
    assert {"get", "post"} == set(schema["paths"]["/api/projects/{project_id}/annotations/"])
