"""What the REST views of labelling, review and handing out share: who may come in, the parts of a request, errors as answers."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.views import APIView

from alambic_site.api import Conflict
from projects import numbers
from projects.access import access_project
from projects.errors import Refused, WrongState
from projects.models import Project, Role
from projects.task_types import InvalidValue

T = TypeVar("T")


def attempt(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Its result; what cannot be meant is 400 and names the field, a state that forbids it 409."""
    try:
        return function(*args, **kwargs)
    except Refused as error:
        raise ValidationError({error.field: [str(error)]}) from error
    except InvalidValue as error:
        raise ValidationError({"value": [str(error)]}) from error
    except WrongState as error:
        raise Conflict(str(error)) from error


def whole(data: dict, field: str, default: int | None, low: int, high: int) -> int | None:
    """A whole number of the request, or a 400 that names the field."""
    value = data.get(field, default)
    if value is None or value == "":
        return default
    number = None if isinstance(value, bool | float) else numbers.whole(str(value).strip())
    if number is None or not low <= number <= high:
        raise ValidationError({field: [f"Must be a whole number from {low} to {high}."]})
    return number


def id_in(data: dict, field: str) -> int | None:
    return whole(data, field, None, 1, 2**63 - 1)


def text(data: dict, field: str, limit: int) -> str:
    value = data.get(field) or ""
    if not isinstance(value, str):
        raise ValidationError({field: ["Must be a text."]})
    if len(value) > limit:
        raise ValidationError({field: [f"Must have at most {limit} characters; this has {len(value)}."]})
    return value


def flag(data: dict, field: str) -> bool:
    value = data.get(field, False)
    if not isinstance(value, bool):
        raise ValidationError({field: ["Must be true or false."]})
    return value


def seconds_in(data: dict) -> float | None:
    value = data.get("seconds")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValidationError({"seconds": ["Must be a number of seconds."]})
    return None if value is None else float(min(value, 10**9))


def time_in(data: dict, field: str) -> datetime | None:
    value = data.get(field)
    if value in (None, ""):
        return None
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is not None and timezone.is_aware(found):
        with suppress(OverflowError):  # in the year 1 or 9999 there may be no such time
            return found.astimezone(UTC)
    raise ValidationError({field: ["Must be a time with its zone, like 2030-01-31T12:00:00Z."]})


class ProjectView(APIView):
    """A view of one project's labelling: who may come in, and the request's body as a dict."""

    minimum = Role.ANNOTATOR
    writes = True

    def project(self) -> Project:
        return access_project(self.request.user, self.kwargs["project_id"], self.minimum, writes=self.writes)

    def body(self) -> dict:
        if not isinstance(self.request.data, dict):
            raise ValidationError({"detail": ["The body must be a JSON object."]})
        data = self.request.data
        meant_for = id_in(data, "user")
        if meant_for is not None and meant_for != self.request.user.pk:
            name = self.request.user.get_username()
            raise Conflict(f"This was written by another person: you are logged in as {name} now. Log in as before to send it.")
        return data
