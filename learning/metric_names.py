"""What metrics and phases are called on pages."""

_METRICS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
    "log_loss": "Log loss",
    "roc_auc": "ROC AUC",
    "ece": "Calibration error",
}
_AVERAGES = ("macro", "micro", "weighted")


def metric_label(name: str) -> str:
    """`f1_macro` -> `F1 (macro)`; also of a metric that nobody has named here."""
    if name in _METRICS:
        return _METRICS[name]
    head, _, average = name.rpartition("_")
    if average in _AVERAGES and head:
        return f"{_words(head)} ({average})"
    return _words(name)


def _words(name: str) -> str:
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
