"""Inviting, lists of people, notices and webhooks by REST: what the pages can do."""

from annotation import queue
from projects import invitations
from projects.models import Delivery, Invitation, Membership
from tests.annotation.asking import items_of


def test_an_invitation_made_by_rest_lets_in_until_it_is_revoked(project, manager, outsider, api):
    client, url = api(manager), f"/api/projects/{project.pk}/invitations/"
    made = client.post(url, {"role": "reviewer", "places": 2, "note": "law"}, format="json").json()
    token = made["link"].rstrip("/").rsplit("/", 1)[1]
    assert invitations.join(invitations.find(token), outsider)
    assert Membership.objects.get(user=outsider).role == "reviewer"
    (shown,) = client.get(url).json()
    assert (shown["state"], shown["used"], shown["note"]) == ("open", 1, "law") and "link" not in shown
    assert client.delete(f"{url}{made['id']}/").status_code == 204
    assert client.delete(f"{url}{made['id']}/").status_code == 409
    assert client.get(url).json()[0]["state"] == "revoked"
    for bad in ({"role": "boss"}, {"places": 0}, {"days": 91}, {"place": 1}):
        assert client.post(url, bad, format="json").status_code == 400, bad


def test_a_list_of_people_is_looked_at_and_then_taken_or_refused_as_a_whole(project, manager, outsider, api, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    client, url = api(manager), f"/api/projects/{project.pk}/members/file/"
    text = "user,role\noutsider,viewer\nnew@example.org,\n"
    seen = client.post(url, {"csv": text}, format="json").json()
    assert [row["what"] for row in seen["rows"]] == ["add", "invite"] and not seen["applied"]
    assert client.post(url, {"csv": text + "nobody,\n", "apply": True}, format="json").status_code == 409
    assert not Invitation.objects.exists() and not Membership.objects.filter(user=outsider).exists()
    done = client.post(url, {"csv": text, "apply": True, "send": True}, format="json").json()
    assert (done["sent"], [link["name"] for link in done["links"]]) == (0, ["new@example.org"])
    assert Membership.objects.get(user=outsider).role == "viewer"
    assert client.post(url, {"csv": "x"}, format="json").status_code == 400


def test_notices_are_chosen_and_webhooks_are_kept_tested_and_switched_off(project, manager, annotator, api):
    url = f"/api/projects/{project.pk}/"
    assert api(annotator).put(f"{url}notices/", {"events": ["disagreement"]}, format="json").status_code == 200
    assert api(annotator).get(f"{url}notices/").json() == {"events": ["disagreement"]}
    assert api(annotator).put(f"{url}notices/", {"events": ["rain"]}, format="json").status_code == 400
    client = api(manager)
    made = client.post(f"{url}webhooks/", {"url": "https://example.org/", "events": ["batch_done"]}, format="json").json()
    assert len(made["secret"]) == 64 and "secret" not in client.get(f"{url}webhooks/").json()[0]
    assert client.post(f"{url}webhooks/", {"url": "ftp://example.org/"}, format="json").status_code == 400
    sent = client.post(f"{url}webhooks/{made['id']}/", format="json").json()
    assert (sent["event"], sent["to"]) == ("test", "https://example.org/")
    Delivery.objects.update(state="failed", attempts=8)
    assert client.post(f"{url}deliveries/{sent['id']}/", format="json").json()["state"] == "waiting"
    assert client.get(f"{url}deliveries/").json()["results"][0]["attempts"] == 0
    assert client.patch(f"{url}webhooks/{made['id']}/", {"active": False}, format="json").json()["active"] is False
    client.delete(f"{url}webhooks/{made['id']}/")
    assert client.get(f"{url}webhooks/").json() == []


def test_the_desk_by_rest_says_who_labels_and_what_is_open(project, manager, annotator, api):
    items_of(project, 5)
    place = queue.lease_next(annotator, project, 2)[0]
    queue.submit(annotator, project, assignment=place, value="ham", token="a")
    facts = api(manager).get(f"/api/projects/{project.pk}/desk/").json()
    assert facts["n_working"] == 1 and facts["queue"] == {"open": 4, "leased": 1, "disputed": 0, "held": 0}
    first = facts["people"][0]
    assert (first["username"], first["working"], first["today"], first["leased"]) == ("annotator", True, 1, 1)
    assert {"label": "ham", "count": 1} in facts["labels"] and facts["forecast"] is None
