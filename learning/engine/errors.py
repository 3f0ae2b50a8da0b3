"""What can go wrong in the engine. Everything it raises on purpose is an `EngineError`: the data or the settings are at fault."""

from collections.abc import Iterable


class EngineError(Exception):
    """Base of all errors that the engine raises on purpose; the message is for people."""


class EmptyPool(EngineError):
    """There is nothing left to choose from."""


class MissingClass(EngineError):
    """Fewer than two classes are labelled, so no classifier can be trained."""


class FeatureError(EngineError):
    """The items cannot be turned into features as asked."""


class UnknownName(EngineError):
    """A registry does not know the name; the message lists those that it knows."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        known = ", ".join(self.known) or "none"
        super().__init__(f"Unknown name {name!r} among the {kind.replace('_', ' ')}; known are: {known}.")


class SettingsError(EngineError):
    """Settings that cannot be used: `errors` maps each field to what is wrong with it."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{field}: {text}" for field, text in errors.items()))
