"""A labelling run as plain data: what its page shows and what REST reports."""

from typing import Any

from annotation.models import Purpose, Query
from learning import engine
from learning.labeling.settings import AUDITS, VERSIONS, spent_on
from learning.models import Audit, Run

_CLOSED = [Query.Status.ANSWERED, Query.Status.SKIPPED, Query.Status.DISPUTED]


def audit_facts(run: Run) -> dict[str, Any]:
    """Everything there is so far; `state` is one of draft, preparing, checking, proven, refused, labeled, undone, declined."""
    configuration = run.configuration
    audit = Audit.objects.filter(run=run).first()
    source = Run.objects.get(pk=configuration["source"])
    checks = Query.objects.filter(trial__run=run, purpose=Purpose.CHECK)
    asked, answered = checks.exclude(status=Query.Status.WITHDRAWN).count(), checks.filter(status__in=_CLOSED).count()
    decision = audit.decision if audit else None
    found = {
        "state": _state(run, audit),
        "source": {"id": source.pk, "name": str(source)},
        "accuracy": configuration["accuracy"],
        "certainty": configuration["certainty"],
        "delta": configuration["delta"],
        "audit": {"name": configuration["audit"], "text": AUDITS[configuration["audit"]]},
        "version": {"name": configuration["version"], "text": VERSIONS[configuration["version"]]},
        "checks": {"asked": asked or configuration["checks"], "answered": answered},
        "rest": audit.n_rest if audit else None,
        "decision": decision,
        "reliability": audit.calibration.get("reliability") if audit else None,
        "labeled": audit.n_labeled if audit else 0,
        "returned": audit.n_returned if audit else 0,
        "accepted_at": audit.accepted_at if audit else None,
        "applied_at": audit.applied_at if audit else None,
        "undone_at": audit.undone_at if audit else None,
    }
    if decision and not decision["accepted"]:
        found["again"] = _again(run, source)
    return found


def _state(run: Run, audit: Audit | None) -> str:
    if run.status == Run.Status.DRAFT:
        return "draft"
    if audit is None or not audit.n_rest:
        return "declined" if Run.Status(run.status).is_over else "preparing"
    if audit.undone_at:
        return "undone"
    if audit.applied_at:
        return "labeled"
    if audit.decision and not audit.decision["accepted"]:
        return "refused"
    if Run.Status(run.status).is_over:
        return "declined"
    if audit.accepted_at:
        return "labeling"
    return "proven" if audit.decision else "checking"


def _again(run: Run, source: Run) -> dict[str, Any]:
    """What is left for another audit of the same model under the same promise."""
    left = round(1 - run.configuration["certainty"] - spent_on(source), 12)
    least = engine.checks_needed(run.configuration["accuracy"], 1 - left) if left > 0 else None
    return {"left": max(0.0, left), "least": least}


def models_of(project) -> list[Run]:
    """The runs of a project that have a model to label with, newest first."""
    return list(Run.objects.filter(project=project, trials__model_file__isnull=False).order_by("-pk"))
