"""Named classes: the built-in ones, those that installed packages offer, and those that a site names in its settings."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points

from learning.engine.errors import EngineError, UnknownName

logger = logging.getLogger(__name__)


class Registry:
    """Classes by name. Each has `label`, `help` and `parameters`; `register` also sets its `name`.

    Installed packages add to it by an entry point of the group "alambic.<kind>", loaded once, on first use. One that cannot be
    loaded is logged, kept in `broken` (where it came from -> what happened) and left out: it must not take the site down.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.broken: dict[str, str] = {}
        self._classes: dict[str, type] = {}
        self._entry_points_loaded = False

    def register(self, name: str) -> Callable[[type], type]:
        """Decorator. A second class of the same name raises EngineError."""

        def add(cls: type) -> type:
            if name in self._classes:
                raise EngineError(f"{name!r} is already registered among the {self.kind}: {self._classes[name]!r}.")
            cls.name = name
            for attribute in ("label", "help"):
                if not hasattr(cls, attribute):
                    setattr(cls, attribute, name.replace("_", " ").capitalize() if attribute == "label" else "")
            if not hasattr(cls, "parameters"):
                cls.parameters = ()
            self._classes[name] = cls
            return cls

        return add

    def get(self, name: str) -> type:
        """The class; raises UnknownName, which lists the known names."""
        self._load_entry_points()
        try:
            return self._classes[name]
        except (KeyError, TypeError):
            raise UnknownName(self.kind, name, self._classes) from None

    def names(self) -> list[str]:
        """In the order of registration, or as `put_first` says."""
        self._load_entry_points()
        return list(self._classes)

    def put_first(self, *names: str) -> None:
        """These come first in lists, in this order; the others follow as they were registered."""
        self._classes = {name: self._classes[name] for name in names} | self._classes

    def __iter__(self) -> Iterator[type]:
        self._load_entry_points()
        return iter(list(self._classes.values()))

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __len__(self) -> int:
        return len(self.names())

    @contextmanager
    def temporarily(self, name: str, cls: type) -> Iterator[type]:
        """Registered (or replaced) within the block only; for tests and notebooks."""
        before = dict(self._classes)
        self._classes.pop(name, None)
        try:
            yield self.register(name)(cls)
        finally:
            self._classes = before

    def load_dotted(self, paths: Iterable[str]) -> None:
        """Register the classes at these dotted paths, under their attribute `name`, or else the class's own name."""
        for path in paths:
            self._load(path, lambda path=path: _import(path))

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        self._entry_points_loaded = True
        for point in entry_points(group=f"alambic.{self.kind}"):
            origin = f"{point.dist.name}: {point.value}" if point.dist else point.value
            self._load(origin, point.load, name=point.name)

    def _load(self, origin: str, load: Callable[[], type], name: str | None = None) -> None:
        try:
            cls = load()
            name = name or getattr(cls, "name", None) or cls.__name__
            if self._classes.get(name) is not cls:
                self.register(name)(cls)
        except Exception as error:  # noqa: BLE001 - somebody else's code: whatever it raises, the site goes on without it
            self.broken[origin] = f"{type(error).__name__}: {error}"
            logger.exception("Cannot load %s for the %s", origin, self.kind)


def _import(path: str) -> type:
    module, _, attribute = path.rpartition(".")
    return getattr(import_module(module), attribute)
