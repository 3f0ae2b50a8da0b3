"""Conditions on stored values that name a label among others, for both databases.

SQLite knows no containment of JSON, and a search in the text of a value would take label 11 for label 1.
"""

from django.db.models import JSONField, Lookup


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
