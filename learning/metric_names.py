"""What metrics and phases are called on pages."""

from learning.engine.metrics import METRICS


def metric_label(name: str) -> str:
    """`f1_macro` -> `F1 (macro)`; also of a metric, a phase or an entry that nobody has named."""
    if name in METRICS:
        return METRICS[name]["label"]
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def lower_is_better(name: str) -> bool:
    return name in METRICS and not METRICS[name]["higher_is_better"]
