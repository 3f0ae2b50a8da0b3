"""Front-end files that come out of installed Python packages: no CDN, nothing copied into this repository."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

# path under /static/ -> (package, file inside it)
PACKAGE_FILES = {"vendor/plotly.min.js": ("plotly", "package_data/plotly.min.js")}


def _location(name: str) -> Path:
    package, inside = PACKAGE_FILES[name]
    return Path(str(files(package))) / inside


class _Renamed(FileSystemStorage):
    """Opens `vendor/x` where the package keeps it."""

    def path(self, name: str) -> str:
        return str(_location(name.replace("\\", "/")))


class PackageFilesFinder(BaseFinder):
    def check(self, **kwargs) -> list:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs):
        found = [str(_location(path))] if path in PACKAGE_FILES else []
        return found if find_all else (found[0] if found else [])

    def list(self, ignore_patterns) -> Iterator[tuple[str, Storage]]:
        storage = _Renamed()
        for name in PACKAGE_FILES:
            yield name, storage
