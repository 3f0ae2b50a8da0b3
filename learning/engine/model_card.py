"""The model card: what an exported model is, how good it is, and how to use it (Mitchell et al. 2019)."""

from typing import Any

from learning.engine.features import features
from learning.engine.metrics import METRICS as OF_ONE_LABEL
from learning.engine.multilabel.metrics import METRICS as OF_SEVERAL

_PRINT_ONE = ["print(model.predict(items), model.predict_proba(items).max(axis=1))"]
# A row of zeros and ones per item, a column per label.
_PRINT_SEVERAL = [
    "for item, row in zip(items, model.predict(items)):",
    "    print(item, model.classes_[row.astype(bool)].tolist())",
    "probabilities = model.predict_proba(items)  # a column per label, in the order of model.classes_",
]
_ITEMS = {
    "text": ("texts", '["a text", "another text"]'),
    "image": ("images (paths, open files, bytes or arrays)", '["photo.png"]'),
    "table": ("a pandas DataFrame with the columns of the training data", 'pandas.read_csv("rows.csv")'),
}
METRICS = OF_SEVERAL | OF_ONE_LABEL
_IMPORTS = {"table": "import pandas, skops.io"}


def model_card(info: dict[str, Any]) -> str:
    """Markdown from these facts, each of which may be missing: name, project, description, modality, classes, several (whether an
    item may have any number of labels), configuration, metrics (name -> value, low, high), n_labeled, n_test, rounds,
    fingerprint, versions, trusted_types, file (its name)."""
    parts = [f"# {_line(info.get('name') or 'Model')}", _task(info), _scores(info), _training(info), _limits(info), _usage(info)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(text: Any) -> str:
    return " ".join(str(text).split())


def _task(info: dict[str, Any]) -> str:
    items = _ITEMS.get(info.get("modality", ""), ("items", ""))[0]
    classes = [f"`{_line(name)}`" for name in info.get("classes") or []]
    given = "any number" if info.get("several") else "one"
    lines = ["## What it does", f"It reads {items} and gives each {given} of {len(classes)} labels: {', '.join(classes)}."]
    if info.get("project"):
        lines.append(f"It was trained in the project {_line(info['project'])}.")
    if info.get("description"):
        lines.append("\n" + info["description"].strip())
    return "\n".join([lines[0], "", *lines[1:]])


def _scores(info: dict[str, Any]) -> str:
    metrics, n_test = info.get("metrics") or {}, info.get("n_test") or 0
    if not metrics or not n_test:
        return "## How good it is\n\nIt was not measured: the run had no labelled test set."
    rows = [
        f"| {METRICS[name]['label']} | {_number(m['value'])} | {_interval(m)} |" for name, m in metrics.items() if name in METRICS
    ]
    head = f"Measured on {n_test} items that were drawn at random, labelled, and never trained on."
    return "\n".join(["## How good it is", "", head, "", "| metric | value | 95 % interval |", "|---|---|---|", *rows])


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _interval(metric: dict[str, float | None]) -> str:
    if metric.get("low") is None:
        return ""
    return f"{metric['low']:.3f} to {metric['high']:.3f}"


def _training(info: dict[str, Any]) -> str:
    lines = [
        "## How it was trained",
        "",
        f"With {info.get('n_labeled', 0)} labels, in {info.get('rounds', 0)} rounds of active learning.",
    ]
    configuration = info.get("configuration") or {}
    for part in ("features", "learner", "strategy"):
        if settings := configuration.get(part):
            own = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "name")
            lines += [
                "" if part == "features" else None,
                f"- {part.capitalize()}: {settings['name']}" + (f" ({own})" if own else ""),
            ]
    facts = [("Random state", configuration.get("random_state")), ("Fingerprint of the data", info.get("fingerprint"))]
    lines += [f"- {label}: {value}" for label, value in facts if value not in (None, "")]
    if versions := info.get("versions"):
        lines.append("- Versions: " + ", ".join(f"{package} {version}" for package, version in sorted(versions.items())))
    return "\n".join(line for line in lines if line is not None)


def _limits(info: dict[str, Any]) -> str:
    if info.get("several"):
        answers = (
            "- It answers for each label by itself, with those of a probability of 0.5 and more: none of them is an answer too.\n"
            "- A label with few or no examples among the labels it learnt from is hardly ever given.\n"
        )
        calibration = "- Probabilities are not guaranteed to be calibrated."
    else:
        answers = "- It always answers with one of its labels, also where none fits. Look at the probabilities.\n"
        calibration = (
            "- Probabilities are not guaranteed to be calibrated; see the calibration error above, where it was measured."
        )
    return (
        "## Limits\n\n"
        "- The scores hold for items like those of the project. Other sources, times or languages may do worse.\n"
        + answers
        + "- It was trained on items that the learner chose, so the mix of its training labels is not that of the data.\n"
        + calibration
    )


def _usage(info: dict[str, Any]) -> str:
    modality = info.get("modality", "text")
    example = _ITEMS.get(modality, ("", "items"))[1]
    name = ((info.get("configuration") or {}).get("features") or {}).get("name", "")
    entry = features.get(name) if name in features else None
    extra = f" and {entry.requires}" if entry and entry.requires else ""
    needs = f"It needs scikit-learn and skops{extra}"
    beside = f" The file `{entry.module}.py` must lie beside it." if entry and entry.module else ""
    code = [
        f"import {entry.module}, skops.io" if entry and entry.module else _IMPORTS.get(modality, "import skops.io"),
        f"trusted = {info.get('trusted_types') or []!r}",
        f"model = skops.io.load({info.get('file') or 'model.skops'!r}, trusted=trusted)",
        f"items = {example}",
        *(_PRINT_SEVERAL if info.get("several") else _PRINT_ONE),
    ]
    return "\n".join(["## How to use it", "", f"{needs}, best in the versions above.{beside}", "", "```python", *code, "```"])
