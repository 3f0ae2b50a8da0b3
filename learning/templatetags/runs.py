"""How scores and settings are written on the pages of runs."""

from collections.abc import Callable

from django import template
from django.utils.html import format_html, format_html_join

from learning import engine
from learning.configuration import refusal
from learning.metric_names import in_a_sentence, metric_label
from learning.targets import strategy_named
from projects.models import Project

register = template.Library()
_WORDS = {
    "batch_size": "Batch size",
    "seed_size": "Seed size",
    "test_ratio": "Test share",
    "exploration": "Exploration share",
    "second_opinions": "Second opinions",
} | {
    "seed_strategy": "Seed",
    "stop_when": "Of the stop criteria",
    "min_rounds": "Rounds before a stop",
    "disputed": "Disputed items",
}


@register.filter
def score(value: object) -> str:
    """Three decimals for a score, a plain number for a count."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or (float(value).is_integer() and abs(value) > 1) else f"{value:.3f}"


@register.filter
def signed(value: float | None) -> str:
    """Of a difference of scores: `+0.040`, `−0.012`."""
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


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
    """Of a mode, an oracle or what becomes of disputed items."""
    return {"known": "Known labels first", "left_out": "Left out", "majority": "Majority for now"}.get(value, value.capitalize())


@register.filter
def metric_name(name: str) -> str:
    return metric_label(name)


@register.filter(name="in_a_sentence")
def metric_in_a_sentence(name: str) -> str:
    return in_a_sentence(name)


@register.filter
def can_start(project: Project, kind: str) -> bool:
    """Whether there are runs of this kind in a project with this task type."""
    return not refusal(project, kind)


@register.filter
def settings_lines(configuration: dict) -> list[tuple[str, str]]:
    """A configuration in words, a line per setting, in the order of the form."""
    lines = []
    for section, named in (("features", _in(engine.features)), ("learner", _in(engine.learners)), ("strategy", strategy_named)):
        if section in configuration:
            lines.append((section.capitalize(), _entry(configuration[section], named)))
    lines += [("Stop", _entry(criterion, _in(engine.criteria))) for criterion in configuration.get("stop", [])]
    warm_up = configuration.get("warm_up") or {}
    if warm_up.get("labels_per_class"):
        until = f"{_entry(warm_up['strategy'], strategy_named)}, until every class has {warm_up['labels_per_class']} labels"
        lines.append(("Warm-up", until))
    rest = [key for key in configuration if key not in {"features", "learner", "strategy", "stop", "warm_up"}]
    return lines + [(_WORDS.get(key, metric_label(key)), _plain(configuration[key])) for key in rest if configuration[key] != []]


def _in(registry: engine.Registry) -> Callable[[str], type | None]:
    return lambda name: registry.get(name) if name in registry else None


def _entry(entry: dict, named: Callable[[str], type | None]) -> str:
    """`TF-IDF: unit words, n-grams up to 2`; a plug-in that is not installed any more keeps the names that were stored."""
    name = entry.get("name", "")
    declared = named(name)
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


@register.filter
def as_percent(value: float | None) -> str:
    """0.9876 as 98.8 %."""
    return "–" if value is None else f"{100 * value:.1f} %"


@register.filter
def reliability_plot(bins: list[dict]) -> str:
    """Confidence (across) against the share that is right (up), with the line where both are equal, as a small SVG."""
    size, pad = 260, 34
    x = lambda value: pad + value * (size - pad - 6)  # noqa: E731
    y = lambda value: size - pad - value * (size - pad - 6)  # noqa: E731
    points = [b for b in bins if b["n"]]
    marks = format_html_join(
        "",
        '<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" class="whisker"/><circle cx="{0}" cy="{3}" r="4"><title>{4}</title></circle>',
        (
            (
                f"{x(b['mean_confidence']):.1f}",
                f"{y(b['low95']):.1f}",
                f"{y(b['high95']):.1f}",
                f"{y(b['share_correct']):.1f}",
                f"{b['n']} items at confidence {b['mean_confidence']:.2f}: {b['share_correct']:.2f} right",
            )
            for b in points
        ),
    )
    ticks = format_html_join(
        "",
        '<text x="{}" y="{}" class="tick">{}</text><text x="{}" y="{}" class="tick left">{}</text>',
        ((f"{x(t):.1f}", size - pad + 15, t, pad - 6, f"{y(t) + 4:.1f}", t) for t in (0, 0.5, 1)),
    )
    return format_html(
        '<svg class="reliability" viewBox="0 0 {s} {s}" role="img" aria-label="Reliability: confidence against the share right">'
        '<rect x="{p}" y="6" width="{w}" height="{w}" class="frame"/><line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" class="even"/>'
        '{ticks}{marks}<text x="{mid}" y="{s}" class="tick">confidence</text></svg>',
        s=size, p=pad, w=size - pad - 6, x0=x(0), y0=y(0), x1=x(1), y1=y(1), mid=(size + pad) / 2, ticks=ticks, marks=marks,
    )  # fmt: skip
