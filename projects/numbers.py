"""Whole numbers in what a browser or a program sends."""


def whole(text: object) -> int | None:
    """The number that digits, and nothing else, write; None for anything else, also for one that no database could look up.

    `str.isdigit` alone is no test: "²" passes it and `int` refuses it, as it refuses more than 4,300 digits.
    """
    text = str(text)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
