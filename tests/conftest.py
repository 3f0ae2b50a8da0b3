"""People, a project and a real Redis, for every test."""

import shutil
import sys

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from alambic_site.embedded import RedisServer
from projects.models import Label, Membership, Project, Role, User

_KEEPING = ["learning.analysis.report", "annotation.progress", "annotation.desk"]


@pytest.fixture(scope="session", autouse=True)
def redis_server():
    """A real Redis of this test process alone; its folder and all of VAR_DIR go with the session."""
    server = RedisServer(settings.REDIS_SOCKET.parent, settings.REDIS_SOCKET)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(settings.VAR_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def empty_queues(redis_server):
    """Every test begins with empty queues, in this process' own Redis."""
    import redis

    redis.Redis(unix_socket_path=str(redis_server.socket)).flushdb()
    for name in _KEEPING:  # by the ids of projects and runs, which come again after a rollback
        if name in sys.modules:
            sys.modules[name].forget()


def _person(username: str, **kwargs) -> User:
    return User.objects.create_user(username, password="secret", **kwargs)


@pytest.fixture
def project(db) -> Project:
    project = Project.objects.create(name="Questions", modality="text")
    for position, (name, color) in enumerate([("ham", "#1f77b4"), ("spam", "#d55e00")], 1):
        Label.objects.create(project=project, name=name, color=color, hotkey=str(position), position=position)
    return project


@pytest.fixture
def manager(project) -> User:
    user = _person("manager")
    Membership.objects.create(project=project, user=user, role=Role.MANAGER)
    return user


@pytest.fixture
def annotator(project) -> User:
    user = _person("annotator")
    Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
    return user


@pytest.fixture
def colleague(project) -> User:
    """A second annotator of the same project."""
    user = _person("colleague")
    Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
    return user


@pytest.fixture
def reviewer(project) -> User:
    user = _person("reviewer")
    Membership.objects.create(project=project, user=user, role=Role.REVIEWER)
    return user


@pytest.fixture
def viewer(project) -> User:
    user = _person("viewer")
    Membership.objects.create(project=project, user=user, role=Role.VIEWER)
    return user


@pytest.fixture
def outsider(db) -> User:
    """An account that is a member of nothing here."""
    return _person("outsider")


@pytest.fixture
def admin_user(db) -> User:
    """The superuser; a member of nothing, manages everything."""
    return User.objects.create_superuser("admin", password="secret")


@pytest.fixture
def browse():
    """A logged-in Django test client of a person: `browse(annotator).get("/")`."""

    def client_of(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return client_of


@pytest.fixture
def api():
    """A REST client of a person (None: nobody): `api(manager).get("/api/projects/")`."""

    def client_of(user: User | None) -> APIClient:
        client = APIClient()
        if user:
            client.force_authenticate(user)
        return client

    return client_of
