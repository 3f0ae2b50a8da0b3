"""Who gets what at every address of the site: a row per address and method, a column per person.

A new address fails `test_every_address_has_its_rows` until it has its rows here: a GET and a POST for a page, each of its
methods for REST. `page(...)` and `rest(...)` write the seven columns; write them out where they are others.
"""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from learning.models import Run, Trial
from projects import invitations
from projects.models import Dataset, Delivery, Item, Project, Role, Webhook

PEOPLE = ("nobody", "outsider", "viewer", "annotator", "reviewer", "manager", "admin_user")
Row = tuple[int, ...]
# The Django admin has rules of its own: it lets in staff only, and each model's permissions are Django's.
EXCLUDED_NAMESPACES = {"admin"}


def page(minimum: Role | None, ok: int = 200) -> Row:
    """A page: who is logged out goes to the login, a stranger finds nothing, a member without the role is refused."""
    return _row(302, minimum, ok)


def rest(minimum: Role | None, ok: int = 200) -> Row:
    return _row(401, minimum, ok)


def _row(nobody: int, minimum: Role | None, ok: int) -> Row:
    if minimum is None:  # any account
        return (nobody,) + (ok,) * 6
    roles = [Role.VIEWER, Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER]
    return (nobody, 404, *(ok if role.rank >= minimum.rank else 403 for role in roles), ok)


ANY, VIEWER, ANNOTATOR, REVIEWER, MANAGER = None, Role.VIEWER, Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER
#              nobody, outsider, viewer, annotator, reviewer, manager, superuser
STAFF_PAGE: Row = (302, 403, 403, 403, 403, 403, 200)
OPEN: Row = (200,) * 7
LET_IN = 0  # nothing sensible is sent, so what is answered is not the point: not a refusal, and nothing breaks
READ_ONLY = page(ANY, 405)  # the method is refused before anybody is looked up

