"""Feature matrices on disk: built once, read by memory map from as many processes as there are."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix
from learning.engine.errors import EngineError, FeatureError
from learning.engine.features.images import ImageError
from learning.engine.features.registry import features, take_items

_CSR_PARTS = ("data", "indices", "indptr")


def save_matrix(directory: Path | str, X: Matrix) -> None:
    """Write X (n, d) as float32 into a new directory; it appears complete or not at all. An existing one is replaced."""
    with _appearing(Path(directory)) as folder:
        _write(folder, X)


def load_matrix(directory: Path | str) -> Matrix:
    """X (n, d), memory-mapped and read-only: an ndarray, or a CSR matrix over three mapped arrays."""
    directory = Path(directory)
    if (directory / "dense.npy").exists():
        return np.load(directory / "dense.npy", mmap_mode="r")
    data, indices, indptr = (_map(directory / f"{part}.npy") for part in _CSR_PARTS)
    X = sparse.csr_matrix((data, indices, indptr), shape=tuple(np.load(directory / "shape.npy").tolist()), copy=False)
    X.has_canonical_format = True  # `_write` made it so; checking would read all of it
    return X


def prepare(
    directory: Path | str,
    settings: dict[str, Any],
    raw_items: Any | Callable[[], Any],
    fit_positions: np.ndarray,
    random_state: int,
) -> tuple[Matrix, Any]:
    """(X of all raw items, memory-mapped; the transformer, fitted on those at `fit_positions` only).

    What is in the directory already is loaded; `raw_items` may be a function, called only if it is not. Of several processes
    that ask at once one builds and the others wait for it. Raises FeatureError where the items do not suit the settings.
    """
    directory = Path(directory)
    if not _is_complete(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory.with_name(directory.name + ".lock")):
            if not _is_complete(directory):
                items = raw_items() if callable(raw_items) else raw_items
                X, transformer = build(settings, items, fit_positions, random_state)
                with _appearing(directory) as folder:
                    joblib.dump(transformer, folder / "transformer.joblib")
                    _write(folder, X)
    return load_matrix(directory), joblib.load(directory / "transformer.joblib")


def build(settings: dict[str, Any], items: Any, fit_positions: np.ndarray, random_state: int) -> tuple[Matrix, Any]:
    """(X of all items (n, d) float32, CSR or dense; the transformer fitted on those at `fit_positions`), in memory."""
    if len(fit_positions) == 0:
        raise FeatureError("There is no item in the pool to fit the features on.")
    feature_set = features.get(settings["name"])
    pool = take_items(items, fit_positions)
    own = {name: value for name, value in settings.items() if name != "name"}
    try:
        transformer = feature_set.build(own, random_state, pool).fit(pool)
        X = transformer.transform(items)
    except EngineError:
        raise
    except (ImageError, ValueError) as error:
        raise FeatureError(f"{feature_set.label} cannot be made of these items: {error}") from error
    X = sparse.csr_matrix(X, dtype=np.float32) if sparse.issparse(X) else np.ascontiguousarray(X, dtype=np.float32)
    if sparse.issparse(X):
        X.sum_duplicates()
    return X, transformer


def write_array(path: Path, values: np.ndarray) -> None:
    """Save one array; the file appears complete or not at all, also where several processes write it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, values)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _is_complete(directory: Path) -> bool:
    return directory.is_dir()  # it is renamed into place as a whole


def _write(folder: Path, X: Matrix) -> None:
    if not sparse.issparse(X):
        np.save(folder / "dense.npy", np.asarray(X, dtype=np.float32))
        return
    X = sparse.csr_matrix(X, dtype=np.float32)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    for part in _CSR_PARTS:
        np.save(folder / f"{part}.npy", getattr(X, part))
    np.save(folder / "shape.npy", np.asarray(X.shape, dtype=np.int64))


def _map(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except ValueError:  # an empty array cannot be mapped
        return np.load(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _appearing(directory: Path) -> Iterator[Path]:
    """A new folder beside `directory` that takes its place, written through to the disk, when the block ends well."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{directory.name[:40]}.", dir=directory.parent))
    try:
        yield folder
        for path in folder.iterdir():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        _replace(folder, directory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(folder: Path, directory: Path) -> None:
    try:
        os.rename(folder, directory)
    except OSError:
        if not directory.is_dir():
            raise
        old = Path(tempfile.mkdtemp(prefix=f".{directory.name[:40]}.", dir=directory.parent))
        os.rename(directory, old)
        try:
            os.rename(folder, directory)
        finally:
            shutil.rmtree(old, ignore_errors=True)
