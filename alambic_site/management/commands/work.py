"""`manage.py work`: one RQ worker for the queues of ALAMBIC; run as many as there are cores, on as many machines as you like."""

import contextlib
import logging
import os
import signal

import django_rq
from django.core.management.base import BaseCommand

from alambic_site.supervisor import die_with_parent


class Command(BaseCommand):
    help = (
        "Run one worker. It ends on Ctrl-C or SIGTERM; a job under way is given back and goes on elsewhere, or at the next start."
    )

    def handle(self, *args, **options) -> None:
        # Imported here and not by each job: a forked job starts in milliseconds with everything loaded.
        import learning.jobs  # noqa: F401
        import projects.jobs  # noqa: F401
        from learning.recovery import recover
        from learning.workers import QUEUES, Worker

        class InterruptibleWorker(Worker):
            """Every job can be resumed, so none is waited for: SIGTERM reaches the job, which gives its lease back and ends."""

            def handle_warm_shutdown_request(self) -> None:
                super().handle_warm_shutdown_request()
                if self.horse_pid:
                    with contextlib.suppress(ProcessLookupError):  # it has ended this very moment
                        os.kill(self.horse_pid, signal.SIGTERM)

            def setup_work_horse_signals(self) -> None:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, _leave)

        # The process of a job is in a group of its own; should this one be killed, it must not go on alone.
        os.register_at_fork(after_in_child=lambda: die_with_parent(signal.SIGKILL))
        queues = [django_rq.get_queue(name) for name in QUEUES]
        recover()
        worker = InterruptibleWorker(queues, connection=queues[0].connection)
        worker.work(logging_level=os.environ.get("WORKER_LOG", "WARNING"), with_scheduler=False)


def _leave(*_) -> None:
    logging.disable()  # RQ would report the end of the job as an error
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(143)