# (name of the address, method): (status for each person) or (row, what is sent)
MATRIX: dict[tuple[str, str], Row | tuple[Row, dict]] = {
    # Accounts
    ("home", "GET"): page(ANY),
    ("home", "POST"): READ_ONLY,
    ("login", "GET"): (200, 302, 302, 302, 302, 302, 302),
    ("login", "POST"): (200, 302, 302, 302, 302, 302, 302),
    ("logout", "GET"): READ_ONLY,
    ("logout", "POST"): page(ANY, 302),
    ("account", "GET"): page(ANY),
    ("account", "POST"): (page(ANY, 302), {"action": "token"}),
    ("preferences", "GET"): READ_ONLY,
    ("preferences", "POST"): (page(ANY, 302), {"left_handed": "on"}),
    ("people", "GET"): STAFF_PAGE,
    ("people", "POST"): STAFF_PAGE,
    ("person-new", "GET"): STAFF_PAGE,
    ("person-new", "POST"): (STAFF_PAGE, {"username": "somebody"}),
    ("person", "GET"): STAFF_PAGE,
    ("person", "POST"): (STAFF_PAGE, {"action": "reset"}),
    # Projects
    ("project-new", "GET"): STAFF_PAGE,
    ("project-new", "POST"): (
        (302, 403, 403, 403, 403, 403, 302),
        {"name": "New", "modality": "text", "task": "single", "annotators_per_item": 1},
    ),
    ("preview", "GET"): READ_ONLY,
    ("preview", "POST"): page(ANY),
    ("project", "GET"): page(VIEWER),
    ("project", "POST"): READ_ONLY,
    ("project-settings", "GET"): page(MANAGER),
    ("project-settings", "POST"): (page(MANAGER, 302), {"name": "Renamed", "annotators_per_item": 2}),
    ("project-archive", "GET"): READ_ONLY,
    ("project-archive", "POST"): page(MANAGER, 302),
    ("project-delete", "GET"): READ_ONLY,
    ("project-delete", "POST"): page(MANAGER, 302),
    ("members", "GET"): page(VIEWER),
    ("members", "POST"): (page(MANAGER, 302), {"action": "add", "username": "outsider", "role": "viewer"}),
    ("guidelines", "GET"): page(VIEWER),
    ("guidelines", "POST"): READ_ONLY,
    ("members-file", "GET"): page(MANAGER),
    ("members-file", "POST"): (page(MANAGER), {"text": "user\nannotator\n"}),
    ("invitations", "GET"): page(MANAGER),
    ("invitations", "POST"): (page(MANAGER), {"role": "annotator", "places": 1, "days": 7}),
    ("join", "GET"): OPEN,
    ("join", "POST"): (400, 302, 302, 302, 302, 302, 302),  # without a name and a password
    ("notices", "GET"): page(VIEWER),
    ("notices", "POST"): (page(MANAGER), {"action": "add", "url": "https://example.org/"}),
    ("labels", "GET"): page(VIEWER),
    ("labels", "POST"): (page(MANAGER, 302), {"action": "add", "name": "eggs"}),
    # Items and data sets
    ("items", "GET"): page(VIEWER),
    ("items", "POST"): READ_ONLY,
    ("item", "GET"): page(VIEWER),
    ("item", "POST"): READ_ONLY,
    ("item-image", "GET"): page(VIEWER),
    ("item-image", "POST"): READ_ONLY,
    ("export", "GET"): page(VIEWER),
    ("export", "POST"): READ_ONLY,
    ("datasets", "GET"): page(VIEWER),
    ("datasets", "POST"): page(VIEWER),
    ("dataset-new", "GET"): page(MANAGER),
    ("dataset-new", "POST"): page(MANAGER, LET_IN),
    ("dataset", "GET"): page(VIEWER),
    ("dataset", "POST"): page(MANAGER, LET_IN),
    ("dataset-report", "GET"): page(VIEWER),
    ("dataset-report", "POST"): page(VIEWER),
    # Labelling
    ("label", "GET"): page(ANNOTATOR),
    ("label", "POST"): READ_ONLY,
    ("desk", "GET"): page(MANAGER),
    ("desk", "POST"): page(MANAGER, 302),
    ("handing-out", "GET"): page(MANAGER),
    ("handing-out", "POST"): page(MANAGER, 302),
    ("item-gold", "GET"): READ_ONLY,
    ("item-gold", "POST"): page(MANAGER, 302),
    ("review", "GET"): page(REVIEWER),
    ("review", "POST"): page(REVIEWER, 302),
    ("feedback", "GET"): page(ANNOTATOR),
    ("feedback", "POST"): READ_ONLY,
    ("quality", "GET"): page(ANNOTATOR),
    ("quality", "POST"): READ_ONLY,
    ("quality-people", "GET"): page(ANNOTATOR),
    ("quality-people", "POST"): READ_ONLY,
    ("suspicious", "GET"): page(REVIEWER),
    ("suspicious", "POST"): page(REVIEWER, 302),
    ("item-settle", "GET"): READ_ONLY,
    ("item-settle", "POST"): page(REVIEWER, 302),
    # Runs
    ("distilling", "GET"): page(ANY),
    ("distilling", "POST"): page(ANY),
    ("run", "GET"): page(VIEWER),
    ("run", "POST"): page(VIEWER),
    ("run-state", "GET"): page(VIEWER),
    ("run-state", "POST"): page(VIEWER),
    ("results", "GET"): page(VIEWER),
    ("results", "POST"): page(VIEWER),
    ("run-download", "GET"): page(VIEWER),
    ("run-download", "POST"): page(VIEWER),
    ("analysis-compare", "GET"): page(ANY),
    ("analysis-compare", "POST"): page(ANY),
    ("analysis-report", "GET"): page(VIEWER, 302),  # to the results: the run is no analysis
    ("analysis-report", "POST"): page(VIEWER, 302),
    ("trial", "GET"): page(VIEWER, 302),  # to the run, which has this one trial
    ("trial", "POST"): page(VIEWER, 302),
    ("trial-retry", "GET"): READ_ONLY,
    ("trial-retry", "POST"): page(MANAGER, 302),
    ("labeling-new", "GET"): page(MANAGER, 302),  # back to the results: the run has no model
    ("labeling-new", "POST"): page(MANAGER, 302),
    ("labeling-needs", "GET"): READ_ONLY,
    ("labeling-needs", "POST"): page(MANAGER),
    ("labeling-accept", "GET"): READ_ONLY,
    ("labeling-accept", "POST"): page(MANAGER, 302),
    ("labeling-undo", "GET"): READ_ONLY,
    ("labeling-undo", "POST"): page(MANAGER, 302),
    ("run-estimate", "GET"): page(VIEWER, 302),  # to the run, which is no analysis
    ("run-estimate", "POST"): page(MANAGER, 302),
    ("run-replay", "GET"): READ_ONLY,
    ("run-replay", "POST"): page(MANAGER, 302),
    ("run-action", "GET"): READ_ONLY,
    ("run-action", "POST"): page(MANAGER, 302),
    ("runs", "GET"): page(VIEWER),
    ("runs", "POST"): page(VIEWER),
    ("run-new", "GET"): page(MANAGER),
    ("run-new", "POST"): page(MANAGER, LET_IN),
    ("run-forecast", "GET"): READ_ONLY,
    ("run-forecast", "POST"): page(MANAGER),
    ("analysis-new", "GET"): page(MANAGER),
    ("analysis-new", "POST"): page(MANAGER, LET_IN),
    ("analysis-forecast", "GET"): READ_ONLY,
    ("analysis-forecast", "POST"): page(MANAGER),
    # REST
    ("api-token", "POST"): (OPEN, {"username": "viewer", "password": "secret"}),
    ("api-schema", "GET"): OPEN,
    ("api-docs", "GET"): OPEN,
    ("api-projects", "GET"): rest(ANY),
    ("api-projects", "POST"): ((401, 403, 403, 403, 403, 403, 201), {"name": "New", "modality": "text"}),
    ("api-project", "GET"): rest(VIEWER),
    ("api-project", "PATCH"): (rest(MANAGER), {"name": "Renamed"}),
    ("api-members", "GET"): rest(VIEWER),
    ("api-members", "POST"): (rest(MANAGER, 201), {"username": "outsider", "role": "viewer"}),
    ("api-member", "GET"): rest(VIEWER),
    ("api-member", "PATCH"): (rest(MANAGER), {"role": "reviewer"}),
    ("api-member", "DELETE"): rest(MANAGER, 204),
    ("api-labels", "GET"): rest(VIEWER),
    ("api-labels", "POST"): (rest(MANAGER, 201), {"name": "eggs"}),
    ("api-label", "GET"): rest(VIEWER),
    ("api-label", "PATCH"): (rest(MANAGER), {"name": "bacon"}),
    ("api-label", "DELETE"): rest(MANAGER, 204),
    ("api-label-merge", "POST"): rest(MANAGER, LET_IN),
    ("api-items", "GET"): rest(VIEWER),
    ("api-item", "GET"): rest(VIEWER),
    ("api-item-image", "GET"): rest(VIEWER),
    ("api-datasets", "GET"): rest(VIEWER),
    ("api-datasets", "POST"): rest(MANAGER, LET_IN),
    ("api-dataset", "GET"): rest(VIEWER),
    ("api-dataset-report", "GET"): rest(VIEWER),
    ("api-export", "GET"): rest(VIEWER),
    ("api-next", "POST"): (rest(ANNOTATOR), {"count": 1}),
    ("api-preferences", "GET"): rest(ANY),
    ("api-preferences", "PATCH"): (rest(ANY), {"left_handed": True}),
    ("api-annotations", "GET"): rest(ANNOTATOR),
    ("api-annotations", "POST"): rest(ANNOTATOR, LET_IN),
    ("api-undo", "POST"): rest(ANNOTATOR, LET_IN),
    ("api-release", "POST"): rest(ANNOTATOR, LET_IN),
    ("api-heartbeat", "POST"): rest(ANNOTATOR, LET_IN),
    ("api-telling-words", "GET"): rest(ANNOTATOR),
    ("api-progress", "GET"): rest(VIEWER),
    ("api-reservations", "GET"): rest(MANAGER),
    ("api-reservations", "POST"): (rest(MANAGER, 201), {"filter": {}, "users": ["annotator"]}),
    ("api-reservations", "DELETE"): rest(MANAGER),
    ("api-take-back", "POST"): (rest(MANAGER), {"user": "annotator"}),
    ("api-pause-member", "POST"): (rest(MANAGER), {"user": "annotator", "paused": True}),
    ("api-desk", "GET"): rest(MANAGER),
    ("api-members-file", "POST"): (rest(MANAGER), {"csv": "user\nannotator\n"}),
    ("api-invitations", "GET"): rest(MANAGER),
    ("api-invitations", "POST"): rest(MANAGER, 201),
    ("api-invitation", "DELETE"): rest(MANAGER, 204),
    ("api-notices", "GET"): rest(VIEWER),
    ("api-notices", "PUT"): ((401, 404, 200, 200, 200, 200, 409), {"events": ["batch_done"]}),
    ("api-webhooks", "GET"): rest(MANAGER),
    ("api-webhooks", "POST"): (rest(MANAGER, 201), {"url": "https://example.org/"}),
    ("api-webhook", "PATCH"): (rest(MANAGER), {"active": False}),
    ("api-webhook", "POST"): rest(MANAGER, 201),
    ("api-webhook", "DELETE"): rest(MANAGER, 204),
    ("api-deliveries", "GET"): rest(MANAGER),
    ("api-delivery", "POST"): rest(MANAGER),
    ("api-training", "GET"): rest(MANAGER),
    ("api-training", "POST"): (rest(MANAGER), {"user": "annotator", "qualified": True}),
    ("api-golds", "GET"): rest(MANAGER),
    ("api-golds", "POST"): (rest(MANAGER, 201), {"filter": {}}),
    ("api-golds", "DELETE"): (rest(MANAGER), {"filter": {}}),
    ("api-quality", "GET"): rest(ANNOTATOR),
    ("api-suspicious", "GET"): rest(REVIEWER),
    ("api-suspicious", "POST"): rest(REVIEWER, 409),
    ("api-suspicious-item", "POST"): (rest(REVIEWER, 409), {"action": "right"}),
    ("api-review", "GET"): rest(REVIEWER),
    ("api-review-item", "POST"): (rest(REVIEWER, LET_IN), {"action": "skip"}),
    ("api-run-list", "GET"): rest(ANY),
    ("api-run-list", "POST"): (rest(MANAGER, LET_IN), {"project": "project"}),
    ("api-run-detail", "GET"): rest(VIEWER),
    ("api-run-compare", "GET"): rest(ANY, 400),
    ("api-run-data", "GET"): rest(VIEWER),
    ("api-run-trials", "GET"): rest(VIEWER, 409),
    ("api-run-model", "GET"): rest(VIEWER, LET_IN),
    ("api-run-measure", "POST"): rest(MANAGER, 409),
    ("api-run-accept", "POST"): rest(MANAGER, 409),
    ("api-run-undo", "POST"): rest(MANAGER, 409),
    ("api-run-pause", "POST"): rest(MANAGER, 409),
    ("api-run-live", "GET"): rest(VIEWER),
    ("api-run-replay", "POST"): rest(MANAGER, 409),
    ("api-run-report", "GET"): rest(VIEWER),
    ("api-run-resume", "POST"): rest(MANAGER, 409),
    ("api-run-retry", "POST"): rest(MANAGER, 409),
    ("api-run-rounds", "GET"): rest(VIEWER),
    ("api-run-start", "POST"): rest(MANAGER, LET_IN),
    ("api-run-stop", "POST"): rest(MANAGER, 409),
}


