"""Who works on a project, and that somebody always manages it."""

import threading

import pytest
from django.db import connection

from annotation.models import Annotation
from projects import project_actions
from projects.errors import WrongState
from projects.models import Dataset, Item, Membership, Role, User


def post(client, project, **fields):
    return client.post(f"/projects/{project.pk}/members/", fields, follow=True)


def roles(project) -> dict[str, str]:
    return dict(project.memberships.values_list("user__username", "role"))


def test_a_manager_adds_a_member(browse, manager, outsider, project):
    page = post(browse(manager), project, action="add", username="Outsider", role="annotator")
    assert b"outsider is annotator of this project now" in page.content
    assert roles(project) == {"manager": "manager", "outsider": "annotator"}


@pytest.mark.parametrize(("username", "words"), [("nobody", "There is no account"), ("closed", "is closed"), ("", "required")])
def test_who_cannot_be_added_is_said_beside_the_field(browse, manager, project, username, words):
    User.objects.create_user("closed", is_active=False)
    page = post(browse(manager), project, action="add", username=username, role="annotator")
    assert page.status_code == 400 and words in page.content.decode()


def test_a_member_is_not_added_twice(browse, manager, annotator, project):
    page = post(browse(manager), project, action="add", username="annotator", role="viewer")
    assert b"annotator is a member already, as annotator" in page.content
    assert roles(project)["annotator"] == "annotator"


def test_a_role_is_changed(browse, manager, annotator, project):
    membership = Membership.objects.get(user=annotator)
    post(browse(manager), project, action="role", membership=membership.pk, role="reviewer")
    assert roles(project)["annotator"] == "reviewer"


@pytest.mark.parametrize("fields", [{"action": "remove"}, {"action": "role", "role": "viewer"}])
def test_the_last_manager_stays(browse, manager, annotator, project, fields):
    membership = Membership.objects.get(user=manager)
    page = post(browse(manager), project, membership=membership.pk, **fields)
    assert b"A project needs a manager" in page.content
    assert roles(project)["manager"] == "manager"


def test_one_of_two_managers_may_go(browse, manager, annotator, project):
    Membership.objects.filter(user=annotator).update(role=Role.MANAGER)
    page = post(browse(manager), project, action="remove", membership=Membership.objects.get(user=manager).pk)
    assert page.redirect_chain[0][0] == "/"
    assert roles(project) == {"annotator": "manager"}


def test_a_member_of_another_project_is_out_of_reach(browse, manager, outsider, project):
    other = project_actions.create_project(outsider, name="Other")
    membership = Membership.objects.get(project=other)
    assert post(browse(manager), project, action="remove", membership=membership.pk).status_code == 404
    post(browse(manager), project, action="role", membership=membership.pk, role="viewer")
    assert roles(other) == {"outsider": "manager"}


def test_what_a_removed_annotator_did_stays(browse, manager, annotator, project):
    item = Item.objects.create(project=project, dataset=Dataset.objects.create(project=project), key="1", content="x")
    Annotation.objects.create(project=project, item=item, user=annotator, value=project.labels.first().pk, token="t")
    page = post(browse(manager), project, action="remove", membership=Membership.objects.get(user=annotator).pk)
    assert b"What they labelled stays" in page.content
    assert Annotation.objects.get().user == annotator
    assert browse(annotator).get(f"/projects/{project.pk}/").status_code == 404


def test_members_see_the_list_and_cannot_change_it(browse, annotator, viewer, project):
    page = browse(viewer).get(f"/projects/{project.pk}/members/")
    assert b"annotator" in page.content and b"Add a member" not in page.content
    assert post(browse(annotator), project, action="remove", membership=1).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_two_managers_who_step_down_at_once_leave_one(manager, annotator, project):
    Membership.objects.filter(user=annotator).update(role=Role.MANAGER)
    together, refused = threading.Barrier(2), []

    def step_down(user: User) -> None:
        membership = Membership.objects.get(user=user)
        together.wait()
        try:
            project_actions.remove_member(membership)
        except WrongState:
            refused.append(user)
        connection.close()

    threads = [threading.Thread(target=step_down, args=[user]) for user in (manager, annotator)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(refused) == 1 and project.memberships.filter(role=Role.MANAGER).count() == 1
