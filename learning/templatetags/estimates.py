"""How long an analysis will take, on its pages."""

from django import template

from learning.analysis import estimating
from learning.analysis.pages import facet_name
from learning.models import Run

register = template.Library()


@register.simple_tag
def estimate_of(run: Run) -> dict:
    """See `learning.analysis.estimating.state`; with the costliest combinations first."""
    found = estimating.state(run)
    if found["state"] == "done":
        parts = [part | {"facet": facet_name(run, part["learner"], part["features"])} for part in found["parts"]]
        parts.append({"strategy": "Preparing the features", "seconds": found["preparing"], "measured": True})
        parts.sort(key=lambda part: -part["seconds"])
        most = max(parts[0]["seconds"], 0.01)
        parts = [part | {"share": part["seconds"] / most} for part in parts]
        found = found | {"parts": parts}
    return found


@register.filter
def duration(seconds: float) -> str:
    """`40 seconds`, `4 minutes`, `3 hours`: no more exact than an estimate is."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} seconds"
    if seconds < 90:
        return "1 minute"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    hours = seconds / 3600
    if hours < 36:
        return f"{hours:.1f} hours" if hours < 10 else f"{hours:.0f} hours"
    return f"{hours / 24:.1f} days"
