"""The file of a cell: one JSON object per line, what it runs with, each round, how it ended."""

import json
from pathlib import Path


def path(folder: Path, library: str, task: str, strategy: str) -> Path:
    return folder / f"{task}.{library}.{strategy.replace(', ', '-')}.jsonl"


def lines(file: Path) -> list[dict]:
    """What is in the file; a line that was cut off when the time was up is left out."""
    found = []
    for line in file.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def append(file: Path, row: dict) -> None:
    cut_off = not file.read_text().endswith("\n")
    with file.open("a") as out:
        print("\n" * cut_off + json.dumps(row), file=out)


def end(file: Path) -> str | None:
    """done, limit, fail or absent (the library has no such strategy); None while it has not ended."""
    ends = [line["end"] for line in lines(file) if "end" in line]
    return ends[-1] if ends else None


def is_finished(file: Path, limit: float) -> bool:
    """Whether the cell ended, and more time than it had would not change that. Our own strategies may come to be there."""
    if not file.exists():
        return False
    ended = end(file)
    if ended == "limit":
        return lines(file)[0]["limit"] >= limit
    return ended is not None and not (ended == "absent" and ".ours." in file.name)
