"""Named classes: the built-in ones, those that installed packages offer, and those that a site names in its settings."""

import logging
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from learning.engine.errors import EngineError, UnknownName
from learning.engine.parameters import Parameter, validate

logger = logging.getLogger(__name__)

# What a class of each kind must be able to do, and the attributes without which a page could not show it.
_METHODS = {
    "strategies": ("select",),
    "multilabel_strategies": ("select",),
    "learners": ("build", "fit"),
    "features": ("build",),
    "criteria": ("check",),
}
_NEEDS = {"proba", "features", "model", "learner"}
_MODALITIES = {"text", "image", "table"}
# Names stand in addresses, in names of form fields and in columns of 60 characters.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class Registry:
    """Classes by name. Each has `label`, `help` and `parameters`; `register` also sets its `name`.

    Installed packages add to it by an entry point of the group "alambic.<kind>", loaded once, on first use. One that cannot be
    loaded is logged, kept in `broken` (where it came from -> what happened) and left out: it must not take the site down.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.broken: dict[str, str] = {}
        self.plugins: dict[str, str] = {}  # name -> where it came from
        self._classes: dict[str, type] = {}
        self._entry_points_loaded = False

    def register(self, name: str) -> Callable[[type], type]:
        """Decorator. A second class of the same name raises EngineError."""

        def add(cls: type) -> type:
            if name in self._classes:
                raise EngineError(f"{name!r} is already registered among the {self.kind}: {self._classes[name]!r}.")
            self._classes[name] = complete(cls, name)
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
            if not isinstance(cls, type):
                raise EngineError(f"{cls!r} is no class.")
            name = name or own_name(cls)
            if self._classes.get(name) is not cls:
                if not is_built_in(cls):
                    self._examine(cls, name)
                self.register(name)(cls)
                self.plugins[name] = origin
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody else's code raises, the site goes on without it
            self.broken[origin] = reason(error)
            logger.warning("Cannot load %s for the %s: %s", origin, self.kind, self.broken[origin])

    def _examine(self, cls: type, name: str) -> None:
        if wrong := problems(cls, self.kind, name):
            raise EngineError(" ".join(wrong))
        label = vars(cls).get("label")
        if any(other.label == label for other in self._classes.values() if label):
            raise EngineError(f"The label {label!r} is taken: people could not tell the two apart. Choose another.")


def own_name(cls: type) -> str:
    """The name under which a plug-in registers: its own attribute `name` (not one it inherits), or else that of the class."""
    return vars(cls).get("name") or cls.__name__


def complete(cls: type, name: str) -> type:
    """The class, with its name and whatever the form needs and it does not say."""
    cls.name = name
    # Not what it inherits: a subclass of a built-in class would stand in the form under that one's label.
    says = vars(cls) if not is_built_in(cls) else dir(cls)
    if "label" not in says:
        cls.label = name.replace("_", " ").capitalize()
    if not hasattr(cls, "help"):
        cls.help = ""
    if not hasattr(cls, "parameters"):
        cls.parameters = ()
    return cls


def problems(cls: type, kind: str, name: str) -> list[str]:
    """What keeps a class from being offered in the form, one sentence each."""
    found = []
    if not _NAME.fullmatch(str(name)):
        found.append(f"The name {name!r} must be a letter and up to 39 letters, digits, - or _.")
    for method in _METHODS.get(kind, ()):
        if not callable(getattr(cls, method, None)):
            found.append(f"The class {cls.__name__} has no method `{method}`.")
    for attribute in ("label", "help", "family", "reference", "cost"):
        if not isinstance(getattr(cls, attribute, ""), str):
            found.append(f"`{attribute}` must be a text.")
    needs = getattr(cls, "needs", frozenset())
    if not isinstance(needs, (set, frozenset)) or not needs <= _NEEDS:
        found.append(f"`needs` must be a frozenset of {', '.join(sorted(map(repr, _NEEDS)))}; it is {needs!r}.")
    if kind == "features" and getattr(cls, "modality", None) not in _MODALITIES:
        found.append(f"`modality` must be one of {', '.join(sorted(map(repr, _MODALITIES)))}.")
    return found or _problems_of_parameters(cls, kind)


def _problems_of_parameters(cls: type, kind: str) -> list[str]:
    parameters = getattr(cls, "parameters", ())
    if not isinstance(parameters, (tuple, list)) or not all(isinstance(parameter, Parameter) for parameter in parameters):
        return ["`parameters` must be a tuple of Parameter(...); one alone needs a comma behind it."]
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        return [f"Two parameters have one name: {', '.join(sorted({n for n in names if names.count(n) > 1}))}."]
    for parameter in parameters:
        if not _NAME.fullmatch(parameter.name) or parameter.name == "name":
            return [f"A parameter cannot be called {parameter.name!r}: take letters, digits and _, and not `name`."]
        try:
            parameter.clean(parameter.default)
        except (ValueError, KeyError) as error:
            return [f"The default of {parameter.name} cannot be used: {error}"]
    if kind not in (
        "strategies",
        "multilabel_strategies",
        "learners",
    ):  # the others are never made, their methods belong to the class
        return []
    try:
        made = cls(**validate({}, parameters))
        cls()
        if hasattr(made, "is_batch_aware"):
            made.is_batch_aware()
    except TypeError as error:
        said = f"It cannot be made with its settings: {error}."
        return [f"{said} Without a base class it needs `def __init__(self, **settings)`, where all may be missing."]
    return []


# --- Whose code it is, and where in it something went wrong


def is_built_in(cls: type) -> bool:
    """Whether the class is one of the engine's own."""
    return cls.__module__.split(".")[:2] == ["learning", "engine"]


def reason(error: BaseException) -> str:
    """What happened while a plug-in was loaded, in one line, with the line of the plug-in."""
    if isinstance(error, EngineError):
        return str(error)
    said = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {said}"
    line = own_frame(error)
    return f"{line}: {said}" if line else said


def own_frame(error: BaseException, file: str = "") -> str:
    """The last line of the traceback that is in `file`, or else in nobody's library: "mine.py, line 3, in select: x = 1 / 0"."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if file and frame.filename == file] or [f for f in frames if not _is_library(f.filename)]
    if not mine:
        return ""
    frame = mine[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}" + (f": {frame.line}" if frame.line else "")


def _is_library(filename: str) -> bool:
    path = Path(filename)
    return filename.startswith("<") or any(folder in path.parents for folder in _LIBRARIES)


_LIBRARIES = {Path(__file__).resolve().parent, *(Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib"))}


def _import(path: str) -> type:
    module, _, attribute = path.replace(":", ".").rpartition(".")
    if not module:
        raise EngineError(f"{path!r} names no class: write module.Class.")
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise EngineError(f"There is no module {error.name!r} on Python's path.") from error
        raise
    if not hasattr(loaded, attribute):
        raise EngineError(f"{loaded.__file__} has no class {attribute!r}.")
    return getattr(loaded, attribute)
