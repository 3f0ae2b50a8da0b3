"""The section of the account page that is about the labelling page: projects may not import annotation, a template may."""

from django import template

from annotation.preferences import ACTIONS, DEFAULT_KEYS, chosen_keys, preferences_of
from projects.models import User

register = template.Library()


@register.inclusion_tag("annotation/_preferences.html")
def labelling_preferences(user: User, csrf_token: str) -> dict:
    chosen = chosen_keys(user)
    rows = [
        {"action": action, "name": name, "key": chosen.get(action, ""), "usual": " or ".join(DEFAULT_KEYS[action])}
        for action, name in ACTIONS.items()
    ]
    return {"rows": rows, "left_handed": preferences_of(user)["left_handed"], "csrf_token": csrf_token}
