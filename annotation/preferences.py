"""What a person has chosen for the labelling page: the side of the hand, and the keys of what is done on every page.

A label's key always comes first: in a project where a label has a letter, that letter is the label's (static/annotation/keys.js).
"""

from projects.models import User

# The first key is what the page prints; the letters are those that labels get last (projects.labels.PAGE_LETTERS).
DEFAULT_KEYS: dict[str, list[str]] = {
    "undo": ["Backspace", "z"],
    "skip": ["-", "s"],
    "flag": ["!", "f"],
    "comment": ["+", "c"],
    "mine": ["e", ","],
    "guidelines": ["."],
    "help": ["?"],
}


def keys_of(user: User) -> dict[str, list[str]]:
    """{action: its keys as `event.key` gives them}, the ones that the user chose before the ones that everybody has."""
    return {action: list(keys) for action, keys in DEFAULT_KEYS.items()}
