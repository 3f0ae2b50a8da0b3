"""What should be running and is not gets a job again: after FLUSHALL, a killed worker, a power cut.

Called every few seconds by the keeper of `manage.py start`, by the workers' own maintenance, and by `manage.py recover`.
Cheap when all is well: two queries and one look at Redis. Calling it too often, or from many places at once, does no harm.
"""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from learning import suspicious
from learning.dispatch import ANALYSES, QUEUE, job_id, wake_all, wake_and_enqueue
from learning.models import Event, Run, Trial
from learning.phases import Phase
from learning.waiting import must_wait
from projects import jobs as import_jobs
from projects import leases


def recover() -> int:
    """Enqueue whatever has work and nobody at it; how many that were."""
    return _recover_trials() + _recover_analyses() + suspicious.recover() + import_jobs.recover()


def _abandoned():
    """Trials of active runs at which nobody works and that are not over."""
    active = Trial.objects.filter(run__status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    silent = Q(worker="") | Q(heartbeat_at=None) | Q(heartbeat_at__lt=timezone.now() - leases.STALE_AFTER)
    return active.filter(silent).exclude(phase__in=[Phase.FINISHED, Phase.FAILED])


def _recover_analyses() -> int:
    """An analysis has up to thousands of trials that stand in the queue: only numbers are read of them, and only those are
    touched whose job is gone."""
    import django_rq

    rows = list(_abandoned().filter(run__kind=Run.Kind.ANALYSIS).values_list("pk", "wakeups", "run_id").order_by("pk"))
    if not rows:
        return 0
    queued = set(django_rq.get_queue(ANALYSES).get_job_ids())
    lost = [(pk, run_id) for pk, wakeups, run_id in rows if job_id(pk, wakeups) not in queued]
    for run in Run.objects.filter(pk__in={run_id for _, run_id in lost}):
        with transaction.atomic():
            wake_all(run, Trial.objects.filter(pk__in=[pk for pk, run_id in lost if run_id == run.pk]))
    return len(lost)


def _recover_trials() -> int:
    import django_rq

    candidates = [
        trial
        for trial in _abandoned().exclude(run__kind=Run.Kind.ANALYSIS).select_related("run")
        if Phase(trial.phase).needs_worker or trial.run.stop_requested or must_wait(trial) is None
    ]
    if not candidates:
        return 0
    queue = django_rq.get_queue(QUEUE)
    # By membership in the queue's list, not by the job's status: a job that was popped by a worker that then died says
    # "queued" for ever.
    queued = set(queue.get_job_ids())
    # A job that was started this moment has not claimed its trial yet: RQ's own registry of started jobs covers it briefly.
    count = 0
    for trial in candidates:
        if job_id(trial.pk, trial.wakeups) in queued:
            continue
        lost = leases.is_stale(trial)
        with transaction.atomic():
            wake_and_enqueue(trial)
            if lost:
                text = f"The worker was lost while {Phase(trial.phase).label.lower()}; going on from round {trial.round_number}."
                Event.objects.create(run=trial.run, level=Event.Level.WARNING, message=text)
        count += 1
    return count
