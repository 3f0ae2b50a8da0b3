"""Where a project hides names, nobody but its managers can tell who answered what: on no page, in no reply, in no file."""

import json

import pytest

from annotation import queue
from annotation.models import Annotation
from annotation.queries import ask
from projects.models import Membership, Role, User
from projects.names import letters
from tests.annotation.asking import asked, items_of, running


@pytest.fixture
def answered(project, annotator, colleague):
    """Both answer two items, the colleague first; they have said the opposite."""
    project.hide_names, project.annotators_per_item = True, 2
    project.save()
    User.objects.filter(pk=annotator.pk).update(username="ulrike")  # no word of the pages
    annotator.refresh_from_db()
    items = items_of(project, 2)
    trial = running(project)
    ask(project, trial, 1, asked(items), wanted=2)
    for item in items:
        queue.submit(colleague, project, item=item, value="spam", token=f"c{item.pk}", seconds=2)
        queue.submit(annotator, project, item=item, value="ham", token=f"a{item.pk}", seconds=1)
    return items, trial


def _addresses(project, items, trial) -> list[str]:
    item, run = items[0].pk, trial.run_id
    pages = [f"items/{item}/", "review/", "quality/", "quality/people.csv", "runs/", f"export/?format=csv&run={run}"]
    rest = [f"items/{item}/", "annotations/", f"annotations/?item={item}", "review/", "quality/", "export/?format=jsonl"]
    return [
        *(f"/projects/{project.pk}/{page}" for page in pages), *(f"/api/projects/{project.pk}/{part}" for part in rest),
        "/distilling/", f"/distilling/{run}/", f"/api/runs/{run}/report/", f"/api/runs/{run}/",
    ]  # fmt: skip


def test_a_reviewer_finds_no_name_anywhere_and_the_manager_does(project, answered, reviewer, manager, browse):
    for address in _addresses(project, *answered):
        answer = browse(reviewer).get(address)
        text = b"".join(answer).decode()
        assert answer.status_code == 200 and "ulrike" not in text and "colleague" not in text, address
    quality = browse(reviewer).get(f"/api/projects/{project.pk}/quality/").json()
    assert [row["user"] for row in quality["people"]] == [None, None]
    assert quality["pairs"][0]["first"].startswith("Person ")
    seen = browse(manager).get(f"/projects/{project.pk}/items/{answered[0][0].pk}/").content.decode()
    assert "colleague" in seen and "Person " not in seen


def test_a_person_has_the_same_letter_on_every_item_and_in_every_reply(project, answered, colleague, reviewer, api):
    client, mine = api(reviewer), letters(project)[colleague.pk]
    for item in answered[0]:
        answers = client.get(f"/api/projects/{project.pk}/items/{item.pk}/").json()["annotations"]
        assert [answer["annotator"] for answer in answers if answer["label"] == "spam"] == [mine]
    listed = client.get(f"/api/projects/{project.pk}/annotations/").json()["results"]
    assert {(row["user"], row["username"]) for row in listed if row["value"] == "spam"} == {(None, mine)}
    lines = b"".join(client.get(f"/api/projects/{project.pk}/export/?format=jsonl")).decode().splitlines()
    assert json.loads(lines[0])["annotations"][0]["annotator"] == mine


def test_asking_for_one_persons_answers_would_tell_whose_they_are(project, answered, colleague, reviewer, manager, api):
    address = f"/api/projects/{project.pk}/annotations/?user={colleague.pk}"
    assert api(reviewer).get(address).status_code == 400
    assert api(manager).get(address).json()["count"] == 2


def test_everybody_sees_their_own_name(project, answered, annotator, api):
    found = api(annotator).get(f"/api/projects/{project.pk}/annotations/").json()["results"]
    assert {(row["user"], row["username"]) for row in found} == {(annotator.pk, "ulrike")}


def test_who_joins_later_changes_no_letter_and_no_two_share_one(project, annotator, colleague):
    before = letters(project)
    people = User.objects.bulk_create(User(username=f"new{i}") for i in range(60))
    Membership.objects.bulk_create(Membership(project=project, user=user, role=Role.ANNOTATOR) for user in people)
    after = letters(project)
    assert before.items() <= after.items() and len(set(after.values())) == 62


def test_who_has_left_is_still_one_person(project, answered, colleague, reviewer, api):
    Membership.objects.filter(user=colleague).delete()
    listed = api(reviewer).get(f"/api/projects/{project.pk}/annotations/").json()["results"]
    assert len({row["username"] for row in listed if row["value"] == "spam"}) == 1
    assert Annotation.objects.filter(user=colleague).count() == 2
