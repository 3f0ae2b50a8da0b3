"""Looking for labels inside stored values, in both databases.

SQLite knows no containment of JSON, and a search in the text of a value would take label 11 for label 1.
"""

from collections import Counter

from django.db import connection
from django.db.models import JSONField, Lookup, QuerySet


class _Names(Lookup):
    prepare_rhs = False  # the label's id, as it is
    sqlite = postgresql = ""

    def as_sqlite(self, compiler, connection) -> tuple[str, list]:
        return self._sql(compiler, connection, self.sqlite, self.rhs)

    def as_postgresql(self, compiler, connection) -> tuple[str, list]:
        return self._sql(compiler, connection, self.postgresql, self.rhs)

    def _sql(self, compiler, connection, words: str, label_id: int) -> tuple[str, list]:
        column, params = self.process_lhs(compiler, connection)
        return words.format(column=column), [*params, int(label_id)]


@JSONField.register_lookup
class NamesLabel(_Names):
    """A list of label ids, this one among them."""

    lookup_name = "names_label"
    sqlite = "EXISTS (SELECT 1 FROM json_each({column}) AS named WHERE named.value = %s)"
    postgresql = "{column} @> to_jsonb(%s::bigint)"


@JSONField.register_lookup
class MarksLabel(_Names):
    """A list of spans, one of this label among them."""

    lookup_name = "marks_label"
    sqlite = "EXISTS (SELECT 1 FROM json_each({column}) AS marked WHERE json_extract(marked.value, '$.label') = %s)"
    postgresql = "{column} @> jsonb_build_array(jsonb_build_object('label', %s::bigint))"


_ELEMENTS = {
    "sqlite": "json_each(t.{field}) AS e",
    "postgresql": "jsonb_array_elements(t.{field}) AS e(value)",
}
_LABEL = {
    ("sqlite", ""): "e.value",
    ("sqlite", "label"): "json_extract(e.value, '$.label')",
    ("postgresql", ""): "CAST(CAST(e.value AS text) AS bigint)",
    ("postgresql", "label"): "CAST(e.value ->> 'label' AS bigint)",
}


def count_named(rows: QuerySet, field: str, key: str = "") -> Counter:
    """{label id: how many of these rows name it}, of lists of ids in `field`, or of objects with the id under `key`.

    The database counts: a list of all values would be as long as the table.
    """
    inner, params = rows.order_by().exclude(**{f"{field}__isnull": True}).values_list("id", field).query.sql_with_params()
    label, elements = _LABEL[connection.vendor, key], _ELEMENTS[connection.vendor].format(field=field)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {label}, COUNT(DISTINCT t.id) FROM ({inner}) AS t, {elements} GROUP BY 1", params)
        return Counter(dict(cursor.fetchall()))
