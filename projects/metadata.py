"""What else a row of the data had, beside its content and its label: any names, whatever people called their columns."""

from django.db.models import QuerySet

from projects.models import Item


def having(items: QuerySet[Item], column: str) -> QuerySet[Item]:
    """Those that may have this column; of a name with a quote, which SQLite takes for no key, all of them."""
    return items if '"' in column else items.filter(metadata__has_key=column)


def with_value(items: QuerySet[Item], column: str, value: str) -> list[int]:
    """The ids of the items that have this value in this column.

    Compared here and not by `metadata__<column>=`, in which a name may be taken for a lookup, an index, or a broken path.
    """
    rows = having(items, column).order_by().values_list("pk", "metadata").iterator(chunk_size=5000)
    return [pk for pk, metadata in rows if metadata.get(column) == value]
