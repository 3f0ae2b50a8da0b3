"""One declaration of a setting, from which the form, the API's validation and the reference come."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from learning.engine.errors import SettingsError

_WANTED = {"int": "a whole number", "float": "a number", "bool": "true or false", "text": "a text"}
_TRUE, _FALSE = {"true", "on", "yes", "1"}, {"false", "off", "no", "0", ""}


def _number(value: float) -> str:
    """As people write it: 10,000,000 and 0.0001, not 1e+07 and 1e-04."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Parameter:
    """A typed, ranged setting of a registered class. `choices` are (value, label) pairs, for the kind "choice" alone."""

    name: str
    kind: Literal["int", "float", "bool", "choice", "text"]
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[Any, str], ...] = ()
    label: str = ""
    help: str = ""

    @property
    def allowed(self) -> str:
        """In words, for messages and help: "a whole number from 1 to 5"."""
        if self.kind == "choice":
            return "one of " + ", ".join(str(value) for value, _ in self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f"{_WANTED[self.kind]} from {_number(self.minimum)} to {_number(self.maximum)}"
        if self.minimum is not None:
            return f"{_WANTED[self.kind]}, at least {_number(self.minimum)}"
        if self.maximum is not None:
            return f"{_WANTED[self.kind]}, at most {_number(self.maximum)}"
        return _WANTED[self.kind]

    def clean(self, given: Any) -> Any:
        """The value in its type; what a form posts as a string is understood. Raises ValueError with what is allowed."""
        value = _CLEANERS[self.kind](self, given)
        too_small = self.minimum is not None and value is not None and value < self.minimum
        too_large = self.maximum is not None and value is not None and value > self.maximum
        if value is None or too_small or too_large:
            raise ValueError(f"Must be {self.allowed}; got {given!r}.")
        return value


def _clean_int(parameter: Parameter, given: Any) -> int | None:
    if isinstance(given, bool):
        return None
    try:
        value = int(given) if isinstance(given, str) else given
        return int(value) if value == int(value) else None
    except (ValueError, TypeError, OverflowError):
        return None


def _clean_float(parameter: Parameter, given: Any) -> float | None:
    if isinstance(given, bool):
        return None
    try:
        value = float(given)
    except (ValueError, TypeError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _clean_bool(parameter: Parameter, given: Any) -> bool | None:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in _TRUE | _FALSE:
        return given.lower() in _TRUE
    return None


def _clean_choice(parameter: Parameter, given: Any) -> Any:
    for value, _ in parameter.choices:
        if type(value) is type(given) and value == given or str(value) == given:
            return value
    return None


def _clean_text(parameter: Parameter, given: Any) -> str | None:
    return given if isinstance(given, str) else None


_CLEANERS = {"int": _clean_int, "float": _clean_float, "bool": _clean_bool, "choice": _clean_choice, "text": _clean_text}


def validate(settings: dict[str, Any], parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The complete settings, every default written out; "name", if there, is passed through.

    Raises SettingsError that names each field at fault, the value got and what is allowed.
    """
    known = {parameter.name: parameter for parameter in parameters}
    complete = {"name": settings["name"]} if "name" in settings else {}
    errors = {}
    for field in settings.keys() - known.keys() - {"name"}:
        errors[str(field)] = f"Unknown setting. The settings are: {', '.join(known) or 'none'}."
    for name, parameter in known.items():
        try:
            complete[name] = parameter.clean(settings[name]) if name in settings else parameter.default
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise SettingsError(errors)
    return complete
