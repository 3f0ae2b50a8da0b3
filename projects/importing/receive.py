"""A file comes in: it is stored, looked at, and queued. Nothing of it is an item before all of it is."""

import logging
from functools import partial
from pathlib import PurePath

import django_rq
from django.conf import settings
from django.core.files import File
from django.db import transaction
from redis.exceptions import RedisError

from projects import leases
from projects.importing.archive import open_archive
from projects.importing.errors import ImportRefused
from projects.importing.preview import preview
from projects.importing.rows import kind_of
from projects.models import Dataset, Modality, Project, User

logger = logging.getLogger("alambic.imports")
QUEUE = "imports"
Status = Dataset.Status


def receive(
    project: Project, user: User | None, file: File, labels_file: File | None = None, mapping: dict | None = None
) -> Dataset:
    """Store an uploaded file as a draft. Raises ImportRefused where it can be seen at once that nothing can come of it."""
    name = PurePath(file.name or "file").name
    if file.size == 0:
        raise ImportRefused(f"“{name}” is empty.", "file")
    if file.size > settings.UPLOAD_LIMIT_MB * 2**20:
        text = f"“{name}” has {file.size / 2**20:,.0f} MB; at most {settings.UPLOAD_LIMIT_MB:,} MB are taken (UPLOAD_LIMIT_MB)."
        raise ImportRefused(text, "file")
    if project.modality == Modality.IMAGE:
        file.seek(0)
        if not _is_picture(name):
            open_archive(file)
        if labels_file is not None:
            kind_of(labels_file.name)
    else:
        kind_of(name)
    file.seek(0)
    with transaction.atomic():
        dataset = Dataset(project=project, created_by=user, name=name, mapping=mapping or {})
        dataset.file.save(stored_name(name), file, save=False)
        if labels_file is not None:
            dataset.labels_file.save(stored_name(labels_file.name), labels_file, save=False)
        dataset.save()
    try:
        preview(dataset)  # an unreadable file is refused now, not by a worker later
    except Exception:
        discard(dataset)
        raise
    return dataset


def stored_name(name: str) -> str:
    """Short enough for every file system, which count bytes; the end, by which the kind is known, stays."""
    path = PurePath(name)
    return path.stem.encode()[:120].decode(errors="ignore") + path.suffix[:20]


def _is_picture(name: str) -> bool:
    return name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"))


def begin(dataset: Dataset, mapping: dict | None = None) -> None:
    """Fix how the file is read, and queue it. Raises ImportRefused, with the field at fault."""
    found = preview(dataset, mapping)
    found.check()
    with transaction.atomic():
        held = Dataset.objects.filter(pk=dataset.pk, status=Status.DRAFT)
        fields = {"mapping": found.mapping, "status": Status.QUEUED, "rows": 0, "processed": 0, "message": " ".join(found.notes)}
        if held.update(**fields) != 1:
            raise ImportRefused("This file is being imported already, or has been.")
        dataset.refresh_from_db()
        enqueue(dataset)


def retry(dataset: Dataset) -> None:
    """A failed import becomes a draft again: its columns can be chosen anew."""
    fields = {
        "status": Status.DRAFT,
        "message": "",
        "errors": [],
        "processed": 0,
        "skipped": 0,
        "finished_at": None,
        "report": "",
    }
    report = dataset.report
    if Dataset.objects.filter(pk=dataset.pk, status=Status.FAILED).update(**fields) != 1:
        raise ImportRefused("Only an import that failed can be tried again.")
    if report:
        report.storage.delete(report.name)
    dataset.refresh_from_db()


def discard(dataset: Dataset) -> None:
    """Remove a draft or a failed import with its files. One that brought items stays."""
    with transaction.atomic():
        removed = Dataset.objects.select_for_update().filter(pk=dataset.pk, status__in=[Status.DRAFT, Status.FAILED]).first()
        if removed is None or removed.items.exists():
            raise ImportRefused("Only a draft or a failed import can be removed: the items of this one are in use.")
        files = [removed.file, removed.labels_file, removed.report]
        removed.delete()
    for file in files:
        if file:
            file.storage.delete(file.name)


def enqueue(dataset: Dataset) -> None:
    """A job on commit; if Redis is away, `projects.jobs.recover` makes it later."""
    leases.wake(dataset)
    dataset.refresh_from_db(fields=["wakeups"])
    transaction.on_commit(partial(_enqueue, dataset.pk, dataset.wakeups))


def job_id(dataset_id: int, wakeups: int) -> str:
    return f"import-{dataset_id}-{wakeups}"


def _enqueue(dataset_id: int, wakeups: int) -> None:
    try:
        django_rq.get_queue(QUEUE).enqueue(
            "projects.jobs.import_dataset", dataset_id, job_id=job_id(dataset_id, wakeups), job_timeout=-1, result_ttl=60
        )
    except RedisError as error:
        logger.warning("Redis is away (%s): import %s begins when it is back.", error, dataset_id)
