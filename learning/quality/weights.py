"""How much each person's answer weighs where people disagree (Dawid & Skene 1979, the one-coin form)."""

import json
from collections import Counter
from math import log

from annotation.models import Annotation
from projects.models import Project

# The most recent answers tell how reliable people are; more would make a disagreement slow, for it is settled in a submit.
MOST_ANSWERS = 10_000
# With fewer answers than these from a person, the estimate says more about chance than about them.
LEAST_ANSWERS = 10
_SUREST = 0.99  # nobody is beyond all doubt


def weights(project: Project) -> dict[int, float]:
    """{user id: log-odds of being right, from 0 up}; empty while there is too little to tell: then all count alike.

    Somebody with fewer than LEAST_ANSWERS weighs as much as the mean of the others.
    """
    from learning.engine.crowd import dawid_skene  # late: a web process needs numpy only where people disagree

    found = Annotation.objects.filter(project=project, current=True, skipped=False, gold=False).order_by("-pk")
    rows = list(found.values_list("item_id", "user_id", "value")[:MOST_ANSWERS])
    values = {text: code for code, text in enumerate(sorted({json.dumps(value, sort_keys=True) for _, _, value in rows}))}
    given = Counter(user for _, user, _ in rows)
    known = [user for user, n in given.items() if n >= LEAST_ANSWERS]
    if len(values) < 2 or len(known) < 2:
        return {}
    items = {item: code for code, item in enumerate(dict.fromkeys(item for item, _, _ in rows))}
    users = {user: code for code, user in enumerate(given)}
    model = dawid_skene(
        [items[item] for item, _, _ in rows],
        [users[user] for _, user, _ in rows],
        [values[json.dumps(value, sort_keys=True)] for _, _, value in rows],
        n_items=len(items), n_annotators=len(users), n_classes=len(values), one_coin=True,
    )  # fmt: skip
    weight = {user: _log_odds(model.accuracies[users[user]], len(values)) for user in known}
    mean = sum(weight.values()) / len(weight)
    return {user: weight.get(user, mean) for user in given}


def _log_odds(accuracy: float, n_classes: int) -> float:
    accuracy = min(max(accuracy, 1 / n_classes), _SUREST)
    return log(accuracy * (n_classes - 1) / (1 - accuracy))


def give_weights(sender, project: Project, **kwargs) -> dict[int, float]:
    """For annotation, which settles an item of a project with the rule `weighted`."""
    return weights(project)
