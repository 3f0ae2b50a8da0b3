"""How scores and settings are written on the pages of runs."""

from django import template

from learning import engine
from learning.metric_names import metric_label

register = template.Library()
_WORDS = {"batch_size": "Batch size", "seed_size": "Seed size", "test_ratio": "Test share", "exploration": "Exploration share"}


@register.filter
def score(value: object) -> str:
    """Three decimals for a score, a plain number for a count."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or (float(value).is_integer() and abs(value) > 1) else f"{value:.3f}"


@register.filter
def seconds(value: float | None) -> str:
    """`0.42 s`, `3 min 20 s`, `2 h 5 min`."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def choice_title(value: str) -> str:
    """Of a mode or an oracle."""
    return {"known": "Known labels first"}.get(value, value.capitalize())


@register.filter
def metric_name(name: str) -> str:
    return metric_label(name)


@register.filter
def settings_lines(configuration: dict) -> list[tuple[str, str]]:
    """A configuration in words, a line per setting, in the order of the form."""
    lines = []
    for section, registry in (("features", engine.features), ("learner", engine.learners), ("strategy", engine.strategies)):
        if section in configuration:
            lines.append((section.capitalize(), _entry(configuration[section], registry)))
    lines += [("Stop", _entry(criterion, engine.criteria)) for criterion in configuration.get("stop", [])]
    rest = [key for key in configuration if key not in {"features", "learner", "strategy", "stop"}]
    return lines + [(_WORDS.get(key, metric_label(key)), _plain(configuration[key])) for key in rest if configuration[key] != []]


def _entry(entry: dict, registry: engine.Registry) -> str:
    """`TF-IDF: unit words, n-grams up to 2`; a plug-in that is not installed any more keeps the names that were stored."""
    name = entry.get("name", "")
    declared = registry.get(name) if name in registry else None
    label = declared.label if declared else metric_label(name)
    labels = {parameter.name: parameter.label.lower() for parameter in declared.parameters} if declared else {}
    texts = [f"{labels.get(key) or key.replace('_', ' ')} {_plain(value)}" for key, value in entry.items() if key != "name"]
    return f"{label}: {', '.join(texts)}" if texts else label


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
