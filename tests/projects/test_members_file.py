"""A CSV of people: who has an account becomes a member, who has none is invited; all of it, or nothing."""

import re

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail.backends import locmem

from projects import invitations, members_file
from projects.models import Invitation, Membership, User

FILE = "user,role,skills\nOUTSIDER,reviewer,law; French;law\nnew@example.org,,\nannotator,viewer,\n"


@pytest.fixture
def page(project):
    return f"/projects/{project.pk}/members/file/"


def members(project):
    return {m.user.username: (m.role, m.skills) for m in project.memberships.select_related("user")}


def test_a_manager_sees_what_becomes_of_everybody_and_then_all_of_it_happens(
    project, manager, annotator, outsider, page, browse, settings
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    client = browse(manager)
    shown = client.post(page, {"file": SimpleUploadedFile("people.csv", FILE.encode("utf-8-sig"))})
    assert [row.what for row in shown.context["rows"]] == ["add", "invite", "change"]
    assert "outsider" not in members(project) and not Invitation.objects.exists()
    done = client.post(page, {"action": "apply", "text": shown.context["text"]}).content.decode()
    assert members(project) | {"manager": None} == {
        "manager": None, "outsider": ("reviewer", ["law", "French"]), "annotator": ("viewer", []),
    }  # fmt: skip
    assert not mail.outbox  # no mail server: the link is shown instead, once
    token = re.search(r"/join/([\w-]+)/", done)[1]
    assert "data:text/csv" in done
    user = User.objects.create_user("late", password="x")
    assert invitations.join(invitations.find(token), user)
    assert members(project)["late"] == ("annotator", [])


def test_with_a_mail_server_each_gets_their_own_link_and_nobody_sees_it(project, manager, page, browse):
    sent = {"action": "apply", "text": "e-mail\na@example.org\nb@example.org\n", "send": "yes"}
    done = browse(manager).post(page, sent).content.decode()
    assert [m.to for m in mail.outbox] == [["a@example.org"], ["b@example.org"]]
    links = [re.search(r"http://\S+/join/([\w-]+)/", m.body)[1] for m in mail.outbox]
    assert [invitations.find(link).note for link in links] == ["a@example.org", "b@example.org"]
    assert "2 of 2 sent by mail" in done and "/join/" not in done


def test_what_the_mail_server_did_not_take_is_listed(project, manager, page, browse, monkeypatch):
    taken = locmem.EmailBackend.send_messages

    def full(self, messages):
        if messages[0].to == ["b@example.org"]:
            raise ConnectionResetError
        return taken(self, messages)

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", full)
    sent = {"action": "apply", "text": "e-mail\na@example.org\nb@example.org\n", "send": "yes"}
    done = browse(manager).post(page, sent).content.decode()
    assert "1 of 2 sent by mail" in done and len(set(re.findall(r"/join/[\w-]{20,}", done))) == 1


WRONG = {
    "nobody": "There is no account",
    "": "There is no user name",
    "x@": "no e-mail address",
    "closed": "is closed",
    "both@example.org": "Several accounts",
    "outsider,boss": "There is no role",
    "manager,viewer": None,
}


def test_one_wrong_line_and_nothing_is_changed(project, manager, outsider, page, browse):
    User.objects.create_user("closed", is_active=False)
    for name in ("one", "two"):
        User.objects.create_user(name, email="Both@example.org")
    client = browse(manager)
    for line, words in WRONG.items():
        text = f"user,role,skills\nok@example.org,,\n{line or ','}\n" if line else "user,role\nok@example.org,\n,viewer\n"
        done = client.post(page, {"action": "apply", "text": text})
        assert "outsider" not in members(project) and not Invitation.objects.exists()
        assert done.status_code == 400
        assert (words or "needs a manager") in done.content.decode(), line
    assert members(project) == {"manager": ("manager", [])}


def test_the_same_person_twice_by_name_and_by_address_is_an_error_on_both_lines(project, outsider):
    User.objects.filter(pk=outsider.pk).update(email="out@example.org")
    rows = members_file.read(project, "user\noutsider\nOUT@example.org\nnew@example.org\n")
    assert [(row.line, row.what) for row in rows] == [(2, "error"), (3, "error"), (4, "invite")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"), (b"user,role\n", "no people"), (b"who,role\nx,\n", "no column 'who'"),
        (b"role\nviewer\n", "must name"),
        (b"user,e-mail\na,b\n", "Two columns"), (b"user\n" + b"x\n" * 501, "at most 500"), (b"user\na\0b\n", "no text"),
        (b'user\n"open\n', "no CSV"), (b"x" * 1_000_001, "larger than 1 MB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_list_of_people_is_refused_in_a_sentence(project, manager, page, browse, content, words):
    shown = browse(manager).post(page, {"file": SimpleUploadedFile("x.csv", content)})
    assert shown.status_code == 400 and words in shown.content.decode().replace("&#x27;", "'")


def test_a_project_can_be_handed_from_one_manager_to_another_in_one_file(project, manager, outsider):
    text = "user;role\nmanager;annotator\noutsider;manager\n"
    members_file.apply(project, manager, text)
    assert Membership.objects.get(user=outsider).role == "manager"
    assert Membership.objects.get(user=manager).role == "annotator"
