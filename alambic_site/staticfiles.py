"""Front-end files that come out of installed Python packages: no CDN, nothing copied into this repository."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

# path under /static/ -> (package, file inside it)
PACKAGE_FILES = {"vendor/plotly.min.js": ("plotly", "package_data/plotly.min.js")}
_OURS = {"alambic", "projects", "annotation", "learning"}


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


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names, and gzip only: Brotli at its highest level would make the first start wait 20 s for Plotly alone."""

    def create_compressor(self, **kwargs) -> Compressor:
        return Compressor(**kwargs, use_brotli=False)

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        # Pages name the hashed files; the others are asked for only by a module that imports another of ours.
        hashed = set(self.hashed_files.values())
        return super().compress_files([path for path in paths if path in hashed or path.split("/")[0] in _OURS])
