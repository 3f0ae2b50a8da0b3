"""The statements behind every answer, as SQL: building and compiling an ORM query costs ten times what the database needs to run
it, and these run for each answer of each person. They are plain enough to mean the same on SQLite and PostgreSQL.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.models.expressions import RawSQL

from annotation.models import Annotation, Assignment, Gold, Query, Reservation, Verdict
from projects.models import Item, Label, Membership

_TRIAL = Query._meta.get_field("trial").related_model  # by its relation: annotation imports nothing of learning
_TABLES = {
    "annotation": Annotation._meta.db_table,
    "assignment": Assignment._meta.db_table,
    "query": Query._meta.db_table,
    "verdict": Verdict._meta.db_table,
    "item": Item._meta.db_table,
    "label": Label._meta.db_table,
    "member": Membership._meta.db_table,
    "reservation": Reservation._meta.db_table,
    "gold": Gold._meta.db_table,
    "trial": _TRIAL._meta.db_table,
    "run": _TRIAL._meta.get_field("run").related_model._meta.db_table,
}
# What the page and REST show of them; the rest is fetched when somebody asks for it.
_ITEM = ["id", "project_id", "dataset_id", "key", "content"]
_QUERY = ["id", "project_id", "item_id", "trial_id", "round_number", "purpose", "strategy", "score", "rank"]
_QUERY += ["prediction", "status", "wanted"]
_ASSIGNMENT = ["id", "query_id", "item_id", "user_id", "slot", "state", "leased_until"]


def _columns(alias: str, names: list[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _sql(text: str) -> str:
    columns = {"ITEM": _columns("i", _ITEM), "QUERY": _columns("q", _QUERY), "ASSIGNMENT": _columns("a", _ASSIGNMENT)}
    return text.format(**_TABLES, **columns, ORDER='q."order"', CURRENT='"current"')


def _run(sql: str, parameters: Sequence[Any]) -> Any:
    """The cursor after the statement; times are written as the ORM writes them, so that it finds them equal."""
    cursor = connection.cursor()
    adapt = connection.ops.adapt_datetimefield_value
    values = [adapt(value) if isinstance(value, datetime) else value for value in parameters]
    cursor.execute(_prepared(sql, len(values)) if connection.vendor == "postgresql" else sql, values)
    return cursor


# By connection to PostgreSQL: what it has been told to prepare, and by which name.
_names: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


def _prepared(sql: str, n_parameters: int) -> str:
    """The statement as PostgreSQL knows it on this connection: parsing and planning took it longer than running it.

    Not where DISABLE_SERVER_SIDE_CURSORS says that a pooler hands the connection to others between two transactions.
    """
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        return sql
    known = _names.setdefault(connection.connection, {})
    if sql not in known:
        name = f"alambic_{len(known)}"
        first, *others = sql.split("%s")
        numbered = first + "".join(f"${i}{part}" for i, part in enumerate(others, 1))
        with connection.wrap_database_errors:
            connection.connection.execute(f"PREPARE {name} AS {numbered}")
        known[sql] = name
    return f"EXECUTE {known[sql]}" + (f" ({', '.join(['%s'] * n_parameters)})" if n_parameters else "")


def _rows(sql: str, *parameters: Any) -> list[tuple]:
    with _run(sql, parameters) as cursor:
        return cursor.fetchall()


def _first(sql: str, *parameters: Any) -> tuple | None:
    with _run(sql, parameters) as cursor:
        return cursor.fetchone()


def _changed(sql: str, *parameters: Any) -> int:
    with _run(sql, parameters) as cursor:
        return cursor.rowcount


def _time(value: datetime) -> datetime:
    """SQLite's driver gives times without their zone, which is always UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _assignment(row: Sequence) -> Assignment:
    *values, until = row[: len(_ASSIGNMENT)]
    found = Assignment.from_db(connection.alias, _ASSIGNMENT, [*values, _time(until)])
    found.query = Query.from_db(connection.alias, _QUERY, row[len(_ASSIGNMENT) : len(_ASSIGNMENT) + len(_QUERY)])
    return found


_HELD = _sql(
    "SELECT {ASSIGNMENT}, {QUERY}, {ITEM} FROM {assignment} a JOIN {query} q ON q.id = a.query_id "
    "JOIN {item} i ON i.id = a.item_id WHERE a.user_id = %s AND a.state = 'leased' AND i.project_id = %s "
    # Not EXISTS: PostgreSQL would look through all open queries, for each call.
    "AND (a.slot IS NULL OR (SELECT MAX(CASE WHEN o.status = 'open' THEN 1 ELSE 0 END) FROM {query} o "
    "WHERE o.item_id = a.item_id) = 1) "
    "ORDER BY {ORDER}, a.id LIMIT %s"
)


