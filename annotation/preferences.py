"""What a person has chosen for the labelling page: the side of the hand, and the keys of what is done on every page.

User.preferences: {"left_handed": bool, "keys": {action: key}}, only what differs from the default. A label's key always comes
first: in a project where a label has a letter, that letter is the label's (static/annotation/keys.js).
"""

from typing import Any

from django.db import transaction

from projects.models import User

# The first key is what the page prints; the letters are those that labels get last (projects.labels.PAGE_LETTERS).
DEFAULT_KEYS: dict[str, list[str]] = {
    "undo": ["Backspace", "z"],
    "skip": ["-", "s"],
    "flag": ["!", "f"],
    "comment": ["+", "c"],
    "mine": ["e", ","],
    "guidelines": ["."],
    "highlights": [":"],
    "help": ["?"],
    "zoom_in": [">"],
    "zoom_out": ["<"],
    "zoom_fit": ["="],
}
ACTIONS = {
    "undo": "Undo", "skip": "Skip", "flag": "Flag", "comment": "Comment", "mine": "My answers", "guidelines": "Guidelines",
    "highlights": "Marked words",
    "help": "Help", "zoom_in": "Zoom in", "zoom_out": "Zoom out", "zoom_fit": "Whole image",
}  # fmt: skip
NAMED = {"backspace": "Backspace", "delete": "Delete", "insert": "Insert"}


class PreferenceRefused(ValueError):
    """A choice that cannot be; `field` names it as REST does."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def preferences_of(user: User) -> dict[str, Any]:
    """{"left_handed": bool, "keys": {action: its keys as `event.key` gives them}}, complete."""
    return {"left_handed": user.preferences.get("left_handed") is True, "keys": _all_keys(chosen_keys(user))}


def chosen_keys(user: User) -> dict[str, str]:
    """{action: key}, only the ones that this user has set."""
    return {action: key for action, key in user.preferences.get("keys", {}).items() if action in ACTIONS}


@transaction.atomic
def change_preferences(user: User, *, left_handed: Any = None, keys: Any = None) -> dict[str, Any]:
    """Change what is given; a key of "" is the default again. Gives preferences_of(user). Raises PreferenceRefused."""
    user.preferences = User.objects.select_for_update().values_list("preferences", flat=True).get(pk=user.pk)
    changed = dict(user.preferences)
    if left_handed is not None:
        if not isinstance(left_handed, bool):
            raise PreferenceRefused("Must be true or false.", "left_handed")
        changed["left_handed"] = left_handed
    if keys is not None:
        if not isinstance(keys, dict):
            raise PreferenceRefused('Must be an object, like {"skip": "x"}.', "keys")
        given = {_action(action): _key(action, key) for action, key in keys.items()}
        changed["keys"] = {action: key for action, key in (chosen_keys(user) | given).items() if key}
        _refuse_collisions(_all_keys(changed["keys"]))
    user.preferences = changed
    user.save(update_fields=["preferences"])
    return preferences_of(user)


def _all_keys(chosen: dict[str, str]) -> dict[str, list[str]]:
    """The chosen key takes the place of the letter; the sign stays, for projects where a label has what was chosen."""
    return {
        action: [chosen[action], *(key for key in keys if not key.isalpha() or len(key) > 1)] if action in chosen else list(keys)
        for action, keys in DEFAULT_KEYS.items()
    }


def _action(action: str) -> str:
    if action not in ACTIONS:
        raise PreferenceRefused(f"There is no action {action!r}: choose among {', '.join(ACTIONS)}.", "keys")
    return action


def _key(action: str, key: Any) -> str:
    key = key.strip() if isinstance(key, str) else None
    if key == "":
        return ""
    if key and key.lower() in NAMED:
        return NAMED[key.lower()]
    if key is None or len(key) != 1 or not key.isprintable():
        raise PreferenceRefused(f"{ACTIONS[action]}: a key is one character, or Backspace, Delete or Insert.", "keys")
    if key.isdigit() or key == "/":
        kept = "digits are the labels'" if key.isdigit() else "/ goes to the search among many labels"
        raise PreferenceRefused(f"{ACTIONS[action]}: {kept}. Choose another key.", "keys")
    return key.lower()


def _refuse_collisions(keys: dict[str, list[str]]) -> None:
    owner: dict[str, str] = {}
    for action, own in keys.items():
        for key in dict.fromkeys(own):
            if key in owner:
                raise PreferenceRefused(
                    f"{ACTIONS[action]} and {ACTIONS[owner[key]]} cannot both have the key {key!r}. Choose another.", "keys"
                )
            owner[key] = action
