"""Where a trial stands: one table says what may follow what, and `move` is the only writer of a phase."""

from django.db import models
from django.db.models.functions import Now


class IllegalMove(Exception):
    """The table does not allow this phase after that one."""


class StalePhase(Exception):
    """Another worker holds the trial: what this one was about to write must not be written."""


class Phase(models.TextChoices):
    PREPARING = "preparing", "Preparing features"
    WAITING = "waiting", "Waiting for labels"
    TRAINING = "training", "Training"
    PREDICTING = "predicting", "Predicting"
    EVALUATING = "evaluating", "Evaluating"
    SELECTING = "selecting", "Selecting queries"
    LABELING = "labeling", "Writing labels"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"

    @property
    def needs_worker(self) -> bool:
        return self not in {Phase.WAITING, Phase.FINISHED, Phase.FAILED}

    @property
    def may_go_to(self) -> frozenset["Phase"]:
        return FOLLOWS[self]


_P = Phase
FOLLOWS: dict[Phase, frozenset[Phase]] = {
    _P.PREPARING: frozenset({_P.WAITING, _P.TRAINING, _P.SELECTING, _P.EVALUATING, _P.LABELING, _P.FINISHED, _P.FAILED}),
    # SELECTING without training: fewer than two classes are labelled, so no model can be trained yet.
    # EVALUATING and LABELING: of a run that labels the rest, whose model is trained already.
    _P.WAITING: frozenset({_P.TRAINING, _P.SELECTING, _P.PREPARING, _P.EVALUATING, _P.LABELING, _P.FINISHED, _P.FAILED}),
    _P.TRAINING: frozenset({_P.PREDICTING, _P.PREPARING, _P.FINISHED, _P.FAILED}),
    _P.PREDICTING: frozenset({_P.EVALUATING, _P.PREPARING, _P.FAILED}),
    _P.EVALUATING: frozenset({_P.SELECTING, _P.WAITING, _P.FINISHED, _P.PREPARING, _P.FAILED}),
    _P.LABELING: frozenset({_P.FINISHED, _P.PREPARING, _P.FAILED}),
    _P.SELECTING: frozenset({_P.WAITING, _P.TRAINING, _P.SELECTING, _P.FINISHED, _P.PREPARING, _P.FAILED}),
    # A retry or a restart after a crash begins by preparing (which finds its work done).
    _P.FAILED: frozenset({_P.PREPARING}),
    _P.FINISHED: frozenset(),
}


def move(trial, target: Phase, *, worker: str | None = None, detail: str = "") -> None:
    """Put `trial` into `target`: one conditional UPDATE, "where the phase (and the worker) are still those I hold".

    Raises IllegalMove where the table does not allow it, StalePhase where somebody else was there first.
    """
    source = Phase(trial.phase)
    if target not in source.may_go_to:
        raise IllegalMove(f"Trial {trial.pk} cannot go from {source} to {target}.")
    held = type(trial).objects.filter(pk=trial.pk, phase=source)
    if worker is not None:
        held = held.filter(worker=worker)
    if held.update(phase=target, phase_since=Now(), detail=detail) != 1:
        raise StalePhase(f"Trial {trial.pk} is not in {source} any more, or its worker is another.")
    trial.phase, trial.detail = target.value, detail


def show(trial, phase: Phase, *, worker: str, detail: str = "") -> None:
    """Write what a trial of an analysis does now. Its rounds may last milliseconds, so not every phase is written: the table of
    moves does not apply. Raises StalePhase where the worker is another one by now.
    """
    held = type(trial).objects.filter(pk=trial.pk, worker=worker).exclude(phase__in=[Phase.FINISHED, Phase.FAILED])
    if held.update(phase=phase, phase_since=Now(), detail=detail[:300]) != 1:
        raise StalePhase(f"Trial {trial.pk} has another worker, or is over.")
    trial.phase, trial.detail = phase.value, detail
