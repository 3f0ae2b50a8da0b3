"""What is done to people's accounts, and who may do it to whom."""

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from projects.models import User

# Without 0/O, 1/l/I: a password that is read out or copied from paper.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"


def new_password() -> str:
    """Generated, readable, 69 bits: three groups of four."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def may_manage(actor: User, person: User) -> bool:
    """Staff look after ordinary accounts; those of staff only a superuser, or else staff could take over an administrator's."""
    if actor.is_superuser:
        return True
    return actor.is_staff and not (person.is_staff or person.is_superuser)


def _require(actor: User, person: User) -> None:
    if not may_manage(actor, person):
        raise PermissionDenied("Only an administrator may change the account of a member of staff.")


@transaction.atomic
def create_person(actor: User, *, username: str, password: str = "", is_staff: bool = False, **names: str) -> tuple[User, str]:
    """The new account and its password (generated where none is given), to be changed at the first login."""
    if not actor.is_staff or (is_staff and not actor.is_superuser):
        raise PermissionDenied("Accounts are made by staff; accounts of staff by an administrator.")
    person = User(username=username, is_staff=is_staff, must_change_password=True, **names)
    password = password or new_password()
    validate_password(password, person)
    person.set_password(password)
    person.save()
    return person, password


@transaction.atomic
def reset_password(actor: User, person: User) -> str:
    """A generated password, to be changed at the next login. Sessions and REST token of the person end."""
    _require(actor, person)
    password = new_password()
    person.set_password(password)
    person.must_change_password = True
    person.save(update_fields=["password", "must_change_password"])
    revoke_token(person)
    return password


@transaction.atomic
def set_active(actor: User, person: User, active: bool) -> None:
    """A closed account cannot log in; what the person labelled stays, and stays theirs."""
    _require(actor, person)
    if person == actor and not active:
        raise PermissionDenied("You cannot close your own account: ask another administrator.")
    User.objects.filter(pk=person.pk).update(is_active=active)
    if not active:
        person.assignments.filter(state="leased").update(leased_until=timezone.now())  # free for the others
        person.reservations.all().delete()  # they would wait for ever
        revoke_token(person)


def set_staff(actor: User, person: User, staff: bool) -> None:
    if not actor.is_superuser or person == actor:
        raise PermissionDenied("Only another administrator may change who is staff.")
    User.objects.filter(pk=person.pk).update(is_staff=staff)


def token_of(person: User) -> str:
    """The person's REST token; empty where there is none."""
    from rest_framework.authtoken.models import Token

    return Token.objects.filter(user=person).values_list("key", flat=True).first() or ""


@transaction.atomic
def renew_token(person: User) -> str:
    from rest_framework.authtoken.models import Token

    revoke_token(person)
    return Token.objects.create(user=person).key


def revoke_token(person: User) -> None:
    from rest_framework.authtoken.models import Token

    Token.objects.filter(user=person).delete()
