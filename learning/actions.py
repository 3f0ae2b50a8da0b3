"""What people do with runs: one function per intent, each one transaction; pages, REST and commands call the same ones."""

import platform
from importlib.metadata import version

from django.db import transaction
from django.utils import timezone

from annotation import queries
from learning.configuration import ConfigurationError, run_items, validate
from learning.dispatch import wake_and_enqueue
from learning.labeling import settings as labeling
from learning.models import Event, Run, Trial
from learning.phases import Phase, move
from projects.errors import WrongState
from projects.models import Project, User

Status = Run.Status


def create_run(user: User | None, project: Project, kind: str, configuration: dict, name: str = "") -> Run:
    """A draft with a complete, validated configuration. Raises ConfigurationError."""
    if kind == Run.Kind.LABELING:
        complete = labeling.validate(project, configuration)
        name = name or f"Labels at {complete['accuracy']:g} by run {complete['source']}"
    elif kind == Run.Kind.DEVELOPMENT:
        complete = validate(project, configuration)
    else:
        raise ConfigurationError({"kind": ["This version develops models; the analysis of query strategies is not in it yet."]})
    with transaction.atomic():
        return Run.objects.create(project=project, kind=kind, name=name.strip(), configuration=complete, created_by=user)


def start_run(run: Run, user: User | None) -> None:
    """Fix what the run works on (its items, its classes) and hand it to a worker. Raises WrongState, ConfigurationError."""
    # The data may have changed since the draft was saved.
    (labeling.validate if run.kind == Run.Kind.LABELING else validate)(run.project, run.configuration)
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.DRAFT}, "started", started_at=timezone.now())
        items = run_items(run.project, run.configuration["datasets"])
        run.last_item_id = items.latest("pk").pk
        run.n_items = items.count()
        run.classes = list(run.project.labels.filter(retired_at=None).values_list("pk", flat=True))
        run.versions = {"python": platform.python_version()} | {
            name: version(name) for name in ("numpy", "scipy", "scikit-learn")
        }
        run.save(update_fields=["last_item_id", "n_items", "classes", "versions"])
        trial = Trial.objects.create(run=run, **_cell(run.configuration))
        log(run, "Started.", user=user)
        wake_and_enqueue(trial)


def _cell(configuration: dict) -> dict:
    """Of a development run its strategy, of a labelling run its checks."""
    if "source" in configuration:
        return {"strategy": "random", "batch_size": configuration["checks"]}
    return {"strategy": configuration["strategy"]["name"], "batch_size": configuration["batch_size"]}


def pause_run(run: Run, user: User | None) -> None:
    """Nothing more is trained or asked until the run is resumed. A round that is being computed is still kept."""
    with transaction.atomic():
        _become(run, Status.PAUSED, {Status.QUEUED, Status.RUNNING}, "paused")
        for trial in run.trials.all():
            queries.hold(trial)
        log(run, "Paused.", user=user)


def resume_run(run: Run, user: User | None) -> None:
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.PAUSED}, "resumed")
        for trial in run.trials.all():
            queries.resume(trial)
            wake_and_enqueue(trial)
        log(run, "Resumed.", user=user)


def stop_run(run: Run, user: User | None) -> None:
    """End the run with what it has: the labels given so far are learnt once more, then the model is kept."""
    with transaction.atomic():
        _become(run, Status.QUEUED, {Status.QUEUED, Status.RUNNING, Status.PAUSED}, "stopped", stop_requested=True)
        for trial in run.trials.all():
            queries.withdraw_all(trial)
            wake_and_enqueue(trial)
        log(run, f"{user or 'Somebody'} asked the run to stop.", user=user)


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


def log(run: Run, message: str, *, user: User | None = None, level: str = Event.Level.INFO) -> None:
    Event.objects.create(run=run, message=message, user=user, level=level)


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
