"""`manage.py work`: one RQ worker for the queues of ALAMBIC; run as many as there are cores, on as many machines as you like."""

import os

import django_rq
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run one worker. It ends on Ctrl-C or SIGTERM; a job under way is done again by another worker."

    def handle(self, *args, **options) -> None:
        # Imported here and not by each job: a forked job starts in milliseconds with everything loaded.
        import projects.jobs  # noqa: F401

        import learning.jobs  # noqa: F401
        from learning.recovery import recover
        from learning.workers import QUEUES, Worker

        queues = [django_rq.get_queue(name) for name in QUEUES]
        recover()
        worker = Worker(queues, connection=queues[0].connection)
        worker.work(logging_level=os.environ.get("WORKER_LOG", "WARNING"), with_scheduler=False)
