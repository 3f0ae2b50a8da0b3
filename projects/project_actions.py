"""What is done to a project and its members: one function per intent, each one transaction."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from projects.errors import WrongState
from projects.labels import ensure_labels
from projects.models import Guidelines, Label, Membership, Modality, Project, Role, User


@transaction.atomic
def create_project(user: User, *, labels: Iterable[str] = (), **fields) -> Project:
    """A project that its maker manages. `fields`: name, modality, task, description, guidelines, annotators_per_item."""
    project = Project.objects.create(created_by=user, **fields)
    if project.guidelines:
        Guidelines.objects.create(project=project, number=1, text=project.guidelines, created_by=user)
    Membership.objects.create(project=project, user=user, role=Role.MANAGER)
    ensure_labels(project, labels)
    return project


@transaction.atomic
def archive_project(project: Project) -> None:
    """Nothing changes in an archived project until it is restored, so no run may be under way."""
    if project.runs.filter(status__in=["queued", "running", "paused"]).exists():
        raise WrongState("A run of this project is under way: stop it first, then archive the project.")
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now())


def restore_project(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(archived_at=None)


def may_delete(project: Project) -> bool:
    """People's work is never deleted; a demo holds nothing that `manage.py demo` cannot make again."""
    return project.is_demo or not project.annotations.exists()


def delete_project(project: Project) -> None:
    """The project with all that belongs to it, its files too. A worker that is busy with it finds its row gone and ends."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if not may_delete(project):
            raise WrongState("People have labelled in this project: archive it instead, so that their work is kept.")
        files = _files_of(project)
        # From the leaves up, each one statement: the cascade would load every row to find what hangs on it, and would name
        # more of them in one statement than SQLite takes.
        assignments = project.queries.model._meta.get_field("assignments").related_model.objects.filter(item__project=project)
        for rows in (assignments, project.verdicts.all(), project.annotations.all(), project.queries.all(), project.items.all()):
            rows._raw_delete(rows.db)
        project.runs.all().delete()
        project.datasets.all().delete()
        project.delete()
        transaction.on_commit(lambda: _delete_files(files))


def _files_of(project: Project) -> list[str]:
    names = [name for row in project.datasets.values_list("file", "labels_file", "report") for name in row]
    names += [
        name for row in project.runs.values_list("trials__model_file__file", "trials__model_file__predictions") for name in row
    ]
    if project.modality == Modality.IMAGE:
        names += project.items.values_list("content", flat=True)
    return [name for name in names if name]


def _delete_files(names: list[str]) -> None:
    for name in names:
        if not PurePosixPath(name).is_absolute():
            default_storage.delete(name)


@transaction.atomic
def move_label(label: Label, step: int) -> None:
    """One place up (-1) or down (1) in the list, which is the order of the buttons."""
    Project.objects.select_for_update().get(pk=label.project_id)
    labels = list(Label.objects.filter(project=label.project_id))
    here = labels.index(label)
    there = max(0, min(len(labels) - 1, here + step))
    labels.insert(there, labels.pop(here))
    for position, other in enumerate(labels):
        other.position = position
    Label.objects.bulk_update(labels, ["position"])


@transaction.atomic
def add_member(project: Project, user: User, role: Role) -> Membership:
    membership, made = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
    if not made:
        raise WrongState(f"{user} is a member already, as {membership.get_role_display().lower()}.")
    return membership


@transaction.atomic
def change_role(membership: Membership, role: Role) -> None:
    if role != Role.MANAGER:
        _keep_a_manager(membership)
    if role == Role.VIEWER:
        _end_reservations(membership)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    membership.role = role


def set_skills(membership: Membership, skills: Iterable[str]) -> None:
    """The tags of a member: each once, whatever its case, as it is written first."""
    tags: dict[str, str] = {}
    for skill in skills:
        if skill.strip():
            tags.setdefault(skill.strip().lower(), skill.strip())
    membership.skills = list(tags.values())
    Membership.objects.filter(pk=membership.pk).update(skills=membership.skills)


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """What the person labelled stays, and stays theirs; what they had on the screen is free for the others."""
    _keep_a_manager(membership)
    membership.user.assignments.filter(item__project=membership.project_id, state="leased").update(leased_until=timezone.now())
    _end_reservations(membership)
    membership.delete()


def _end_reservations(membership: Membership) -> None:
    """What was meant for somebody who cannot label any more would wait for ever."""
    membership.user.reservations.filter(project=membership.project_id).delete()


def _keep_a_manager(membership: Membership) -> None:
    # The lock makes two managers who step down at the same moment take turns.
    Project.objects.select_for_update().get(pk=membership.project_id)
    membership.refresh_from_db()
    others = Membership.objects.filter(project=membership.project_id, role=Role.MANAGER).exclude(pk=membership.pk)
    if membership.role == Role.MANAGER and not others.exists():
        raise WrongState("A project needs a manager: make somebody else a manager first.")