def held(user_id: int, project_id: int, count: int) -> list[Assignment]:
    """What this person has leased of items that are still asked (and of gold, which holds no slot), with item and query."""
    found = []
    for row in _rows(_HELD, user_id, project_id, count):
        assignment = _assignment(row)
        assignment.item = Item.from_db(connection.alias, _ITEM, row[-len(_ITEM) :])
        found.append(assignment)
    return found


# Everything that is asked of a query's item is a scalar: of EXISTS and NOT EXISTS PostgreSQL may make joins, and then it sorts
# all open queries to find the first few. For the same reason the limit is part of the text. ">" and not "=": it guesses that a
# third of the rows pass and not one in two hundred, for which it would compile machine code first (JIT), 50 to 1,000 ms long.
_CANDIDATES = _sql(
    "SELECT {QUERY}, {ITEM}, COALESCE((SELECT MAX(s.slot) + 1 FROM {assignment} s WHERE s.item_id = q.item_id), 0) "
    "FROM {query} q JOIN {item} i ON i.id = q.item_id WHERE q.project_id = %s AND q.status = 'open' "
    # Taken slots; a place of mine counts as if it took them all.
    "AND q.wanted > (SELECT COALESCE(SUM(CASE WHEN h.user_id = %s THEN 1000000 WHEN h.state = 'submitted' OR (h.state = 'leased' "
    "AND h.slot IS NOT NULL AND h.leased_until > %s) THEN 1 ELSE 0 END), 0) FROM {assignment} h WHERE h.item_id = q.item_id) "
    # Asked once per statement, and not per row: who is paused, and whether anything is reserved here at all.
    "AND NOT EXISTS (SELECT 1 FROM {member} p WHERE p.project_id = %s AND p.user_id = %s AND p.paused_at IS NOT NULL) "
    "AND (NOT EXISTS (SELECT 1 FROM {reservation} e WHERE e.project_id = %s) "
    # Nobody's, or mine too.
    "OR COALESCE((SELECT MAX(CASE WHEN r.user_id = %s THEN 1 ELSE 0 END) FROM {reservation} r "
    "WHERE r.item_id = q.item_id), 1) = 1) "
    "ORDER BY {ORDER}, q.id LIMIT "
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open query with room for a person. Most are looked at only because others claim too, so the objects are made late."""

    row: tuple

    @property
    def item_id(self) -> int:
        return self.row[_QUERY.index("item_id")]

    @property
    def next_slot(self) -> int | None:
        """One that nobody has; None where it must be found among lower ones, or taken from a lease that has run out."""
        slot = self.row[-1]
        return slot if slot < self.row[_QUERY.index("wanted")] else None

    def query(self) -> Query:
        query = Query.from_db(connection.alias, _QUERY, self.row[: len(_QUERY)])
        query.item = Item.from_db(connection.alias, _ITEM, self.row[len(_QUERY) : -1])
        return query


def candidates(user_id: int, project_id: int, now: datetime, count: int, *, lock: str = "") -> list[Candidate]:
    """The next open queries with room for this person: none for who is paused, none that are reserved for others.

    `lock` (PostgreSQL): FREE leaves out items whose row somebody else has locked, WAIT waits for them.
    """
    who = (project_id, user_id)
    return [Candidate(row) for row in _rows(f"{_CANDIDATES}{count:d}{lock}", *who, now, *who, *who)]


def locks_rows() -> bool:
    """Does the database lock rows? SQLite has one writer."""
    return connection.vendor == "postgresql"


_PLACED = _sql("INSERT INTO {assignment} (query_id, item_id, user_id, slot, state, leased_until, created_at) VALUES ")


def insert_assignments(rows: Sequence[tuple[Query, int, int | None, str]], until: datetime, now: datetime) -> dict[int, int]:
    """Places at items, (query, user's id, slot, state) each, in one statement: their ids by item.

    Left out is where the slot (or the person's place at the item) is taken.
    """
    sql = f"{_PLACED}{', '.join(['(%s, %s, %s, %s, %s, %s, %s)'] * len(rows))} ON CONFLICT DO NOTHING RETURNING item_id, id"
    fields = [(query.pk, query.item_id, user, slot, str(state), until, now) for query, user, slot, state in rows]
    return dict(_rows(sql, *(value for row in fields for value in row)))


def insert_assignment(query: Query, user_id: int, slot: int | None, state: str, until: datetime, now: datetime) -> int | None:
    """One place: its id, or None where it is taken."""
    return insert_assignments([(query, user_id, slot, state)], until, now).get(query.item_id)


# On PostgreSQL the item's row is the lock of everything that is said of it: without it two answers that come at once would each
# see only themselves, and the item would never be settled. SQLite has one writer anyway.
WAIT = " FOR NO KEY UPDATE OF i"
FREE = f"{WAIT} SKIP LOCKED"
_ITEM_OF_PROJECT = _sql("SELECT {ITEM} FROM {item} i WHERE i.id = %s AND i.project_id = %s")
_ITEM_OF_ASSIGNMENT = _sql(
    "SELECT {ITEM} FROM {item} i JOIN {assignment} a ON a.item_id = i.id WHERE a.id = %s AND i.project_id = %s"
)


def lock_item(project_id: int, *, item: int | None = None, assignment: int | None = None) -> Item | None:
    """The item of this project, kept from other answers until the transaction ends."""
    sql, pk = (_ITEM_OF_PROJECT, item) if assignment is None else (_ITEM_OF_ASSIGNMENT, assignment)
    row = _first(sql + (WAIT if locks_rows() else ""), pk, project_id)
    return Item.from_db(connection.alias, _ITEM, row) if row else None


_PLACE = _sql(
    "SELECT {ASSIGNMENT}, {QUERY} FROM {assignment} a JOIN {query} q ON q.id = a.query_id WHERE a.item_id = %s AND a.user_id = %s"
)


def place(item_id: int, user_id: int) -> Assignment | None:
    """The person's place at the item, with its query."""
    row = _first(_PLACE, item_id, user_id)
    return _assignment(row) if row else None


_SUBMITTED = _sql("UPDATE {assignment} SET state = 'submitted' WHERE id = %s AND user_id = %s AND slot IS NOT NULL")


def submit_place(assignment: Assignment) -> bool:
    """The slot is filled; False where it has gone to somebody else meanwhile."""
    return _changed(_SUBMITTED, assignment.pk, assignment.user_id) == 1


_SUPERSEDE = _sql("UPDATE {annotation} SET {CURRENT} = FALSE WHERE item_id = %s AND user_id = %s AND {CURRENT} RETURNING gold")


def supersede(item_id: int, user_id: int) -> bool | None:
    """The person's earlier answer becomes history: whether it was one to gold; None where there was none."""
    row = _first(_SUPERSEDE, item_id, user_id)
    return bool(row[0]) if row else None


_HAS_TOKEN = _sql("SELECT 1 FROM {annotation} WHERE token = %s")


def has_token(token: str) -> bool:
    return _first(_HAS_TOKEN, token) is not None


_LABELS = _sql("SELECT name, id, former_names FROM {label} WHERE project_id = %s AND retired_at IS NULL ORDER BY position, id")


class LabelIds(dict[str, int]):
    """The ids of the labels by their names; looked up, also by those that they had before, if no label has them now."""

    def __init__(self, rows: Sequence[tuple[str, int, str]]) -> None:
        super().__init__((name, pk) for name, pk, _ in rows)
        self._former = {name: pk for _, pk, names in rows if names != "[]" for name in json.loads(names)}

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._former

    def __missing__(self, name: str) -> int:
        return self._former[name]


def label_ids(project_id: int) -> LabelIds:
    return LabelIds(list(_rows(_LABELS, project_id)))


# Answers to gold show how good somebody is; what the item is was known before.
_ANSWERS = _sql("SELECT value, extra FROM {annotation} WHERE item_id = %s AND {CURRENT} AND NOT skipped AND NOT gold ORDER BY id")


def answers(item_id: int) -> list[tuple[Any, bool]]:
    """The current answers to an item, in the order in which they came, and which of them were extra ones."""
    return [(json.loads(value), bool(extra)) for value, extra in _rows(_ANSWERS, item_id)]


_N_ANSWERS = _sql(
    "SELECT COUNT(*) FROM {annotation} WHERE project_id = %s AND user_id = %s AND created_at >= %s AND created_at < %s "
    "AND {CURRENT} AND NOT skipped"
)


def n_answers(project_id: int, user_id: int, since: datetime, until: datetime) -> int:
    return _first(_N_ANSWERS, project_id, user_id, since, until)[0]


# Whether a project is still before its first run: none of its development runs was ever started.
_STARTED = "EXISTS (SELECT 1 FROM {run} s WHERE s.project_id = {project} AND s.kind = 'development' AND s.status <> 'draft')"
# A query without a trial lives like one of a run that goes on, until a run is started.
_QUERIES = _sql(
    "SELECT {QUERY}, COALESCE(r.status, CASE WHEN "
    + _STARTED.replace("{project}", "q.project_id")
    + " THEN 'stopped' ELSE 'running' END) "
    "FROM {query} q LEFT JOIN {trial} t ON t.id = q.trial_id LEFT JOIN {run} r ON r.id = t.run_id "
    "WHERE q.item_id = %s AND q.status <> 'withdrawn' AND q.wanted > 0 ORDER BY {ORDER}, q.id"
)


def queries(item_id: int) -> list[Query]:
    """Who asked people for this item; each with `run_status` (without a run: as if one were going on until one is started)."""
    found = []
    for row in _rows(_QUERIES, item_id):
        query = Query.from_db(connection.alias, _QUERY, row[:-1])
        query.run_status = row[-1]
        found.append(query)
    return found


_ASKED = ["round_number", "purpose", "strategy", "score", "rank", "probability", "prediction", "in_batch", "status", "wanted"]
_ASKED += ['"order"', "closed_at"]
_ASK = _sql(
    f"INSERT INTO {{query}} (project_id, trial_id, item_id, {', '.join(_ASKED)}) "
    f"VALUES ({', '.join(['%s'] * (3 + len(_ASKED)))}) "
    f"ON CONFLICT (trial_id, item_id) DO UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in _ASKED)}, "
    "set_aside = FALSE"
)


def ask(rows: Iterable[tuple]) -> None:
    """Queries of a trial, (project, trial, item, then `_ASKED`) each. One that the trial asked before is asked anew.

    A round's commit lets nobody else write meanwhile (SQLite), and the ORM's bulk_create took ten times as long.
    """
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(_ASK, [(*row[:-1], adapt(row[-1])) for row in rows])


def these(ids: Sequence[int]) -> RawSQL:
    """For `item__in=`: thousands of ids as one parameter, which the ORM need not look at one by one."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [list(ids)])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(ids))])


_RESERVE = _sql("INSERT INTO {reservation} (project_id, item_id, user_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING")


def reserve(rows: Iterable[tuple[int, int, int]]) -> None:
    """(project, item, user) each; what is reserved so already stays. Up to 100,000 at once, while nobody else can write."""
    with connection.cursor() as cursor:
        cursor.executemany(_RESERVE, list(rows))


_WAS_STARTED = _sql("SELECT " + _STARTED.replace("{project}", "%s"))


def was_started(project_id: int) -> bool:
    """Has any development run of the project ever been started?"""
    return bool(_first(_WAS_STARTED, project_id)[0])


_HAS_GOLD = _sql("SELECT 1 FROM {gold} WHERE item_id = %s")


def has_gold(item_id: int) -> bool:
    return _first(_HAS_GOLD, item_id) is not None


_GOLD_VALUE = _sql("SELECT value FROM {gold} WHERE item_id = %s")


def gold_value(item_id: int) -> Any:
    """The known answer to an item; None: it is no gold."""
    row = _first(_GOLD_VALUE, item_id)
    return json.loads(row[0]) if row else None


_VERDICT = _sql("SELECT id, value, source FROM {verdict} WHERE item_id = %s AND {CURRENT}")


def current_verdict(item_id: int) -> tuple[int, Any, str] | None:
    row = _first(_VERDICT, item_id)
    return (row[0], json.loads(row[1]), row[2]) if row else None


_INSERT_ANNOTATION = _sql(
    "INSERT INTO {annotation} (project_id, item_id, user_id, query_id, value, seconds, skipped, extra, flagged, comment, "
    "gold, guidelines, suggestion, {CURRENT}, token, created_at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, TRUE, %s, %s) RETURNING id"
)


def insert_annotation(a: Annotation) -> None:
    """What `a.save()` would do to a new one."""
    value = None if a.value is None else connection.ops.adapt_json_value(a.value, None)
    fields = [a.project_id, a.item_id, a.user_id, a.query_id, value, a.seconds, a.skipped, a.extra, a.flagged, a.comment, a.gold]
    a.pk = _first(_INSERT_ANNOTATION, *fields, a.guidelines, a.suggestion, a.token, a.created_at)[0]
    a._state.adding, a._state.db = False, connection.alias


_INSERT_VERDICT = _sql(
    "INSERT INTO {verdict} (project_id, item_id, value, source, {CURRENT}, probability, user_id, created_at) "
    "VALUES (%s, %s, %s, %s, TRUE, %s, %s, %s) RETURNING id"
)


def insert_verdict(v: Verdict) -> None:
    """What `v.save()` would do to a new one."""
    value = connection.ops.adapt_json_value(v.value, None)
    fields = [v.project_id, v.item_id, value, str(v.source), v.probability, v.user_id, v.created_at]
    v.pk = _first(_INSERT_VERDICT, *fields)[0]
    v._state.adding, v._state.db = False, connection.alias


_CLOSE = _sql("UPDATE {query} SET status = %s, closed_at = %s WHERE id = %s")


def close(query: Query, status: str, now: datetime) -> None:
    _changed(_CLOSE, str(status), now, query.pk)
    query.status, query.closed_at = status, now
