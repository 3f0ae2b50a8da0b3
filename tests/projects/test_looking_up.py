"""The look-ups that stand before every request are hand-written: they must find what the ORM finds, and nothing else."""

import pytest
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from alambic_site import authentication
from projects.access import access_project
from projects.models import Project, User


def _values(found) -> dict:
    return {field.attname: getattr(found, field.attname) for field in found._meta.concrete_fields}


def test_a_project_is_found_as_the_orm_finds_it(project, annotator):
    Project.objects.filter(pk=project.pk).update(
        archived_at=timezone.now(), overlap=0.25, hide_names=True, training={"n": [1, None]}
    )
    found = access_project(annotator, project.pk)
    assert _values(found) == _values(Project.objects.get(pk=project.pk))
    assert [type(value) for value in _values(found).values()] == [type(v) for v in _values(Project.objects.get()).values()]
    assert found.role == "annotator" and not found._state.adding
    found.name = "Another name"
    found.save()
    assert Project.objects.get().name == "Another name"


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, 10**40])
def test_a_number_that_no_project_has_is_a_404(annotator, number):
    assert _client(annotator).get(f"/api/projects/{number}/labels/").status_code == 404


def test_a_token_is_who_it_was_given_to(project, annotator, colleague):
    User.objects.filter(pk=annotator.pk).update(preferences={"dark": [True, None]}, last_login=timezone.now())
    key = Token.objects.create(user=annotator).key
    Token.objects.create(user=colleague)
    user, token = authentication.Token().authenticate_credentials(key)
    assert _values(user) == _values(User.objects.get(pk=annotator.pk))
    assert _values(token) == _values(Token.objects.get(pk=key))


def test_a_token_that_is_gone_or_of_nobody_active_opens_nothing(project, annotator):
    client = _client(annotator)
    url = f"/api/projects/{project.pk}/labels/"
    assert client.get(url).status_code == 200
    User.objects.filter(pk=annotator.pk).update(is_active=False)
    assert client.get(url).status_code == 401  # at once: nothing is remembered
    User.objects.filter(pk=annotator.pk).update(is_active=True)
    Token.objects.all().delete()
    answer = client.get(url)
    assert answer.status_code == 401 and answer.json()["detail"] == "Invalid token."


def _client(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client
