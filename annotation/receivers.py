"""What annotation does when something happens in projects."""

from annotation.verdicts import import_verdicts
from projects.models import Dataset


def store_imported_verdicts(sender, dataset: Dataset, **kwargs) -> None:
    """In the import's own transaction: the file's labels are what the project holds true, until people say otherwise."""
    import_verdicts(dataset.pk)
