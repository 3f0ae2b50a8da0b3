"""The entry point of RQ's workers: short or resumable, and the only place where an unexpected error is caught."""

import logging
import os
import traceback

from django.db import transaction

from learning import suspicious
from learning.actions import fail_run
from learning.analysis.measure import measure as measured
from learning.analysis.measure import plan_key
from learning.analysis.room import Computer, Room
from learning.analysis.worker import Analyst, Yield, fail_trial
from learning.configuration import EngineError
from learning.dispatch import wake_and_enqueue, work_waits
from learning.labeling.worker import Labeler
from learning.loop import Loop
from learning.models import Run, Trial
from learning.phases import Phase, StalePhase, move
from projects import leases

logger = logging.getLogger("alambic.learning")


def advance(trial_id: int) -> None:
    """Bring a trial as far as it can go: until it must wait for people, is paused, or is over.

    Safe to call at any time and any number of times: whoever holds the trial's lease works, the others leave.
    """
    trial = Trial.objects.select_related("run__project").filter(pk=trial_id).first()
    if trial is None or (token := leases.claim(trial)) is None:
        return
    with leases.heartbeat(trial, token):
        while True:
            trial = Trial.objects.select_related("run__project").filter(pk=trial_id).first()
            if trial is None:  # its project was deleted
                return
            try:
                worker = Labeler if trial.run.kind == Run.Kind.LABELING else Loop
                worker(trial, token).run_until_blocked()
            except (leases.LeaseLost, StalePhase):
                logger.info("trial %s went to another worker", trial_id)
                return
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in a run is shown on its page, with a retry button
                _fail(trial_id, token, error)
            if leases.release(trial, token, seen=trial.wakeups) or not Trial.objects.filter(pk=trial_id, worker=token).exists():
                return  # given back, or lost to another worker meanwhile


def analyse(trial_id: int) -> None:
    """A job's whole process works for one trial of an analysis; it computes at a low priority: people's pages come first.

    It writes at the ordinary priority. SQLite has one writer at a time, so whoever is pushed aside while it writes holds up all
    that label.
    """
    room = Room()
    computer = Computer(room)
    try:
        analyse_here(trial_id, gives_way=work_waits, computer=computer, room=room)
    finally:
        computer.leave()
        room.leave()


def analyse_here(trial_id: int, gives_way=lambda: False, computer: Computer | None = None, room: Room | None = None) -> None:
    """Bring a trial of an analysis to its end, as far as the run's state lets it. As safe to call as `advance`."""
    trial = Trial.objects.select_related("run__project").filter(pk=trial_id).first()
    if trial is None or not Run.Status(trial.run.status).is_active or (token := leases.claim(trial)) is None:
        return
    with leases.heartbeat(trial, token):
        try:
            Analyst(trial, token, gives_way, computer, room).run_until_blocked()
        except (leases.LeaseLost, StalePhase):
            logger.info("trial %s went to another worker", trial_id)
            return
        except Yield:
            leases.release(trial, token)
            with transaction.atomic():
                wake_and_enqueue(trial)
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a trial is shown on its page; the others go on
            logger.exception("trial %s failed", trial_id)
            try:
                fail_trial(trial, token, _in_words(error), traceback.format_exc())
            except (leases.LeaseLost, StalePhase):
                return
        leases.release(trial, token)


def measure(run_id: int) -> None:
    """How long a draft of an analysis will take. A second job for the same plan finds the answer and leaves."""
    os.nice(10)
    measure_here(run_id)


def measure_here(run_id: int) -> None:
    run = Run.objects.select_related("project").filter(pk=run_id, kind=Run.Kind.ANALYSIS, status=Run.Status.DRAFT).first()
    if run is None:
        return
    key = plan_key(run.project, run.configuration)
    if run.estimate.get("plan") == key and not run.estimate.get("error"):
        return
    try:
        estimate = measured(run.project, run.configuration)
    except Exception as error:  # noqa: BLE001 - shown beside the plan, which can be started without an estimate
        logger.exception("the plan of run %s could not be measured", run_id)
        estimate = {"error": _in_words(error)}
    Run.objects.filter(pk=run_id, status=Run.Status.DRAFT).update(estimate=estimate | {"plan": key})


def look_for_suspicious(search_id: int) -> None:
    """Look for labels that a model contradicts; at a low priority, as analyses are."""
    os.nice(10)
    suspicious.look(search_id)


def _fail(trial_id: int, token: str, error: Exception) -> None:
    logger.exception("trial %s failed", trial_id)
    trial = Trial.objects.select_related("run").filter(pk=trial_id).first()
    if trial is None:
        return
    text = _in_words(error)
    if trial.phase not in {Phase.FAILED, Phase.FINISHED}:
        move(trial, Phase.FAILED, worker=token, detail=text[:300])
    fail_run(trial.run, text, traceback.format_exc())


def _in_words(error: Exception) -> str:
    if isinstance(error, EngineError):
        return str(error)
    return f"Unexpected {type(error).__name__}: {error}. Retry once; if it fails again, report it with the traceback."
