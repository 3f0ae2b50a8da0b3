"""Objects of hand-written SQL, for the look-ups that stand before every request: who is it, and what may they do here.

The ORM builds and compiles a query anew each time, which takes ten times as long as the database needs to answer it. Here the
text is written once, and a row becomes the same object that the ORM would make of it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)
MAX_ID = 2**63 - 1  # no database holds a higher one, and some refuse to be asked for it


def columns(model: type[Model], alias: str) -> str:
    """All columns of the model, for a SELECT; `instance` takes them in this order."""
    return ", ".join(f"{alias}.{connection.ops.quote_name(field.column)}" for field in model._meta.concrete_fields)


def n_columns(model: type[Model]) -> int:
    return len(model._meta.concrete_fields)


def first(sql: str, *parameters: Any) -> tuple | None:
    """The first row that the statement finds."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def instance(model: type[M], row: Sequence[Any]) -> M:
    """The object of a row of `columns`, with values as the ORM reads them from this database."""
    names, conversions = _plan(model, connection.vendor)
    values = list(row)
    for place, column, converters in conversions:
        for convert in converters:
            values[place] = convert(values[place], column, connection)
    return model.from_db(connection.alias, names, values)


@cache
def _plan(model: type[Model], vendor: str) -> tuple[list[str], list[tuple]]:
    """(attribute names, [(place in the row, its column, what turns the database's value into the attribute's)])."""
    fields = model._meta.concrete_fields
    conversions = []
    for place, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        if converters := connection.ops.get_db_converters(column) + column.get_db_converters(connection):
            conversions.append((place, column, converters))
    return [field.attname for field in fields], conversions
