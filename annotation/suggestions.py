"""The model's suggestion beside an item: off by default, since people agree with what they are shown.

It is shown where the strategy chose the item, and nowhere else: what starts, measures, compares or proves anything is answered
blind, and so is gold. Every fifth chosen item comes without it. So one can see how far people follow it, and an item of gold is
not known by its lack.
"""

from typing import Any
from zlib import crc32

from annotation.models import Annotation, Assignment, Purpose, Query
from projects.models import Item, Project, User

WITHHELD_ONE_IN = 5
# In place of what a client says that it showed, where it says nothing: what it was given.
AS_GIVEN = ""
_LOOKED_AT = 20_000  # answers, the latest


def label_names(project: Project) -> dict[int, str]:
    """By id, the labels that may be suggested now; none where the project shows no suggestions."""
    return dict(project.labels.filter(retired_at=None).values_list("pk", "name")) if project.show_suggestions else {}


def suggestion(query: Query | None, place: Assignment | None) -> int | None:
    """The label (id) that is suggested with this item to whoever holds this place, in a project that shows suggestions."""
    if query is None or place is None or place.slot is None or query.purpose != Purpose.QUERY:
        return None
    if crc32(str(query.pk).encode()) % WITHHELD_ONE_IN == 0:
        return None
    return query.prediction


def shown(project: Project, user: User, item: Item, place: Assignment | None, said: str | None, changes: bool) -> int | None:
    """The label that the person saw suggested when they answered. `said`: its name, as the client says; `changes`: it is not
    their first answer to the item, and who has seen a suggestion has seen it."""
    found = None
    if said == AS_GIVEN:
        found = suggestion(place.query, place) if place and project.show_suggestions else None
    elif said is not None and place and (suggested := suggestion(place.query, place)):
        found = suggested if project.labels.filter(pk=suggested, name=said).exists() else None
    if found is None and changes:
        earlier = Annotation.objects.filter(item=item, user=user, suggestion__isnull=False).order_by("-pk")
        found = earlier.values_list("suggestion", flat=True).first()
    return found


def followed(project: Project) -> dict[str, Any] | None:
    """{"shown", "agreed", "without", "agreed_without"}: of the latest answers to items that a strategy chose, how many were given
    beside a suggestion and how many agree with it, and the same of those that were asked without. None: none was ever shown."""
    answers = Annotation.objects.filter(project=project, current=True, skipped=False, gold=False, query__purpose=Purpose.QUERY)
    first = answers.filter(suggestion__isnull=False).order_by("pk").values_list("pk", flat=True).first()
    if first is None:
        return None
    rows = answers.filter(pk__gte=first, query__prediction__isnull=False).order_by("-pk")
    found = {"shown": 0, "agreed": 0, "without": 0, "agreed_without": 0}
    for value, suggested, predicted in rows.values_list("value", "suggestion", "query__prediction")[:_LOOKED_AT]:
        found["without" if suggested is None else "shown"] += 1
        found["agreed_without" if suggested is None else "agreed"] += value == (predicted if suggested is None else suggested)
    return found
