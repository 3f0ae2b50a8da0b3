"""What people do with runs: one function per intent, each one transaction; pages, REST and commands call the same ones."""

import platform
from dataclasses import asdict
from importlib.metadata import version

from django.db import transaction
from django.utils import timezone

from annotation import queries
from learning.analysis import settings as plan
from learning.configuration import ConfigurationError, run_items, validate
from learning.dispatch import wake_all, wake_and_enqueue
from learning.labeling import settings as labeling
from learning.models import Event, Run, Trial
from learning.phases import Phase, move
from projects.errors import WrongState
from projects.models import Project, User
from projects.notices import notify

Status = Run.Status


def create_run(user: User | None, project: Project, kind: str, configuration: dict, name: str = "") -> Run:
    """A draft with a complete, validated configuration. Raises ConfigurationError."""
    if kind == Run.Kind.LABELING:
        complete = labeling.validate(project, configuration)
        name = name or f"Labels at {complete['accuracy']:g} by run {complete['source']}"
    elif kind in _VALIDATE:
        complete = _VALIDATE[kind](project, configuration)
    else:
        raise ConfigurationError({"kind": [f"Must be one of {', '.join(Run.Kind.values)}; got {kind!r}."]})
    with transaction.atomic():
        return Run.objects.create(project=project, kind=kind, name=name.strip(), configuration=complete, created_by=user)


def start_run(run: Run, user: User | None) -> None:
    """Fix what the run works on (its items, its classes) and hand it to a worker. Raises WrongState, ConfigurationError."""
    # The data may have changed since the draft was saved.
    if run.kind != Run.Kind.LABELING:
        _VALIDATE[run.kind](run.project, run.configuration)
    with transaction.atomic():
        if run.kind == Run.Kind.LABELING:
            # All audits of one model share its risk: what is left of it is found out, and taken, by one after the other.
            Project.objects.select_for_update(no_key=True).get(pk=run.project_id)
            if Run.objects.filter(pk=run.pk, status=Status.DRAFT).exists():
                run.configuration = labeling.validate(run.project, run.configuration)
                run.save(update_fields=["configuration"])
        _become(run, Status.QUEUED, {Status.DRAFT}, "started", started_at=timezone.now())
        items = run_items(run.project, run.configuration["datasets"])
        run.last_item_id = items.latest("pk").pk
        run.n_items = items.count()
        run.classes = list(run.project.labels.filter(retired_at=None).values_list("pk", flat=True))
        run.versions = {"python": platform.python_version()} | {
            name: version(name) for name in ("numpy", "scipy", "scikit-learn")
        }
        run.save(update_fields=["last_item_id", "n_items", "classes", "versions"])
        if run.kind == Run.Kind.DEVELOPMENT:
            queries.withdraw_plain(run.project)
        if run.kind == Run.Kind.ANALYSIS:
            Trial.objects.bulk_create([Trial(run=run, **asdict(cell)) for cell in plan.cells(run.configuration)], batch_size=500)
        else:
            Trial.objects.create(run=run, **_cell(run.configuration))
        log(run, "Started.", user=user)
        wake_all(run, run.trials.all())


def _cell(configuration: dict) -> dict:
    """Of a development run its strategy, of a labelling run its checks."""
    if "source" in configuration:
        return {"strategy": "random", "batch_size": configuration["checks"]}
    return {"strategy": configuration["strategy"]["name"], "batch_size": configuration["batch_size"]}


def pause_run(run: Run, user: User | None) -> None:
    """Nothing more is trained or asked until the run is resumed. A round that is being computed is still kept."""
    with transaction.atomic():
        _become(run, Status.PAUSED, {Status.QUEUED, Status.RUNNING}, "paused")
        for trial in _asking(run):
            queries.hold(trial)
        log(run, "Paused.", user=user)


def resume_run(run: Run, user: User | None) -> None:
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.PAUSED}, "resumed")
        for trial in _asking(run):
            queries.resume(trial)
        wake_all(run, run.trials.exclude(phase__in=[Phase.FINISHED, Phase.FAILED]))
        log(run, "Resumed.", user=user)
        if run.kind == Run.Kind.ANALYSIS:
            from learning.analysis.worker import finish_if_done  # late: it imports this module

            finish_if_done(run)  # its last trial may have ended while it was paused


def stop_run(run: Run, user: User | None) -> None:
    """End the run with what it has: the labels given so far are learnt once more, then the model is kept.

    An analysis keeps the rounds that were committed.
    """
    if run.kind == Run.Kind.ANALYSIS:
        return _stop_analysis(run, user)
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.QUEUED, Status.RUNNING, Status.PAUSED}, "stopped", stop_requested=True)
        for trial in run.trials.all():
            queries.withdraw_all(trial)
            wake_and_enqueue(trial)
        log(run, f"{user or 'Somebody'} asked the run to stop.", user=user)


