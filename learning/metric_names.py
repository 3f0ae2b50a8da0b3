"""What metrics and phases are called on pages."""

from learning.engine.metrics import METRICS as OF_ONE_LABEL
from learning.engine.multilabel import METRICS as OF_SEVERAL

METRICS = OF_SEVERAL | OF_ONE_LABEL


def metric_label(name: str) -> str:
    """`f1_macro` -> `F1 (macro)`; also of a metric, a phase or an entry that nobody has named."""
    if name in METRICS:
        return METRICS[name]["label"]
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def in_a_sentence(name: str) -> str:
    """ "accuracy", but "F1 (macro)"."""
    label = metric_label(name)
    return label.lower() if label[1:2].islower() else label


def lower_is_better(name: str) -> bool:
    return name in METRICS and not METRICS[name]["higher_is_better"]