def addresses(patterns=None) -> list[tuple[str, URLPattern]]:
    found = []
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if not isinstance(entry, URLResolver):
            found.append((entry.name, entry))
        elif entry.namespace not in EXCLUDED_NAMESPACES:
            found += addresses(entry.url_patterns)
    return found


def methods(pattern: URLPattern) -> set[str]:
    """What REST answers there; of a page it cannot be asked, so both must have a row."""
    view = pattern.callback
    if actions := getattr(view, "actions", None):
        return {method.upper() for method in actions} - {"HEAD"}
    if view_class := getattr(view, "cls", None):
        return {name.upper() for name in view_class.http_method_names if hasattr(view_class, name)} - {"HEAD", "OPTIONS"}
    return {"GET", "POST"}


def test_every_address_has_its_rows():
    expected = {(name, method) for name, pattern in addresses() for method in methods(pattern)}
    assert not expected - set(MATRIX), "addresses without a row"
    assert not set(MATRIX) - expected, "rows without an address"


def test_no_two_addresses_have_one_name():
    names = [name for name, _ in addresses()]
    assert None not in names and len(names) == len(set(names))


@pytest.fixture
def site(project, manager, annotator, reviewer, viewer, outsider, admin_user, settings, tmp_path) -> dict:
    """One of everything, and the arguments that name it."""
    settings.MEDIA_ROOT = tmp_path
    Project.objects.filter(pk=project.pk).update(modality="image")
    dataset = Dataset.objects.create(project=project, name="a.zip", file=ContentFile(b"zip", "a.zip"), status="finished")
    dataset.report.save("report.csv", ContentFile(b"row,field,error\n"))
    picture = default_storage.save("items/1.png", ContentFile(b"\x89PNG\r\n\x1a\n"))
    item = Item.objects.create(project=project, dataset=dataset, key="1", content=picture)
    run = Run.objects.create(project=project)
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=1)
    hook = Webhook.objects.create(project=project, url="https://example.org/", secret="s")
    invitation, token = invitations.invite(project, manager, Role.ANNOTATOR)
    return {
        "project_id": project.pk,
        "item_id": item.pk,
        "dataset_id": dataset.pk,
        "run_id": run.pk,
        "pk": run.pk,
        "trial_id": trial.pk,
        "user_id": annotator.pk,
        "member_id": project.memberships.get(user=annotator).pk,
        "label_id": project.labels.first().pk,
        "token": token,
        "invitation_id": invitation.pk,
        "webhook_id": hook.pk,
        "delivery_id": Delivery.objects.create(project=project, webhook=hook, event="test").pk,
        "what": "metrics.csv",
        "action": "start",
    }


@pytest.mark.parametrize(("name", "method"), MATRIX, ids=lambda part: part)
def test_each_person_gets_what_the_matrix_says(name, method, site, request):
    expected, sent = MATRIX[name, method], {}
    if isinstance(expected[0], tuple):
        expected, sent = expected
    sent = {key: site["project_id"] if value == "project" else value for key, value in sent.items()}
    pattern = dict(addresses())[name]
    url = reverse(name, kwargs={key: site[key] for key in pattern.pattern.converters or pattern.pattern.regex.groupindex})
    got = []
    for person in PEOPLE:
        client = Client()
        with transaction.atomic():  # each person finds the site as it was
            if person != "nobody":
                client.force_login(request.getfixturevalue(person))
            call = getattr(client, method.lower())
            as_json = name.startswith("api-") and method != "GET"
            got.append(call(url, sent, **({"content_type": "application/json"} if as_json else {})).status_code)
            transaction.set_rollback(True)
    refusals = {301, 302, 401, 403, 404, 405}
    got = [
        LET_IN if want == LET_IN and status not in refusals and status < 500 else status
        for want, status in zip(expected, got, strict=True)
    ]
    assert dict(zip(PEOPLE, got, strict=True)) == dict(zip(PEOPLE, expected, strict=True))
