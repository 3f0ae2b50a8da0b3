"""What a request's body may hold."""

import re
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_HALF = re.compile("[\ud800-\udfff]")


class Json(JSONParser):
    """JSON without halves of characters, which no database stores: half an emoji in a comment is a 400, not a 500."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: dict | None = None) -> Any:
        found = super().parse(stream, media_type, parser_context)
        if _has_half(found):
            raise ParseError("A text holds half a character (one half of a surrogate pair, like \\ud83d), which is none.")
        return found


def _has_half(value: Any) -> bool:
    if isinstance(value, str):
        return not value.isascii() and _HALF.search(value) is not None
    if isinstance(value, dict):
        return any(_has_half(key) or _has_half(part) for key, part in value.items())
    return isinstance(value, list) and any(map(_has_half, value))
