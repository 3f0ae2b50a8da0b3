"""What can be wrong with a file, as a whole or in one row."""

from dataclasses import asdict, dataclass


class ImportRefused(Exception):
    """The file cannot be imported like this; the message says why and what to do. `field`: the choice at fault, if it is one."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message, self.field = message, field


@dataclass(frozen=True, slots=True)
class RowError:
    """One row that is left out: its line in the file (an archive: its place), the key if it has one, and why."""

    row: int
    key: str
    field: str
    error: str

    def as_dict(self) -> dict:
        return asdict(self)
