"""What people do with a labelling run: begin, accept, undo. To decline is to stop it."""

from django.db import transaction
from django.utils import timezone

from annotation import queries
from annotation.models import Verdict
from learning.dispatch import wake_and_enqueue
from learning.models import Audit, Run
from projects.errors import WrongState
from projects.models import User


def accept(run: Run, user: User | None) -> None:
    """Label what the checks allow. Raises WrongState where nothing is proven, or somebody was there first."""
    from learning.actions import log

    with transaction.atomic():
        decided = Audit.objects.filter(run=run, run__status=Run.Status.RUNNING, decision__accepted=True, accepted_at=None)
        if not decided.update(accepted_at=timezone.now()):
            raise WrongState(_why_not(run))
        log(run, "Accepted: the labels are being written.", user=user)
        wake_and_enqueue(run.trials.get())


def undo(run: Run, user: User | None) -> int:
    """Take back every label that this run wrote and that still holds; how many. People's labels are not touched."""
    from learning.actions import log

    with transaction.atomic():
        undone = Audit.objects.filter(run=run, undone_at=None).exclude(applied_at=None)
        if not undone.update(undone_at=timezone.now()):
            raise WrongState("There is nothing to undo: this run has written no labels, or they were taken back already.")
        mine = Verdict.objects.filter(project_id=run.project_id, run=run, source=Verdict.Source.MODEL, current=True)
        count = mine.update(current=False)
        queries.withdraw_all(run.trials.get())
        log(run, f"Undone: {count:,} labels are taken back.", user=user)
    return count


def _why_not(run: Run) -> str:
    audit = Audit.objects.filter(run=run).first()
    if audit is None or audit.decision is None:
        return "Not all checks are answered yet: nothing is proven."
    if not audit.decision["accepted"]:
        return "The checks do not prove this accuracy for any part of the items, so nothing can be labelled."
    if audit.accepted_at:
        return "This was accepted already."
    return f"The run is {run.get_status_display().lower()}; it cannot label any more."
