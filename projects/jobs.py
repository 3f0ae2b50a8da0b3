"""The import job of RQ's workers, and what makes it again when it is lost."""

import json
import logging
import tempfile
import time
from pathlib import PurePath

from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from projects import leases, notices
from projects.importing.check import Plan, drop_keys_in_use
from projects.importing.cleanup import remove_pictures
from projects.importing.errors import ImportRefused
from projects.importing.receive import QUEUE, enqueue, job_id, stored_name
from projects.importing.sources import open_source
from projects.importing.spool import Spool
from projects.importing.write import insert_items
from projects.labels import ensure_labels
from projects.models import Dataset
from projects.signals import dataset_imported
from projects.task_types import task_type

logger = logging.getLogger("alambic.imports")
Status = Dataset.Status
_TO_DO = [Status.QUEUED, Status.RUNNING]


def import_dataset(dataset_id: int) -> None:
    """Import a queued data set, whole or not at all. Safe to call any number of times: one worker holds its lease."""
    dataset = Dataset.objects.select_related("project").filter(pk=dataset_id, status__in=_TO_DO).first()
    if dataset is None or (token := leases.claim(dataset)) is None:
        return
    if dataset.status not in _TO_DO:  # `claim` waited while its holder wrote the items, which no heartbeat gets past
        leases.release(dataset, token)
        return
    try:
        with leases.heartbeat(dataset, token):
            Dataset.objects.filter(pk=dataset.pk, worker=token).update(status=Status.RUNNING, processed=0)
            _import(dataset, token)
    except leases.LeaseLost:
        logger.info("import %s went to another worker", dataset_id)
    except ImportRefused as error:
        _fail(dataset, token, error.message)
    except IntegrityError:
        text = "Another import brought items with the same keys at the same moment. Nothing was imported: try again."
        _fail(dataset, token, text)
    except Exception as error:  # noqa: BLE001 - the page says what went wrong, and nothing is half imported
        logger.exception("import %s failed", dataset_id)
        _fail(
            dataset,
            token,
            f"Unexpected {type(error).__name__}: {error}. Nothing was imported. Try again; if it fails again, report it.",
        )


def send_notices() -> None:
    """Send what is due, to webhooks and mailboxes. Safe to call any number of times, in any number of workers."""
    notices.send_due()


def _recover_notices() -> int:
    """Retries are not kept in Redis: whatever is due by now is sent by the next job."""
    import django_rq

    if not notices.due().exists():
        return 0
    queue = django_rq.get_queue(notices.QUEUE)
    if any(job is not None and job.func_name == "projects.jobs.send_notices" for job in queue.get_jobs(0, 50)):
        return 0
    notices.enqueue_due()
    return 1


def recover() -> int:
    """Enqueue imports that should run and have nobody at them, and notices that are due; how many jobs."""
    return _recover_notices() + _recover_imports()


def _recover_imports() -> int:
    import django_rq

    abandoned = Q(worker="") | Q(heartbeat_at=None) | Q(heartbeat_at__lt=timezone.now() - leases.STALE_AFTER)
    waiting = list(Dataset.objects.filter(abandoned, status__in=_TO_DO))
    if not waiting:
        return 0
    queued = set(django_rq.get_queue(QUEUE).get_job_ids())
    lost = [dataset for dataset in waiting if job_id(dataset.pk, dataset.wakeups) not in queued]
    for dataset in lost:
        with transaction.atomic():
            enqueue(dataset)
    return len(lost)


def _import(dataset: Dataset, token: str) -> None:
    """First every row is looked at, and nothing is written; then everything is written at once."""
    with (
        tempfile.TemporaryFile("w+", newline="", encoding="utf-8") as report,
        tempfile.TemporaryFile() as passed,
        open_source(dataset) as stream,
    ):
        plan, spool = Plan(report), Spool(passed)
        for record in stream(plan, _Progress(dataset, token)):
            if plan.accept(record):
                spool.add(record)
        drop_keys_in_use(dataset.project, plan)
        if plan.accepted == 0:
            _keep_report(dataset, plan)
            dataset.rows, dataset.skipped, dataset.errors = plan.rows, plan.skipped, plan.errors  # for _fail
            first = f" The first: row {plan.errors[0]['row']} {plan.errors[0]['error']}." if plan.errors else ""
            raise ImportRefused(
                f"Nothing can be imported: {plan.rows:,} read, all left out; the report names each reason.{first}"
            )
        _keep_report(dataset, plan)
        _store(dataset, token, spool, plan)


def _store(dataset: Dataset, token: str, spool: Spool, plan: Plan) -> None:
    chunks = spool.chunks()
    labels = plan.labels
    if len(plan.places) < spool.rows:  # some keys were in use
        chunks = ([row for row in chunk if row[0] in plan.places] for chunk in chunks)
        labels = _labels(dataset, spool, plan)
    message = " ".join(filter(None, [dataset.message, plan.warning()]))
    with transaction.atomic():
        leases.assert_held(dataset, token)
        ids = ensure_labels(dataset.project, labels)
        count, labeled = insert_items(dataset, chunks, ids)
        fields = {"rows": plan.rows, "processed": plan.rows, "imported": count, "labeled": labeled, "skipped": plan.skipped}
        fields |= {"errors": plan.errors, "report": dataset.report.name, "status": Status.FINISHED}
        fields |= {"message": message}
        Dataset.objects.filter(pk=dataset.pk).update(**fields, finished_at=timezone.now(), worker="", heartbeat_at=None)
        dataset.refresh_from_db()
        dataset_imported.send(Dataset, dataset=dataset)


def _labels(dataset: Dataset, spool: Spool, plan: Plan) -> list[str]:
    """Of the rows that go in: those of the others are no labels of the project."""
    task = task_type(dataset.project.task)
    values = dict.fromkeys(row[2] for chunk in spool.chunks() for row in chunk if row[2] and row[0] in plan.places)
    return [name for value in values for name in task.names_in(json.loads(value))]


def _keep_report(dataset: Dataset, plan: Plan) -> None:
    """The rows that were left out, as a file; written before the commit, which then names it."""
    if plan.skipped:
        plan.report.flush()
        name = stored_name(f"{PurePath(dataset.name).stem[:100]}-left-out.csv")
        dataset.report.save(name, File(plan.report.buffer), save=False)
        dataset.report.close()


def _fail(dataset: Dataset, token: str, message: str) -> None:
    """Nothing was imported: the message says why, and the pictures that were stored on the way go."""
    fields = {"status": Status.FAILED, "message": message, "finished_at": timezone.now(), "report": dataset.report.name or ""}
    fields |= {"rows": dataset.rows, "skipped": dataset.skipped, "errors": dataset.errors}
    mine = Dataset.objects.filter(pk=dataset.pk, worker=token)
    if mine.update(**fields, worker="", heartbeat_at=None) == 1:  # else another worker is at it, and these are its pictures
        remove_pictures(dataset)


class _Progress:
    """Commits how far the reading is, at most twice a second."""

    def __init__(self, dataset: Dataset, token: str) -> None:
        self.mine = Dataset.objects.filter(pk=dataset.pk, worker=token)
        self.said_at = 0.0

    def __call__(self, rows: int) -> None:
        if time.monotonic() - self.said_at > 0.5:
            self.said_at = time.monotonic()
            if self.mine.update(processed=rows) != 1:
                raise leases.LeaseLost("Somebody else imports this now.")
