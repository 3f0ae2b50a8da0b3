"""`manage.py recover`: give what should be running, and is not, a job again (after a lost Redis, or by hand)."""

from django.core.management.base import BaseCommand

from learning.recovery import recover


class Command(BaseCommand):
    help = "Enqueue again whatever should be running and has nobody at it."

    def handle(self, *args, **options) -> None:
        count = recover()
        self.stdout.write(f"{count} job{'' if count == 1 else 's'} enqueued again." if count else "Nothing was lost.")
