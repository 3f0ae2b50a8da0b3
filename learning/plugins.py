"""Classes that a site adds to the engine by its settings: strategies, learners, features and stop criteria of its own.

A file in VAR_DIR/plugins can be named by its module alone; so can whatever else is on Python's path. Web and workers load the
same settings when they start, so that a new plug-in takes a restart, and on several machines the file must be on each.
"""

import sys
from pathlib import Path

from django.conf import settings
from django.core import checks

SETTINGS = {
    "strategies": "ALAMBIC_STRATEGIES",
    "learners": "ALAMBIC_LEARNERS",
    "features": "ALAMBIC_FEATURES",
    "criteria": "ALAMBIC_CRITERIA",
}


def folder() -> Path:
    """Where a plug-in's file can lie."""
    return Path(settings.VAR_DIR) / "plugins"


def load() -> None:
    """Register what the settings name; what cannot be loaded is logged and kept in the registry's `broken`."""
    # Last, so that a file called random.py cannot take the place of Python's own.
    if str(folder()) not in sys.path:
        sys.path.append(str(folder()))
    named = {kind: paths for kind, setting in SETTINGS.items() if (paths := _named(setting))}
    if not named:
        return  # the engine is large, and most commands can do without
    from learning import engine

    for kind, paths in named.items():
        getattr(engine, kind).load_dotted(paths)


def _named(setting: str) -> list[str]:
    given = getattr(settings, setting, ())
    given = given.split(",") if isinstance(given, str) else given
    return [path.strip() for path in given if path.strip()]


def broken() -> list[tuple[str, str, str]]:
    """(kind, where it came from, what happened) of every plug-in that could not be loaded."""
    from learning import engine

    found = []
    for kind in SETTINGS:
        registry = getattr(engine, kind)
        registry.names()  # entry points are loaded on first use
        found += [(kind, origin, text) for origin, text in registry.broken.items()]
    return found


@checks.register("plugins")
def check_plugins(app_configs, **kwargs) -> list[checks.CheckMessage]:
    """The site works without a plug-in that is broken; whoever starts it should know."""
    return [
        checks.Warning(
            f"{origin} is left out of the {kind}: {text}",
            hint="Mend it and restart. For a strategy, manage.py checkstrategy FILE.py says more."
            if kind == "strategies"
            else None,
            id="alambic.W001",
        )
        for kind, origin, text in broken()
    ]
