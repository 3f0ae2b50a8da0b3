"""Labels with paths as names, like animal/dog: for a page, in groups by the first part of the path."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from projects.models import Label

FEWEST = 2  # a group of one label is no group


@dataclass
class Group:
    """Labels under a heading; without a `name` those that have none. Each label has `shown`: what its button says."""

    name: str
    labels: list[Label] = field(default_factory=list)


def grouped(labels: Sequence[Label]) -> list[Group]:
    """In the order of the labels, a group where its first label stands; neighbours without a group are together."""
    sizes: dict[str, int] = {}
    for label in labels:
        if first := _first(label.name):
            sizes[first] = sizes.get(first, 0) + 1
    groups: list[Group] = []
    by_name: dict[str, Group] = {}
    for label in labels:
        first = _first(label.name)
        name = first if sizes.get(first, 0) >= FEWEST else ""
        label.shown = label.name.split("/", 1)[1].strip() if name else label.name
        group = by_name.get(name) if name else (groups[-1] if groups and not groups[-1].name else None)
        if group is None:
            group = Group(name)
            groups.append(group)
            if name:
                by_name[name] = group
        group.labels.append(label)
    return groups


def _first(name: str) -> str:
    """The first part of the path; "" where the name is none."""
    first, slash, rest = name.partition("/")
    return first.strip() if slash and rest.strip() else ""
