"""How many labels a better score takes, and how long at the team's pace. The mathematics: engine/evaluation/forecast.py."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from django.utils import timezone

from annotation.models import Query
from learning.engine.evaluation.forecast import FARTHEST, forecast
from learning.metric_names import in_a_sentence, lower_is_better, metric_label
from learning.models import Round, Run, Trial
from learning.state import goal_of, main_metric
from learning.targets import targets_of

GAIN = 0.01
PAUSE = timedelta(minutes=5)  # nobody thinks for longer: a longer gap between two labels is a break
_LOOK_BACK = timedelta(days=14)
_LABELS = 500
_FEWEST = 10


def forecast_of(run: Run, trial: Trial, rounds: Sequence[Round]) -> dict:
    """Of a development run: engine.Forecast as a dict, with the metric, the pace, "hours", "at" (the budget) and "text"."""
    metric = main_metric(run)
    if lower_is_better(metric) or not any(metric in row.metrics for row in rounds):
        metric = targets_of(run.project).main_metric
    scored = [(row.n_labeled, row.metrics[metric]) for row in rounds if row.metrics.get(metric, {}).get("value") is not None]
    labels, values = [n for n, _ in scored], [score["value"] for _, score in scored]
    halves = [None if s.get("low") is None or s.get("high") is None else (s["high"] - s["low"]) / 2 for _, s in scored]
    last = rounds[-1] if rounds else None
    goal = goal_of(run, last.n_labeled + last.n_pool) if last else 0
    # What a budget brings, as far as anything can be said of it.
    ahead = [goal] if labels and labels[-1] < goal <= FARTHEST * labels[-1] else []
    found = asdict(forecast(labels, values, halves, gain=GAIN, ahead=ahead, seed=run.configuration.get("random_state", 0)))
    pace = pace_of(trial)
    goes_on = not Run.Status(run.status).is_over
    found |= {"metric": metric, "metric_label": metric_label(metric), "pace": pace, "goes_on": goes_on}
    for name in ("more", "more_low", "more_high"):
        found[f"hours{name[4:]}"] = found[name] / pace if found[name] is not None and pace else None
    left = last.n_pool if last else 0
    # The curve was continued beyond what there is to label.
    found["beyond_pool"] = found["more"] is not None and found["more"] > left
    found["text"] = _sentence(found)
    return found


def pace_of(trial: Trial, now: datetime | None = None) -> float | None:
    """Labels per hour of work, from the last labels that people gave; None with fewer than ten. Breaks are no work."""
    since = (now or timezone.now()) - _LOOK_BACK
    by_people = trial.queries.filter(status=Query.Status.ANSWERED, wanted__gt=0, closed_at__gte=since)
    times = sorted(by_people.order_by("-closed_at").values_list("closed_at", flat=True)[:_LABELS])
    gaps = [b - a for a, b in zip(times, times[1:], strict=False) if b - a <= PAUSE]
    worked = sum(gaps, timedelta()).total_seconds()
    return len(gaps) * 3600 / worked if len(gaps) >= _FEWEST - 1 and worked > 0 else None


def _sentence(found: dict) -> str:
    """ "About 180 more labels for +1 point in accuracy (90 to 400); at the team's pace 2 hours." """
    more, low, high = found["more"], found["more_low"], found["more_high"]
    what = f"+{found['gain'] * 100:g} point in {in_a_sentence(found['metric'])}"
    if found["problem"]:
        return f"What more labels bring cannot be said yet. {found['problem']}"
    if more is None:
        return f"More than {_round(low):,} more labels for {what}; how many cannot be said yet."
    span = f"{_round(low):,} to {_round(high):,}" if high is not None else f"at least {_round(low):,}"
    text = f"About {_round(more):,} more label{'' if more == 1 else 's'} for {what} ({span})"
    if found["hours"] is not None and found["goes_on"]:
        text += f"; at the team's pace {duration(found['hours'])}"
    return f"{text}." + (" That is more than the pool has left." if found["beyond_pool"] else "")


def _round(n: int) -> int:
    """Two digits: no more exact than it is."""
    size = max(0, len(str(n)) - 2)
    return max(1, round(n, -size))


def duration(hours: float) -> str:
    """As people say it: "a few minutes", "about 40 minutes", "about 2 hours", "about 3 days of 8 hours"."""
    minutes = hours * 60
    if minutes < 3:
        return "a few minutes"
    if minutes < 55:
        return f"about {round(minutes / 5) * 5 or 5} minutes" if minutes >= 10 else f"about {round(minutes)} minutes"
    if hours < 1.25:
        return "about an hour"
    if hours < 16:
        return f"about {hours:.0f} hours" if hours >= 3 or abs(hours - round(hours)) < 0.2 else f"about {hours:.1f} hours"
    return f"about {hours / 8:.0f} days of 8 hours"
