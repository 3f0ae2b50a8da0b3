"""The rows that passed, on disk between the reading and the writing, so that the writing transaction does nothing but write."""

import json
import pickle
from collections.abc import Iterator
from typing import IO

from projects.importing.check import Record

_CHUNK = 5000
Passed = tuple[str, str, str, str]  # key, content, value and metadata as JSON


class Spool:
    """A temporary file of this process alone; memory holds one chunk of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._chunk: list[Passed] = []
        self.rows = 0

    def add(self, record: Record) -> None:
        metadata = json.dumps(record.metadata, ensure_ascii=False) if record.metadata else "{}"
        self._chunk.append((record.key, record.content, record.value, metadata))
        self.rows += 1
        if len(self._chunk) == _CHUNK:
            self._flush()

    def _flush(self) -> None:
        pickle.dump(self._chunk, self._file, pickle.HIGHEST_PROTOCOL)
        self._chunk = []

    def chunks(self) -> Iterator[list[Passed]]:
        """Everything that was added, in its order."""
        if self._chunk:
            self._flush()
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)
