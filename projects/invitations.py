"""Links that make whoever opens them a member. Only the hash of a link's token is kept: who reads the database cannot join."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from projects.errors import WrongState
from projects.models import Invitation, Membership, Project, Role, User

MAX_DAYS = 90
MAX_PLACES = 500


def invite(project: Project, user: User, role: Role, *, places: int = 1, days: int = 7, note: str = "") -> tuple[Invitation, str]:
    """An invitation and its token, which cannot be had again."""
    if not _manages(project.pk, user):
        raise WrongState("Only a manager of the project can invite.")
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        project=project, role=role, places=places, note=note.strip()[:120], token_hash=_hash(token), created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    return invitation, token


def revoke(project: Project, invitation_id: int) -> bool:
    return project.invitations.filter(pk=invitation_id, revoked_at=None).update(revoked_at=timezone.now()) == 1


def find(token: str) -> Invitation | None:
    """The invitation of this token, whatever its state; None: there was never one."""
    return Invitation.objects.select_related("project", "created_by").filter(token_hash=_hash(token)).first()


def state(invitation: Invitation) -> str:
    """ "open", or why nobody can use it any more."""
    if invitation.revoked_at:
        return "revoked"
    if invitation.expires_at <= timezone.now():
        return "expired"
    return "open" if invitation.used < invitation.places else "used up"


def check(invitation: Invitation) -> None:
    """Raises WrongState with the reason for which it lets nobody in."""
    found = state(invitation)
    if found != "open":
        raise WrongState(f"This invitation is {found}. Ask whoever sent it for a new one.")
    if invitation.project.archived_at:
        raise WrongState("The project is archived: nobody can join it now.")
    # A link outlives its maker's role; it must not give what its maker could not give any more.
    if not _manages(invitation.project_id, invitation.created_by):
        raise WrongState("Who made this invitation is no manager of the project any more. Ask for a new one.")


def join(invitation: Invitation, user: User) -> bool:
    """Make this person a member and take one place. False: a member already, with the role that they had; no place is taken.

    Raises WrongState. Two who come at once for the last place: the conditional UPDATE lets one of them in.
    """
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=invitation.project_id)
        if Membership.objects.filter(project=invitation.project_id, user=user).exists():
            return False
        invitation.refresh_from_db()
        check(invitation)
        if Invitation.objects.filter(pk=invitation.pk, used__lt=F("places")).update(used=F("used") + 1) != 1:
            raise WrongState("This invitation is used up. Ask whoever sent it for a new one.")
        Membership.objects.create(project=invitation.project, user=user, role=invitation.role)
        return True


def join_as_new(invitation: Invitation, username: str, email: str, password: str) -> User:
    """A new account that is a member, or none: who finds no place gets no account either. Raises WrongState."""
    with transaction.atomic():
        user = User.objects.create_user(username, email=email, password=password)
        join(invitation, user)
        return user


def _manages(project_id: int, user: User | None) -> bool:
    if user is None or not user.is_active:
        return False
    return user.is_superuser or Membership.objects.filter(project=project_id, user=user, role=Role.MANAGER).exists()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
