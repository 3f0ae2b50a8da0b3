"""Rows out of CSV, TSV, JSON lines and plain text files, one at a time, whatever their size."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from projects.importing.errors import ImportRefused
from projects.importing.limits import MAX_COLUMNS

# Python's own limit of 131,072 characters per cell is for untrusted peers; ours is per text, with a message of its own.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(slots=True)
class Row:
    """Line of the file (counted from 1) where the row begins, its cells by column, and what is wrong with its form."""

    line: int
    cells: dict[str, Any]
    problem: str = ""
    extra: dict = field(default_factory=dict)


def kind_of(name: str) -> str:
    """ "csv", "jsonl" or "lines" by the file's name; ImportRefused for what can be none of them."""
    suffix = name.lower().rpartition(".")[2]
    kinds = {"csv": "csv", "tsv": "csv", "tab": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl", "txt": "lines"}
    if suffix in kinds:
        return kinds[suffix]
    if suffix in {"xls", "xlsx", "ods"}:
        raise ImportRefused("Spreadsheets are not read directly: save the sheet as CSV (UTF-8) and import that.", "file")
    raise ImportRefused(f"“{name}” is none of .csv, .tsv, .jsonl and .txt: save the data as one of these.", "file")


def find_delimiter(text: io.TextIOBase, name: str) -> str:
    """The character that splits the first rows into the same number of cells, most often; a comma where none does."""
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    text.seek(0)
    sample = text.read(1 << 18)
    best, best_rank = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = Counter()
        for row in _limited(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 200):
            if any(cell.strip() for cell in row):
                widths[len(row)] += 1
        if not widths:
            continue
        header = len(next(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), []))
        share = widths[header] / widths.total()
        if header > 1 and (share, header) > best_rank:
            best, best_rank = delimiter, (share, header)
    return best


def _limited(rows: Iterator[list[str]], count: int) -> Iterator[list[str]]:
    try:
        for _, row in zip(range(count), rows, strict=False):
            yield row
    except csv.Error:
        return


def open_text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """The file as text; line ends inside quoted cells stay as they are."""
    file.seek(0)
    return io.TextIOWrapper(_Unclosed(file), encoding=encoding, newline="")


class _Unclosed(io.RawIOBase):
    """Reads through to a file that outlives its reader (a TextIOWrapper closes what it wraps)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def read_columns(file: BinaryIO, kind: str, encoding: str, delimiter: str) -> list[str]:
    """The names of the columns, trimmed. Raises ImportRefused for an empty file and for names that occur twice."""
    if kind == "lines":
        return ["text"]
    text = open_text(file, encoding)
    if kind == "jsonl":
        columns: dict[str, None] = {}
        for _, row in zip(range(200), _json_rows(text), strict=False):
            columns.update(dict.fromkeys(row.cells))
        if not columns:
            raise ImportRefused('No line of the file is a JSON object: each line must be one, like {"text": "..."}.', "file")
        return list(columns)
    header = _header(csv.reader(text, delimiter=delimiter))
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ImportRefused(f"The first line names a column twice: {', '.join(map(repr, twice))}. Rename one of them.", "file")
    return header


def _header(reader) -> list[str]:
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                names = [cell.strip().lstrip("\ufeff") for cell in row]
                if len(names) > MAX_COLUMNS:
                    raise ImportRefused(f"The first line has {len(names):,} columns; at most {MAX_COLUMNS:,} are read.", "file")
                return [name or f"column {i}" for i, name in enumerate(names, 1)]
    except csv.Error as error:
        raise ImportRefused(f"Line {reader.line_num} cannot be read as CSV: {error}.", "file") from None
    raise ImportRefused("The file is empty: it needs a first line with the names of the columns, and rows below it.", "file")


def read_rows(file: BinaryIO, kind: str, encoding: str, delimiter: str) -> Iterator[Row]:
    """Every row of the file, blank ones too (with no cells)."""
    text = open_text(file, encoding)
    if kind == "lines":
        return (Row(n, {"text": line.rstrip("\r\n")} if line.strip() else {}) for n, line in enumerate(text, 1))
    return _json_rows(text) if kind == "jsonl" else _csv_rows(text, delimiter)


def _csv_rows(text: io.TextIOBase, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    header = _header(reader)
    width, line = len(header), reader.line_num + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ImportRefused(f"Line {line} cannot be read as CSV: {error}. Look for a quote that is never closed.") from None
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            hint = f"is a text with a {DELIMITERS.get(delimiter, 'delimiter')} not quoted?"
            problem = f"has {len(cells)} cells, the first line {width}: {hint}"
            yield Row(line, {}, problem)
        elif any(cell.strip() for cell in cells):
            yield Row(line, dict(zip(header, cells, strict=False)))
        else:
            yield Row(line, {})
        line = reader.line_num + 1


def _json_rows(text: io.TextIOBase) -> Iterator[Row]:
    for line, words in enumerate(text, 1):
        if not words.strip():
            yield Row(line, {})
            continue
        try:
            found = json.loads(words)
        except ValueError as error:
            yield Row(line, {}, f"is not JSON ({error})")
            continue
        if isinstance(found, dict):
            yield Row(line, {str(name).strip(): _plain(value) for name, value in found.items()})
        else:
            yield Row(line, {}, 'is JSON, but not an object like {"text": "..."}')


def _plain(value: Any) -> str:
    """A cell: text as it is, numbers as written, nothing for null, other values as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
