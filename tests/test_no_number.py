"""What a browser or a program sends where a whole number or a text belongs, and is none, is answered and breaks nothing."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from learning.models import Run
from projects.numbers import whole
from tests.annotation.asking import items_of
from tests.test_permission_matrix import addresses

NO_NUMBERS = ["²", "9" * 19, "9" * 5000, "1.0", "-1", "١", "", " "]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_only_digits_that_a_database_can_look_up_are_a_number(text):
    assert whole(text) is None


def test_numbers():
    assert [whole("0"), whole("007"), whole(7), whole("9" * 18)] == [0, 7, 7, 10**18 - 1]
    assert [whole(None), whole(True), whole(7.0), whole([7])] == [None] * 4


# (address, method, field, value): {} stands for what is no number
PLACES = [
    ("items", "GET", "label", "{}"),
    ("items", "GET", "after", "{}"),
    ("review", "GET", "after", "{}"),
    ("export", "GET", "run", "{}"),
    ("members", "POST", "membership", "{}"),
    ("labels", "POST", "label", "{}"),
    ("invitations", "POST", "invitation", "{}"),
    ("notices", "POST", "pk", "{}"),
    ("desk", "POST", "user", "{}"),
    ("handing-out", "POST", "user", "{}"),
    ("suspicious", "POST", "item", "{}"),
    ("analysis-new", "POST", "datasets", "{}"),
    ("run-new", "GET", "from", "{}"),
    ("run-state", "GET", "since", "{}"),
    ("analysis-compare", "GET", "run", "{}"),
    ("api-items", "GET", "label", "{}"),
    ("api-items", "GET", "dataset", "{}"),
    ("api-run-list", "GET", "project", "{}"),
    ("api-run-compare", "GET", "run", ["1", "{}"]),
    ("api-next", "POST", "count", "{}"),
    ("api-annotations", "POST", "item", "{}"),
    ("api-reservations", "POST", "filter", {"label": "{}"}),
    ("api-take-back", "POST", "user", "{}"),
    ("api-run-list", "POST", "configuration", {"source": "{}"}),
    ("api-run-list", "POST", "configuration", {"batch_size": "{}"}),
    ("api-run-list", "POST", "configuration", {"warm_up": {"labels_per_class": "{}"}}),
]
KEPT_ACTION = {"members": "remove", "invitations": "revoke", "notices": "again", "desk": "pause", "suspicious": "right"}


def _with(value, text: str):
    if isinstance(value, dict):
        return {name: _with(part, text) for name, part in value.items()}
    return [_with(part, text) for part in value] if isinstance(value, list) else value.replace("{}", text)


@pytest.mark.parametrize(("name", "method", "field", "value"), PLACES, ids=lambda part: str(part))
def test_it_breaks_nothing(project, manager, name, method, field, value):
    run = Run.objects.create(project=project)
    known = {"project_id": project.pk, "run_id": run.pk}
    address = reverse(name, kwargs={key: known[key] for key in dict(addresses())[name].pattern.converters})
    client = Client()
    client.force_login(manager)
    for text in NO_NUMBERS:
        sent = {field: _with(value, text), "action": KEPT_ACTION.get(name, "remove"), "project": project.pk}
        sent |= {"kind": "labeling"} if "source" in value else {}
        if field == "project":
            sent = {field: text}
        as_json = name.startswith("api-") and method == "POST"
        answer = getattr(client, method.lower())(address, sent, **({"content_type": "application/json"} if as_json else {}))
        assert answer.status_code < 500


HALF = "half \ud83d"
BODIES = [
    ("annotations/", {"item": "{item}", "value": "ham", "token": "a", "seconds": 10**400}),
    ("annotations/", {"item": "{item}", "value": "ham", "token": HALF}),
    ("annotations/", {"item": "{item}", "value": "ham", "token": "b", "comment": HALF}),
    ("annotations/", {"item": "{item}", "value": "ham", "token": "c", "suggested": HALF}),
    ("annotations/undo/", {"token": HALF}),
    ("review/{item}/", {"action": "decide", "value": "ham", "comment": HALF}),
    ("reservations/", {"items": [2**70], "users": ["manager"]}),
    ("reservations/", {"filter": {"state": ["x"]}, "users": ["manager"]}),
    ("golds/", {"items": [-(2**70)]}),
    ("golds/", {"filter": {"state": {"a": 1}}}),
    ("golds/", {"filter": {"search": HALF}}),
    ("release/", {"lease_until": "0001-01-01T00:00:00+23:00"}),
    ("release/", {"lease_until": "9999-12-31T23:59:59-23:00"}),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_odd_bodies_are_answered(project, manager, path, body):
    [item] = items_of(project, 1)
    client = Client()
    client.force_login(manager)
    body = {name: item.pk if value == "{item}" else value for name, value in body.items()}
    address = f"/api/projects/{project.pk}/{path}".replace("{item}", str(item.pk))
    answer = client.post(address, json.dumps(body), content_type="application/json")
    assert answer.status_code == (201 if "seconds" in body else 400), answer.content
