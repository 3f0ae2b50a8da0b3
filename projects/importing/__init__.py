"""From a file to items: `receive` stores it, `preview` shows how it would be read, `begin` queues it, a worker imports it."""

from projects.importing.errors import ImportRefused
from projects.importing.preview import Preview, preview
from projects.importing.receive import begin, receive, retry

__all__ = ["ImportRefused", "Preview", "begin", "preview", "receive", "retry"]
