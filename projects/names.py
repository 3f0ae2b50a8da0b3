"""What people are called where a project hides from its reviewers who answered what (`Project.hide_names`).

Only managers know the names then; everybody else sees one stable letter per person, and their own name. Letters come from a
keyed hash of the person: from their order among the members, which every member sees, anybody could tell whose they are.
"""

from collections.abc import Iterable
from itertools import count
from string import ascii_uppercase

from django.utils.crypto import salted_hmac

from projects.models import Project, Role, User

_ONE = list(ascii_uppercase)
_TWO = [*_ONE, *(a + b for a in _ONE for b in _ONE)]
_TRIES_WITH_ONE = 8


def hides_names(project: Project) -> bool:
    """From whoever looks at it; without `.role` (a list over projects): from anybody."""
    return project.hide_names and getattr(project, "role", None) != Role.MANAGER


def names_of(project: Project, users: Iterable[int], reader: User | None = None) -> dict[int, str]:
    """{user id: what `reader` sees of their name}."""
    users = set(users)
    if not hides_names(project):
        return dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
    found = letters(project)
    names = {user: found.get(user) or f"Person {_long(project, user)}" for user in users}
    if reader is not None and reader.pk in names:
        names[reader.pk] = reader.get_username()
    return names


def letters(project: Project) -> dict[int, str]:
    """{member's user id: "Person K"}; who joins later changes nobody's letter."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for user in project.memberships.order_by("pk").values_list("user_id", flat=True):
        for attempt in count():
            choice = _ONE if attempt < _TRIES_WITH_ONE else _TWO
            letter = choice[_number(project, user, attempt) % len(choice)]
            if letter not in taken:
                break
            if len(taken) == len(_TWO):
                letter = _long(project, user)
                break
        taken.add(letter)
        found[user] = f"Person {letter}"
    return found


def _long(project: Project, user: int) -> str:
    """For who is no member (any more): it depends on nobody else, and no two people are likely to share it."""
    number, text = _number(project, user, -1), ""
    for _ in range(5):
        number, digit = divmod(number, len(_ONE))
        text += _ONE[digit]
    return text


def _number(project: Project, user: int, attempt: int) -> int:
    digest = salted_hmac("projects.names", f"{project.pk}:{user}:{attempt}", algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big")
