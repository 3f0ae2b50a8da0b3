"""Files of things that do not exist (any more)."""

from django.core.files.storage import default_storage

from projects.models import Dataset, Modality


def remove_pictures(dataset: Dataset) -> None:
    """The stored pictures of an import that brought no items."""
    if dataset.project.modality == Modality.IMAGE and not dataset.items.exists():
        remove_folder(f"images/{dataset.project_id}/{dataset.pk}")


def remove_folder(path: str) -> None:
    """A folder of the storage with everything below it; nothing happens where there is none."""
    try:
        folders, files = default_storage.listdir(path)
    except FileNotFoundError:
        return
    for name in files:
        default_storage.delete(f"{path}/{name}")
    for name in folders:
        remove_folder(f"{path}/{name}")
    default_storage.delete(path)
