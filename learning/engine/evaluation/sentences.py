"""What the numbers of a report say, in words that promise no more than they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from learning.engine.metrics import METRICS

FEW_SPLITS = 2


def cell(found: Mapping[str, Any], metric: str, baseline: str) -> str:
    """One sentence on a cell of the report, as plain data."""
    word = metric_in_words(metric)
    tested = [row for row in found["strategies"] if row["area"]["mean"] is not None]
    if not tested and found["n_splits"]:
        return "Nothing can be compared: there is one round only, which all strategies share."
    if not tested:
        return "Nothing can be compared yet: no split is finished by every strategy."
    goal = f"{word} {number(found['target'])}" if found["target"] is not None else ""
    if len(tested) == 1:
        return f"Only {tested[0]['name']} was tried, so there is nothing to compare; {_reaches(tested[0], goal)}."
    if found["n_splits"] < FEW_SPLITS:
        means = ", ".join(f"{row['name']} {number(row['area']['mean'], 3)}" for row in _ranked(tested, found))
        return f"There is one split only, so nothing can be said about chance; on it the mean {word} was: {means}."
    others = [row for row in _ranked(tested, found) if row["name"] != baseline]
    clauses = []
    if any(row["difference"] for row in others):
        clauses += [_better(row, tested, baseline, word, goal) for row in others if row["difference"]["verdict"] == "better"]
        clauses += [_worse(row, tested, baseline, word, goal) for row in others if row["difference"]["verdict"] == "worse"]
        alike = [row["name"] for row in others if row["difference"]["verdict"] == "none"]
        if alike:
            clauses.append(f"no difference to {baseline} was found for {joined(alike)}")
        rivals = [row for row in others if row["difference"]["verdict"] == "better"]
    else:
        clauses.append(f"there is no finished {baseline} to compare with")
        rivals = others
    clauses += _among(rivals, found["pairs"])
    if goal and not any(row["labels_to_target"]["reached"] for row in tested):
        clauses.append(f"no strategy reached {goal} in any split")
    sentence = "; ".join(clauses) + "."
    return sentence[0].upper() + sentence[1:] if sentence.startswith(("no ", "there ")) else sentence


def across(found: Mapping[str, Any]) -> str:
    """One sentence on the ranks over several data sets."""
    n, names, ranks = found["n"], found["names"], found["ranks"]
    listed = ", ".join(f"{name} {number(rank, 2)}" for name, rank in zip(names, ranks, strict=True))
    test, p = ("Wilcoxon", found["wilcoxon_p"]) if len(names) == 2 else ("Friedman", found["friedman_p"])
    chance = f" ({test}, {p_in_words(p)})"
    if not found["found"]:
        told = f"no difference between the strategies was found{chance}"
    else:
        alike = [f"between {joined(group)} no difference was found" for group in found["groups"]]
        told = "; ".join([f"the strategies differ{chance}", *(alike or ["each differs from every other"])])
    few = f" Only {n} data sets: at least 5 are advised, below that this test finds little." if found["few"] else ""
    return f"Over {n} data sets {told}; mean ranks, 1 is best: {listed}.{few}"


def notes(found: Mapping[str, Any], finished: Mapping[str, Sequence]) -> list[str]:
    """What a reader must know to read the numbers of a cell right."""
    told = []
    if never := [name for name in finished if not finished[name]]:
        told.append(f"{joined(never)}: no finished trial, so not compared.")
    if 0 < found["n_splits"] < found["n_seen"]:
        told.append(
            f"Compared on {found['n_splits']} of {found['n_seen']} splits: the others are not finished by every strategy."
        )
    start = found["range"][0]
    if start is not None and start > found["grid"][0]:
        told.append(f"Compared from {start:,.0f} labels on: below that not every trial had a model that could be measured.")
    if found["overlap"]["from"] == "assumed":
        told.append("How much the splits overlap is not known; one item in five is taken to be tested.")
    if found["n_splits"] > 1 and found["bootstrap_over"] == "splits":
        told.append("Too few repeats to resample: the bootstrap draws splits, which overlap, so its interval is too narrow.")
    if found["n_splits"] > 1 and found["wilcoxon_over"] == "splits" and found["n_folds"] > 1:
        told.append("Too few repeats to rank them: the Wilcoxon test ranks splits, which overlap, so its p is too small.")
    return told


# --- Clauses


def _better(row: Mapping, tested: list, baseline: str, word: str, goal: str) -> str:
    saved = row["saved"]
    if saved and saved["low"] is not None and saved["low"] > 0 and saved["bound"] in {"exact", "at least"}:
        bound = "at least " if saved["bound"] == "at least" else ""
        return (
            f"{row['name']} needed {bound}{percent(saved['share'])} % fewer labels than {baseline} for {goal} "
            f"(95 % interval {percent(saved['low'])} to {percent(saved['high'])} %{_missed(saved, baseline)})"
        )
    return f"{row['name']} was better than {baseline} ({_areas(row, tested, baseline, word)}){_savings(row, goal, baseline)}"


def _worse(row: Mapping, tested: list, baseline: str, word: str, goal: str) -> str:
    return f"{row['name']} was worse than {baseline} ({_areas(row, tested, baseline, word)}){_savings(row, goal, baseline)}"


def _areas(row: Mapping, tested: list, baseline: str, word: str) -> str:
    base = next(other for other in tested if other["name"] == baseline)
    difference = row["difference"]
    return (
        f"mean {word} over the labels {number(row['area']['mean'], 3)} against {number(base['area']['mean'], 3)}, "
        f"95 % interval of the difference {number(difference['low'], 3)} to {number(difference['high'], 3)}"
    )


def _savings(row: Mapping, goal: str, baseline: str) -> str:
    """What to add on the target where the savings are not the headline."""
    reach, saved = row["labels_to_target"], row["saved"]
    if not goal or not reach:
        return ""
    if not reach["reached"]:
        return f", and never reached {goal}"
    if reach["reached"] < reach["n"]:
        return f", and reached {goal} in {reach['reached']} of {reach['n']} splits"
    if saved and saved["high"] is not None and saved["high"] < 0 and saved["bound"] == "exact":
        low, high = percent(-saved["high"]), percent(-saved["low"])
        return f", and needed {percent(-saved['share'])} % more labels for {goal} (95 % interval {low} to {high} %)"
    return f", but no labels saved for {goal} could be shown"


def _missed(saved: Mapping, baseline: str) -> str:
    if not saved["baseline_missed"]:
        return ""
    return f"; {baseline} did not reach it in {saved['baseline_missed']} of {saved['n']} splits"


def _among(rivals: list[Mapping], pairs: list[Mapping]) -> list[str]:
    """The best of them against the others."""
    if len(rivals) < 2:
        return []
    best, *rest = (row["name"] for row in rivals)
    verdicts = {frozenset((pair["a"], pair["b"])): pair["verdict"] for pair in pairs}
    alike = [name for name in rest if verdicts[frozenset((best, name))] == "none"]
    beaten = [name for name in rest if name not in alike]
    told = [f"{best} was better than {joined(beaten)}"] if beaten else []
    return told + [f"between {best} and {joined(alike, 'or')} no difference was found"] if alike else told


def _reaches(row: Mapping, goal: str) -> str:
    reach = row["labels_to_target"]
    if not reach:
        return f"its mean score was {number(row['area']['mean'], 3)}"
    if not reach["reached"]:
        return f"it never reached {goal}"
    if reach["at_least"]:
        return f"it reached {goal} in {reach['reached']} of {reach['n']} splits"
    return f"it reached {goal} with {reach['mean']:,.0f} labels on average"


def _ranked(rows: list, found: Mapping[str, Any]) -> list:
    """Best area first; `higher` of the cell says what is best."""
    sign = 1 if found["higher_is_better"] else -1
    return sorted(rows, key=lambda row: (-sign * row["area"]["mean"], row["name"]))


# --- Words


def metric_in_words(metric: str) -> str:
    """As it stands within a sentence: "accuracy", "F1 (macro)"."""
    label = METRICS[metric]["label"] if metric in METRICS else metric.replace("_", " ")
    return label if label[1:2].isupper() or label[1:2].isdigit() or label.startswith("Matthews") else label[0].lower() + label[1:]


def joined(names: Sequence[str], word: str = "and") -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def percent(share: float) -> str:
    """38 for 0.384; with a minus, never -0."""
    return f"{round(100 * share) + 0:d}"


def number(value: float | None, digits: int | None = None) -> str:
    """0.80, 0.875: two digits, or three where the third says something."""
    if value is None:
        return "?"
    if digits is None:
        digits = 2 if round(value, 2) == round(value, 3) else 3
    return f"{value:.{digits}f}"


def p_in_words(p: float | None) -> str:
    if p is None:
        return "no p"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
