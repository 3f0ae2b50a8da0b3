"""Links that make whoever opens them a member."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from projects import accounts, invitations
from projects.errors import WrongState
from projects.models import Invitation, Membership, Project, Role, User
from tests.annotation.test_concurrency import at_once

NEW = {"username": "newcomer", "email": "n@example.org", "password": "a long enough phrase"}


@pytest.fixture
def made(project, manager):
    """(invitation, its page)."""
    invitation, token = invitations.invite(project, manager, Role.ANNOTATOR)
    return invitation, f"/join/{token}/"


def role(project, user):
    return Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()


def test_a_link_is_shown_once_and_only_its_hash_is_kept(project, manager, browse):
    url = f"/projects/{project.pk}/invitations/"
    answer = browse(manager).post(url, {"role": "reviewer", "places": 2, "days": 3, "note": "the lab"})
    token = re.search(r"/join/([\w-]+)/", answer.content.decode())[1]
    assert "no-store" in answer["Cache-Control"]
    assert token not in str(list(Invitation.objects.values()))
    page = browse(manager).get(url).content.decode()
    assert "the lab" in page and token not in page
    assert browse(manager).post(url, {"role": "king", "places": 0, "days": 1000}).status_code == 400


def test_a_person_with_an_account_joins(project, made, outsider, browse):
    invitation, url = made
    assert project.name in browse(outsider).get(url).content.decode()
    assert browse(outsider).post(url).status_code == 302
    assert role(project, outsider) == "annotator"


def test_a_new_person_makes_an_account_and_is_in(project, made):
    client = Client()
    assert client.post(made[1], NEW | {"password": "12345"}).status_code == 400
    assert not User.objects.filter(username="newcomer").exists()
    assert client.post(made[1], NEW).url == f"/projects/{project.pk}/"
    assert client.get(f"/projects/{project.pk}/").status_code == 200
    user = User.objects.get(username="newcomer")
    assert role(project, user) == "annotator" and user.check_password(NEW["password"]) and not user.is_staff


def test_the_name_of_somebody_else_is_taken_whatever_its_case(made, annotator):
    answer = Client().post(made[1], NEW | {"username": "Annotator"})
    assert answer.status_code == 400 and "taken" in answer.content.decode()


def test_a_member_keeps_the_role_and_takes_no_place(project, made, manager, browse):
    browse(manager).post(made[1])
    made[0].refresh_from_db()
    assert role(project, manager) == "manager" and made[0].used == 0


@pytest.mark.parametrize("how", ["revoked", "expired", "used up", "archived", "no manager", "closed"])
def test_a_link_that_does_not_hold_any_more_lets_nobody_in(project, made, manager, reviewer, outsider, admin_user, browse, how):
    invitation, url = made
    rows, now = Invitation.objects.filter(pk=invitation.pk), timezone.now()
    if how == "revoked":
        browse(manager).post(f"/projects/{project.pk}/invitations/", {"action": "revoke", "invitation": invitation.pk})
    elif how == "expired":
        rows.update(expires_at=now - timedelta(seconds=1))
    elif how == "used up":
        rows.update(used=1)
    elif how == "archived":
        Project.objects.filter(pk=project.pk).update(archived_at=now)
    elif how == "closed":
        accounts.set_active(admin_user, manager, False)
    else:
        Membership.objects.filter(user=manager).update(role="reviewer")
    assert browse(outsider).post(url).status_code == 409
    assert Client().post(url, NEW).status_code == 409
    assert role(project, outsider) is None and not User.objects.filter(username="newcomer").exists()


def test_only_a_manager_invites(project, reviewer):
    with pytest.raises(WrongState):
        invitations.invite(project, reviewer, Role.MANAGER)


def test_an_unknown_link_is_not_found(db):
    assert Client().get("/join/nothing/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_only_as_many_join_as_there_are_places():
    project = Project.objects.create(name="P")
    manager = User.objects.create(username="m", is_superuser=True)
    invitation, token = invitations.invite(project, manager, Role.ANNOTATOR, places=2)

    def one(user):
        try:
            return invitations.join(invitations.find(token), user)
        except WrongState:
            return False

    users = [User.objects.create(username=f"u{i}") for i in range(5)]
    found = at_once(5, lambda i: one(users[i]))
    assert sum(found) == 2 and Membership.objects.filter(project=project).count() == 2
