"""The labels of a run so far as an analysis: would another strategy have done better with them?"""

from django.db import transaction

from learning import engine
from learning.actions import create_run
from learning.analysis.settings import AnalysisFacts
from learning.configuration import refusal
from learning.models import Run
from projects.errors import WrongState
from projects.models import User

BIAS = (
    "These labels are no random sample: a strategy chose most of them, with the hard items among them. The comparison holds "
    "within them; it says which strategy would have made more of these labels, not how good any would be on the whole pool."
)
_OTHERS = ("random", "margin")
_FEWEST_ROUNDS = 8


def replay(run: Run, user: User) -> Run:
    """A draft of an analysis of what is labelled so far, with the run's learner, features, batch size and strategy beside random
    and margin; the draft that is there already, where nothing has changed. Raises WrongState, ConfigurationError."""
    if run.kind != Run.Kind.DEVELOPMENT or run.started_at is None:
        raise WrongState("Only the labels of a development run that was started can be replayed.")
    if refused := refusal(run.project, "analysis"):
        raise WrongState(refused)
    name = f"Replay of {run}"[:120]
    with transaction.atomic():
        draft = create_run(user, run.project, Run.Kind.ANALYSIS, settings_of(run), name)
        same = Run.objects.filter(project=run.project, kind=Run.Kind.ANALYSIS, status=Run.Status.DRAFT, name=name)
        for earlier in same.exclude(pk=draft.pk):
            if earlier.configuration == draft.configuration:
                draft.delete()
                return earlier
        return draft


def settings_of(run: Run) -> dict:
    """What `analysis.settings.validate` gets: the run's settings, with a smaller seed and batch where there are few labels."""
    c = run.configuration
    pool = round(AnalysisFacts(run.project, tuple(c.get("datasets", []))).n_usable * 0.8)
    seed_size = max(2, min(c["seed_size"], pool // 4))
    strategies = [c["strategy"], *({"name": name} for name in _OTHERS if name != c["strategy"]["name"])]
    return {
        "strategies": [{"name": "random"}, *(entry for entry in strategies if entry["name"] != "random")],
        "learners": [c["learner"]],
        "features": [c["features"]],
        "batch_sizes": [max(1, min(c["batch_size"], (pool - seed_size) // _FEWEST_ROUNDS))],
        "seed_size": seed_size,
        "max_labels": 0,
        "leave_out": True,
        "datasets": c.get("datasets", []),
        "random_state": c.get("random_state", 0),
        "metric": _metric(run),
    }


def _metric(run: Run) -> str:
    watched = [s.get("metric") for s in run.configuration.get("stop", []) if "target" in s]
    return next((name for name in watched if name in engine.METRICS), "accuracy")
