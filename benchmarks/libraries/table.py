"""From the cells' files to markdown: a table per task, footnotes, and which promises our column keeps."""

from dataclasses import dataclass
from pathlib import Path

import files
import rows
from tasks import TASKS

_UNNOTICED = 0.001  # seconds: a smaller difference is noise, and nobody's wait


@dataclass(frozen=True)
class Cell:
    """`end`: done, limit, fail, absent. rounds: (seconds, of which the selection) of each finished one. Memory in sizes of X."""

    end: str
    rounds: tuple[tuple[float, float], ...] = ()
    memory: float = 0.0
    accuracy: float | None = None
    reason: str = ""
    dense: bool = False

    def means(self, first: int | None = None) -> tuple[float, float]:
        """Over the first so many rounds (None: all): seconds per round, of which the selection."""
        some = self.rounds[:first]
        return sum(r for r, _ in some) / len(some), sum(s for _, s in some) / len(some)


def read(file: Path, clock: str) -> Cell | None:
    """The cell of this file by the "wall" or "cpu" clock; None where it is not there or was cut off."""
    if not file.exists():
        return None
    lines = files.lines(file)
    merged = {key: value for line in lines for key, value in line.items()}
    if "end" not in merged:
        return None
    rounds = tuple((sum(line[clock].values()), line[clock]["select"]) for line in lines if "round" in line)
    return Cell(
        end=merged["end"],
        rounds=rounds,
        memory=(merged["peak"] - merged["before"]) / merged["X_bytes"] if rounds else 0.0,
        accuracy=merged.get("accuracy"),
        reason=merged.get("reason", ""),
        dense=merged.get("dense", False),
    )


def report(results: Path, tasks: list[str], libraries: list[str], strategies: list[str], clock: str) -> str:
    """Everything as markdown."""
    parts = [HOW_TO_READ]
    for task in tasks:
        notes: list[str] = []
        table = _table(results, task, libraries, strategies, clock, notes)
        if table:
            parts += [f"### ({task}) {TASKS[task].title}", table, *notes]
    if "ours" in libraries:
        parts += ["### Promises", *promises(results, tasks, libraries, strategies, clock)]
    return "\n\n".join(parts) + "\n"


HOW_TO_READ = (
    "Seconds per round (train, predict where the strategy asks for it, select) / of which the selection, means over the rounds. "
    "Predictions of the main model are not part of the selection, even where a library makes them in the same call; models that "
    "a strategy trains itself are. *limit*: the time was up, the figures are those of the rounds done until then. *fail*: see "
    "the note. -: not offered. Memory: the most that the process had at a time, X itself included, without what it had before "
    "loading X, as a multiple of X."
)


def _table(results: Path, task: str, libraries: list[str], strategies: list[str], clock: str, notes: list[str]) -> str:
    reference = rows.REFERENCE[task]
    head = ["strategy"]
    for library in libraries:
        head.append(rows.LIBRARIES[library])
        if library == "ours":
            head += ["memory", "reference"]
    lines = []
    for strategy in strategies:
        line, any_figure = [strategy.replace("_", " ")], False
        for library in libraries:
            cell = read(files.path(results, library, task, strategy), clock)
            line.append(_shown(cell, notes))
            any_figure |= cell is not None and cell.end != "absent"
            if library == "ours":
                line.append(f"{cell.memory:.2f} X" if cell and cell.rounds else "-")
                line.append(_pair(*reference[strategy]) if strategy in reference else "-")
        if any_figure:
            lines.append(line)
    if not lines:
        return ""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def _shown(cell: Cell | None, notes: list[str]) -> str:
    if cell is None:
        return "(not run)"
    if cell.end == "absent":
        return "-"
    parts = [] if cell.end == "done" else [cell.end]
    if cell.rounds:
        parts.append(_pair(*cell.means()))
    mark = ""
    if cell.end == "fail":
        mark += _note(cell.reason, notes)
    if cell.dense:
        mark += _note("It does not take sparse matrices, so it was given X as a dense array.", notes)
    return "; ".join(parts) + mark


def _note(text: str, notes: list[str]) -> str:
    known = [note.partition(": ")[2] for note in notes]
    if text not in known:
        notes.append(f"[{len(notes) + 1}]: {text}")
        known.append(text)
    return f" [{known.index(text) + 1}]"


def _pair(seconds: float, selection: float) -> str:
    return f"{seconds:.3g} / {selection:.2g}"


def promises(results: Path, tasks: list[str], libraries: list[str], strategies: list[str], clock: str) -> list[str]:
    """One line per promise that a cell of ours breaks, or that all are kept."""
    broken, checked = [], 0
    for task in tasks:
        for strategy in strategies:
            ours = read(files.path(results, "ours", task, strategy), clock)
            if ours is None or ours.end == "absent":
                continue
            checked += 1
            where = f"({task}) {strategy.replace('_', ' ')}:"
            if ours.end != "done":
                broken.append(f"{where} {ours.end} {ours.reason}".rstrip())
                continue
            others = {name: read(files.path(results, name, task, strategy), clock) for name in libraries if name != "ours"}
            broken += [f"{where} {said}" for said in _broken(task, strategy, ours, others)]
    kept = f"{checked} cells checked: within {rows.SLACK} of the reference, no library faster"
    if not broken:
        return [f"{kept}. All promises are kept."] if checked else ["Nothing to check."]
    return [f"{kept}, but for:", "\n".join(f"- {line}" for line in broken)]


def _broken(task: str, strategy: str, ours: Cell, others: dict[str, Cell | None]) -> list[str]:
    said = []

    def slower(mine: float, than: float, factor: float = 1.0) -> bool:
        return mine > factor * than + _UNNOTICED

    whole, selection = ours.means()
    if reference := rows.REFERENCE[task].get(strategy):
        if slower(whole, reference[0], rows.SLACK):
            said.append(f"a round takes {whole / reference[0]:.2f} times the reference")
        if slower(selection, reference[1], rows.SLACK):
            said.append(f"the selection takes {selection / reference[1]:.2f} times the reference")
    for name, other in others.items():
        if other is None or not other.rounds:
            continue
        # Rounds grow with the labels: what ran out of time is compared with as many of ours.
        (mine, my_selection), (its, its_selection) = ours.means(len(other.rounds)), other.means()
        title = rows.LIBRARIES[name]
        if slower(mine, its):
            said.append(f"a round of {title} is {mine / its:.2f} times faster")
        elif task == "a" and its < rows.TIMES_FASTER_ON_A * mine:
            said.append(f"a round is {its / mine:.1f} times faster than that of {title}, not {rows.TIMES_FASTER_ON_A:.0f}")
        if slower(my_selection, its_selection):
            said.append(f"the selection of {title} is {my_selection / its_selection:.2f} times faster")
    if task == "d":
        limit = rows.LIMITS_D["diversity" if strategy in rows.DIVERSITY else "scoring"]
        if selection > limit:
            said.append(f"the selection takes {selection:.3g} s, not {limit:.0f}")
    if task == "d" and ours.memory > rows.MEMORY:
        said.append(f"memory is {ours.memory:.2f} X, not {rows.MEMORY:.0f}")
    return said
