"""Rows out of CSV, TSV, JSON lines and plain text files, one at a time, whatever their size."""

import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from projects.importing.errors import ImportRefused
from projects.importing.limits import MAX_CELL, MAX_COLUMNS, MAX_LINE

# Python's own limit of 131,072 characters per cell is shorter than some texts; none at all would let one forgotten quote
# take the rest of the file into memory.
csv.field_size_limit(MAX_CELL)
# PostgreSQL has no NUL in texts, and half a surrogate pair is no character; both can stand in JSON, or come of damage.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Stands behind the last line of a CSV: a row that swallowed it has a quote that nobody closed.
_END = "\0\ufdd0\ufdd1\0"  # no characters, so no file has them, and no delimiter is one of them
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


def check_delimiter(delimiter: str) -> None:
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ImportRefused("The delimiter is one character, but no quote and no line break, or the word tab.", "delimiter")


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
        for row in _json_rows(text):  # all of them: a row names only what it has, and a label may come late
            columns.update(dict.fromkeys(name for name in row.cells if not UNSTORABLE.search(name)))
        if not columns:
            raise ImportRefused('No line of the file is a JSON object: each line must be one, like {"text": "..."}.', "file")
        return list(columns)
    header = _header(_reader(text, delimiter))
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ImportRefused(f"The first line names a column twice: {', '.join(map(repr, twice))}. Rename one of them.", "file")
    return header


def _lines(text: io.TextIOBase) -> Iterator[str]:
    """The lines, none of them longer than memory allows."""
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise ImportRefused(
                f"Line {number:,} has more than {MAX_LINE:,} characters: each row needs a line of its own.", "file"
            )
        yield line


def _reader(text: io.TextIOBase, delimiter: str):
    return csv.reader(itertools.chain(_lines(text), [_END]), delimiter=delimiter)


def _header(reader) -> list[str]:
    try:
        for row in reader:
            if row and row[-1].endswith(_END):
                if row != [_END]:
                    raise _unclosed(reader.line_num, row)
                break
            if any(cell.strip() for cell in row):
                names = [cell.strip().lstrip("\ufeff") for cell in row]
                if len(names) > MAX_COLUMNS:
                    raise ImportRefused(f"The first line has {len(names):,} columns; at most {MAX_COLUMNS:,} are read.", "file")
                if any(UNSTORABLE.search(name) for name in names):
                    text = "The first line holds NUL characters, which no text has: the file is damaged, or is in UTF-16."
                    raise ImportRefused(text, "file")
                return [name or f"column {i}" for i, name in enumerate(names, 1)]
    except csv.Error as error:
        raise ImportRefused(f"Line {reader.line_num} cannot be read as CSV: {error}.", "file") from None
    raise ImportRefused("The file is empty: it needs a first line with the names of the columns, and rows below it.", "file")


def read_rows(file: BinaryIO, kind: str, encoding: str, delimiter: str) -> Iterator[Row]:
    """Every row of the file, blank ones too (with no cells)."""
    text = open_text(file, encoding)
    if kind == "lines":
        return (Row(n, {"text": line.rstrip("\r\n")} if line.strip() else {}) for n, line in enumerate(_lines(text), 1))
    return _json_rows(text) if kind == "jsonl" else _csv_rows(text, delimiter)


def _csv_rows(text: io.TextIOBase, delimiter: str) -> Iterator[Row]:
    reader = _reader(text, delimiter)
    header = _header(reader)
    width, line = len(header), reader.line_num + 1
    while True:
        try:
            cells = next(reader)
        except csv.Error as error:
            raise ImportRefused(f"Line {line} cannot be read as CSV: {error}. Look for a quote that is never closed.") from None
        if cells and cells[-1].endswith(_END):
            if cells == [_END]:
                return
            raise _unclosed(line, cells)
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            hint = f"is a text with a {DELIMITERS.get(delimiter, 'delimiter')} not quoted?"
            problem = f"has {len(cells)} cells, the first line {width}: {hint}"
            yield Row(line, {}, problem)
        elif any(cell.strip() for cell in cells):
            yield Row(line, dict(zip(header, cells, strict=False)))
        else:
            yield Row(line, {})
        line = reader.line_num + 1


def _unclosed(line: int, cells: list[str]) -> ImportRefused:
    begun = cells[-1].removesuffix(_END)[:40].strip().replace("\n", " ")
    text = f"A quote is opened in line {line:,}, at “{begun} …”, and never closed, so all that follows would be one cell."
    return ImportRefused(f"{text} Close it there, or write a quote that belongs to the text twice, in quotes.", "file")


def _json_rows(text: io.TextIOBase) -> Iterator[Row]:
    for line, words in enumerate(_lines(text), 1):
        if not words.strip():
            yield Row(line, {})
            continue
        try:
            found = json.loads(words)
            cells = {name.strip(): _plain(value) for name, value in found.items()} if isinstance(found, dict) else None
        except ValueError as error:
            yield Row(line, {}, f"is not JSON ({error})")
            continue
        except RecursionError:
            yield Row(line, {}, "is JSON that is nested too deeply to be read")
            continue
        if cells is not None:
            yield Row(line, cells)
        else:
            yield Row(line, {}, 'is JSON, but not an object like {"text": "..."}')


def _plain(value: Any) -> str:
    """A cell: text as it is, numbers as written, nothing for null, other values as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