def _stop_analysis(run: Run, user: User | None) -> None:
    with transaction.atomic():
        reason = f"Stopped by {user or 'somebody'}; what was done is kept."
        over = {"stop_reason": reason, "finished_at": timezone.now()}
        _become(run, Status.STOPPED, {Status.QUEUED, Status.RUNNING, Status.PAUSED}, "stopped", **over)
        log(run, reason, user=user)


def retry_trials(run: Run, user: User | None, trial_id: int | None = None) -> int:
    """Do the failed trials of an analysis again (or the one), from their last committed round; the others are left alone."""
    with transaction.atomic():
        failed = run.trials.filter(phase=Phase.FAILED)
        failed = failed if trial_id is None else failed.filter(pk=trial_id)
        chosen = list(failed.values_list("pk", flat=True))
        if run.kind != Run.Kind.ANALYSIS or not chosen:
            raise WrongState("No trial of this run has failed." if trial_id is None else "This trial has not failed.")
        if run.status != Status.PAUSED:  # a paused one goes on with the others
            _become(run, Status.QUEUED, {*Status} - {Status.DRAFT}, "retried", stop_reason="", finished_at=None)
        again = run.trials.filter(pk__in=chosen)
        again.update(phase=Phase.PREPARING, detail="", error="", traceback="")
        log(run, f"{len(chosen)} trial{'s' if len(chosen) > 1 else ''} tried again.", user=user)
        # One that was stopped goes on as a whole.
        wake_all(run, run.trials.exclude(phase__in=[Phase.FINISHED, Phase.FAILED]))
    return len(chosen)


def _asking(run: Run):
    """Trials that may have asked people."""
    return run.trials.none() if run.kind == Run.Kind.ANALYSIS else run.trials.all()


def retry_run(run: Run, user: User | None) -> None:
    """Go on after a failure, from the last committed round."""
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.FAILED}, "retried", error="", traceback="")
        for trial in run.trials.filter(phase=Phase.FAILED):
            move(trial, Phase.PREPARING)
            queries.resume(trial)
            wake_and_enqueue(trial)
        log(run, "Tried again.", user=user)


def delete_draft(run: Run, user: User | None) -> None:
    deleted, _ = Run.objects.filter(pk=run.pk, status=Status.DRAFT).delete()
    if not deleted:
        raise WrongState(_sentence(run, "deleted: only a draft can"))


def fail_run(run: Run, error: str, traceback: str) -> None:
    """Called by the loop (and nobody else): the reason for people, the traceback for whoever mends it."""
    with transaction.atomic():
        failed = Run.objects.filter(pk=run.pk).exclude(status__in=[Status.FINISHED, Status.STOPPED])
        if failed.update(status=Status.FAILED, error=error, traceback=traceback):
            for trial in run.trials.all():
                queries.hold(trial)
            log(run, f"Failed: {error}", level=Event.Level.ERROR)
            tell(run, "run_failed", f"failed. {error}"[:1000])


def tell(run: Run, event: str, text: str, happening: str = "") -> None:
    """Tell those who want to know, once per `happening` of the run; in the transaction that did it."""
    what = happening or timezone.now().isoformat()
    notify(run.project, event, f"{event}:{run.pk}:{what}", {"text": f"{run}: {text}", "run": {"id": run.pk, "name": run.name}})


def log(run: Run, message: str, *, user: User | None = None, level: str = Event.Level.INFO) -> None:
    Event.objects.create(run=run, message=message, user=user, level=level)


_VALIDATE = {Run.Kind.DEVELOPMENT: validate, Run.Kind.LABELING: labeling.validate, Run.Kind.ANALYSIS: plan.validate}


def _become(run: Run, target: Status, allowed: set[Status], done: str, **fields) -> None:
    """One conditional UPDATE: two clicks at once do a thing once."""
    changed = Run.objects.filter(pk=run.pk, status__in=allowed)
    if Status.FAILED not in allowed:  # a run that failed while it was stopping may be tried again, and then stops
        changed = changed.filter(stop_requested=False)
    if changed.update(status=target, **fields) != 1:
        run.refresh_from_db()
        raise WrongState(_sentence(run, done))
    run.status = target
    for name, value in fields.items():
        setattr(run, name, value)


def _sentence(run: Run, done: str) -> str:
    if run.stop_requested and not Status(run.status).is_over:
        return f"The run is already stopping; it cannot be {done}."
    return f"The run is {Status(run.status).label.lower()}; it cannot be {done}."
