"""On the page of a run: what the exploration arm and the forecast say, and the button that replays the labels as an analysis."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from learning import replay as replaying
from learning.access import access_run
from learning.analysis import charts
from learning.configuration import ConfigurationError
from learning.live import live_facts
from learning.metric_names import metric_label
from learning.models import Run
from projects.errors import WrongState
from projects.models import Role

_IN_SIGHT = 3  # as many times the random labels: a tenth of all, they would be a dot at the foot of the whole curve


def panel(run: Run) -> dict:
    """The context of `learning/_live.html`."""
    facts = live_facts(run)
    return {"live": facts, "live_chart": chart(facts) if facts and facts["compared"] else "", "replay_bias": replaying.BIAS}


def chart(facts: dict) -> SafeString:
    """This run's curve beside that of learners which were given random labels alone, as far as those can be compared."""
    newest = facts["arms"]
    in_sight = newest["base"] + _IN_SIGHT * newest["labels"]
    chosen = _curve("this run", 1, [(point["labels"], point) for point in facts["curve"] if point["labels"] <= in_sight])
    by_chance = _curve("at random", 0, [(row["base"] + row["labels"], row["random"]) for row in facts["compared"]])
    label = metric_label(facts["metric"])
    return charts.curve_chart([by_chance, chosen], title=f"{label} with the strategy and at random", y_label=label, height=300)


def _curve(name: str, place: int, points: list[tuple[int, dict]]) -> charts.Curve:
    columns = [[score[part] for _, score in points] for part in ("value", "low", "high")]
    return charts.Curve(name, place, [labels for labels, _ in points], *columns)


@login_required
@require_POST
def replay(request: HttpRequest, run_id: int) -> HttpResponse:
    """A draft analysis of the labels so far; the form opens with its settings."""
    run = access_run(request.user, run_id, Role.MANAGER, writes=True)
    try:
        draft = replaying.replay(run, request.user)
    except WrongState as error:
        messages.error(request, str(error))
    except ConfigurationError as error:
        messages.error(
            request, "There is not enough to compare yet. " + " ".join(t for texts in error.errors.values() for t in texts)
        )
    else:
        messages.warning(request, replaying.BIAS)
        return redirect(f"{reverse('analysis-new', args=[run.project_id])}?from={draft.pk}")
    return redirect("run", run.pk)
