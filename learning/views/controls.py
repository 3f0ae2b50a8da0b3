"""The buttons of a run: what may be done with it, in which words, and when."""

from learning import actions
from learning.models import Run

# name -> (function, words of the button, statuses in which it is offered, what it says when done)
ACTIONS = {
    "start": (actions.start_run, "Start", {"draft"}, "started"),
    "pause": (actions.pause_run, "Pause", {"queued", "running"}, "paused"),
    "resume": (actions.resume_run, "Resume", {"paused"}, "resumed"),
    "retry": (actions.retry_run, "Try again", {"failed"}, "being tried again"),
    "stop": (actions.stop_run, "Stop", {"queued", "running", "paused"}, "stopping"),
    "delete": (actions.delete_draft, "Delete the draft", {"draft"}, "deleted"),
}
CONFIRM = {
    "stop": "Stop this run for good? What was labelled is learnt once more, the model is kept, and nothing more is asked.",
    "delete": "Delete this draft? Nothing was labelled for it.",
}
_STARTED = {"queued", "running", "paused", "finished", "stopped", "failed"}
# What is different where a run has many trials.
_OF_ANALYSES = {
    "retry": (actions.retry_trials, "Try the failed trials again", _STARTED, "trying its failed trials again"),
    "stop": (actions.stop_run, "Stop", {"queued", "running", "paused"}, "stopped"),
}
_CONFIRM_ANALYSES = {
    "stop": "Stop this analysis? The rounds that are done are kept and reported; the others are not tried.",
    "delete": "Delete this draft?",
}


def actions_of(run: Run) -> dict[str, tuple]:
    return ACTIONS | _OF_ANALYSES if run.kind == Run.Kind.ANALYSIS else ACTIONS


def offered(run: Run, *, manages: bool, n_failed: int = 0) -> list[dict[str, str]]:
    """The buttons that are shown now. n_failed: of an analysis, its failed trials."""
    if not manages:
        return []
    confirm = CONFIRM | _CONFIRM_ANALYSES if run.kind == Run.Kind.ANALYSIS else CONFIRM
    found = []
    for name, (_, label, statuses, _) in actions_of(run).items():
        if run.status not in statuses or (run.stop_requested and name != "retry"):
            continue
        if run.kind == Run.Kind.ANALYSIS and name == "retry" and not n_failed:
            continue
        found.append({"name": name, "label": label, "confirm": confirm.get(name, "")})
    return found
