"""Labels: their colours and keys, and what may become of one that is in use."""

import string
from collections.abc import Iterable

from django.db.models import Max

from projects.models import Label, Project

# Ten colours that stay apart for colour-blind eyes (after Okabe and Ito 2008, and Tol 2021); then they repeat, and the name
# and the key, which are always printed, tell the labels apart.
COLORS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8f7700", "#882255", "#44aa99", "#6a51a3"]
HOTKEYS = "1234567890" + string.ascii_lowercase


def ensure_labels(project: Project, names: Iterable[str]) -> dict[str, int]:
    """The ids of the labels of these names; those that the project does not have are made, in the order given."""
    existing = dict(project.labels.values_list("name", "pk"))
    missing = [name for name in dict.fromkeys(names) if name not in existing]
    if missing:
        taken = set(project.labels.exclude(hotkey="").values_list("hotkey", flat=True))
        start = (project.labels.aggregate(last=Max("position"))["last"] or 0) + 1
        keys = assign_hotkeys(missing, taken)
        made = [
            Label(project=project, name=name, hotkey=key, position=start + i, color=COLORS[(len(existing) + i) % len(COLORS)])
            for i, (name, key) in enumerate(zip(missing, keys, strict=True))
        ]
        Label.objects.bulk_create(made)
        existing = dict(project.labels.values_list("name", "pk"))
    return existing


def assign_hotkeys(names: list[str], taken: set[str]) -> list[str]:
    """One key per name, "" when they run out. A label that is a single digit or letter gets that key: 7 is pressed as 7."""
    taken = set(taken)
    keys = {}
    for name in names:
        if len(name) == 1 and name.lower() in HOTKEYS and name.lower() not in taken:
            keys[name] = name.lower()
            taken.add(name.lower())
    free = iter([key for key in HOTKEYS if key not in taken])
    return [keys.get(name) or next(free, "") for name in names]
