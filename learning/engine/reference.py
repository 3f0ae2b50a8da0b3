"""The reference of what can be chosen, from the declarations: `python -m learning.engine.reference > docs/reference.md`."""

import inspect
from collections.abc import Iterable
from typing import Any

from learning.engine.features import features
from learning.engine.learners import learners
from learning.engine.parameters import Parameter
from learning.engine.stopping import criteria
from learning.engine.strategies import strategies
from learning.engine.strategies.base import BALANCE, SUBSAMPLE
from learning.engine.strategies.batch_modes import MODES
from learning.engine.strategies.multilabel import multilabel_strategies
from learning.engine.strategies.scored import BATCH_MODE, BETA, PREFILTER


def reference() -> str:
    """Markdown: query strategies, for one label per item and for several, batch modes, learners, features and stop criteria."""
    modes = (BATCH_MODE, BETA, PREFILTER)
    shared = (*modes, SUBSAMPLE, BALANCE)
    lines = [
        "# Reference: what can be chosen",
        "",
        "Written from the declarations in `learning/engine` by `python -m learning.engine.reference > docs/reference.md`; a test",
        "holds the two together. In a configuration an entry is its name, or an object with its name and settings:",
        '`"strategy": {"name": "margin", "batch_mode": "rank"}`.',
        "",
        "## Query strategies",
        "",
    ]
    lines += _strategies(strategies, shared)
    shown = ", ".join(f"`{entry.name}`" for entry in multilabel_strategies if entry.name in strategies)
    lines += [
        "## Query strategies of several labels per item",
        "",
        f"In a project whose items have several labels; {shown} too.",
        "",
    ]
    lines += _strategies([entry for entry in multilabel_strategies if entry.name not in strategies], shared)
    lines += ["## Batch modes", "", "Of every strategy that scores items one by one (`batch_mode`), and what goes with it:", ""]
    lines += [f"* `{name}`: {text}." for name, text in MODES.items()]
    lines += ["", *_settings(modes[1:]), "", "Of every strategy but `random` (`balance`: of those that predict):", ""]
    lines += [*_settings((SUBSAMPLE, BALANCE)), ""]
    for title, registry in (("Learners", learners), ("Features", features), ("Stop criteria", criteria)):
        lines += [f"## {title}", ""]
        for entry in registry:
            lines += _entry(entry, entry.parameters, [f"For {entry.modality} items." if hasattr(entry, "modality") else ""])
    return "\n".join(lines).rstrip() + "\n"


def _strategies(entries: Iterable[type], shared: tuple[Parameter, ...]) -> list[str]:
    """`shared`: settings that are explained once for all."""
    lines = []
    for entry in entries:
        own = [parameter for parameter in entry.parameters if parameter not in shared]
        lines += _entry(entry, own, [_needs(entry), _facts(entry)])
    return lines


def _entry(entry: type, parameters: Iterable[Parameter], facts: list[str]) -> list[str]:
    doc = " ".join((inspect.getdoc(entry) or "").split())
    lines = [f"### `{entry.name}`: {entry.label}", "", entry.help, "", doc, ""]
    if said := " ".join(fact for fact in facts if fact):
        lines += [said, ""]
    settings = _settings(parameters)
    return [*lines, *settings, ""] if settings else lines


def _needs(entry: Any) -> str:
    return "Batch-aware by itself." if entry.batch_aware else ""


def _facts(entry: Any) -> str:
    cost = f" Cost: {entry.cost}." if entry.cost else ""
    return f"{entry.reference.rstrip('.')}.{cost}" if entry.reference else cost.strip()


def _settings(parameters: Iterable[Parameter]) -> list[str]:
    return [
        f"* `{p.name}` ({p.allowed}; default `{p.default}`): {p.label}." + (f" {p.help}" if p.help else "") for p in parameters
    ]


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
