"""What a manager wants to know at one look: who labels now, how fast, until when, how well people agree, what is open.

A fixed number of queries, however many people and answers there are. What reads many answers is kept in each process, for ten
seconds or twenty times as long as it took, since the page asks for itself every few seconds.
"""

import math
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import BigIntegerField, Count, Func, Max, Q
from django.utils import timezone

from annotation import handing_out
from annotation.models import Assignment, Query
from annotation.progress import team_progress
from projects.models import Membership, Project
from projects.summaries import label_histogram

NOW = timedelta(minutes=5)
_KEEP_SECONDS = 10.0
_KEEP_TIMES = 20  # so that an open page takes at most a twentieth of a core, also where a week has 100,000 answers
_kept: dict[int, tuple[float, dict]] = {}  # until when, what


@dataclass(frozen=True, slots=True)
class Bar:
    title: str
    n: int
    height: float  # of the highest: 0 to 1


@dataclass(frozen=True, slots=True)
class Person:
    """`bars`: answers per hour today, and per day in the last seven days; `per_hour`: in the hours in which they answered."""

    membership: Membership
    working: bool
    leased: int
    waiting: int
    today: int
    week: int
    per_hour: float | None
    last: datetime | None
    hours: list[Bar]
    days: list[Bar]


@dataclass(frozen=True, slots=True)
class Forecast:
    """`answers` to go, at `rate` answers per hour of work; the interval covers the pace of 19 in 20 such stretches of work.

    `low`, `high`: hours of work. `end` (`end_low`, `end_high`): at the answers per day of the days looked back at.
    """

    labels: int
    answers: int
    what: str
    rate: float
    hours: float
    low: float
    high: float | None
    end: datetime
    end_low: datetime
    end_high: datetime | None
    n_hours: int


def desk(project: Project, now: datetime | None = None) -> dict:
    """All that the page shows; nothing of it changes with the mere passing of time, so that equal facts are equal pages."""
    now = now or timezone.now()
    slow = _slow(project, now)
    people = _people(project, slow["hours"], slow["last"], now)
    return {
        "people": people,
        "n_working": sum(person.working for person in people),
        "queue": _queue(project, now),
        "agreement": slow["agreement"],
        "labels": slow["labels"],
        "top": max((person.today for person in people), default=0),
        "forecast": _forecast(project, slow["hours"], slow["unlabeled"], now),
    }


def forget() -> None:
    """What is kept goes: what follows shows the change at once."""
    _kept.clear()


def _slow(project: Project, now: datetime) -> dict:
    kept = _kept.get(project.pk)
    begun = time.monotonic()
    if kept and begun < kept[0]:
        return kept[1]
    given = project.annotations.order_by()
    facts = {
        "last": dict(given.values_list("user").annotate(last=Max("created_at"))),
        "hours": _answers_per_hour(project, now),
        "agreement": _agreement(project),
        "labels": [row for row in label_histogram(project) if row.count or not row.label.retired_at],
        "unlabeled": project.items.count() - project.verdicts.filter(current=True).count(),
    }
    if len(_kept) > 200:
        _kept.clear()
    done = time.monotonic()
    _kept[project.pk] = (done + max(_KEEP_SECONDS, _KEEP_TIMES * (done - begun)), facts)
    return facts


class _Quarter(Func):
    """Which quarter of an hour, counted from 1970: all time zones begin their hours with one.

    TruncHour would call Python for every row (SQLite): a week of 100,000 answers took 0.6 s.
    """

    arity = 1
    output_field = BigIntegerField()

    def as_sqlite(self, compiler, connection, **kwargs):
        return self.as_sql(compiler, connection, template="CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / 900")

    def as_postgresql(self, compiler, connection, **kwargs):
        return self.as_sql(compiler, connection, template="FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 900)::bigint")


def _answers_per_hour(project: Project, now: datetime) -> dict[int, dict[datetime, int]]:
    """{user id: {hour: answers}} of the last seven days, today among them; undone and skipped ones do not count."""
    given = project.annotations.filter(created_at__gte=_midnight(now) - timedelta(days=6), current=True, skipped=False)
    found = given.order_by().annotate(quarter=_Quarter("created_at")).values_list("user", "quarter").annotate(n=Count("pk"))
    per_user: dict[int, dict[datetime, int]] = defaultdict(dict)
    hour_of: dict[int, datetime] = {}
    for user, quarter, n in found:
        if quarter not in hour_of:
            hour_of[quarter] = datetime.fromtimestamp(quarter * 900, timezone.get_current_timezone()).replace(minute=0)
        hour = hour_of[quarter]
        per_user[user][hour] = per_user[user].get(hour, 0) + n
    return per_user


def _agreement(project: Project) -> dict | None:
    """Of the items that several people answered, how many they all answered alike; None: there are no such items."""
    given = project.annotations.filter(current=True, skipped=False, gold=False).order_by()
    several = given.values("item").annotate(n=Count("pk"), values=Count("value", distinct=True)).filter(n__gte=2)
    found = several.aggregate(items=Count("item"), alike=Count("item", filter=Q(values=1)))
    return found | {"share": found["alike"] / found["items"]} if found["items"] else None


def _people(project: Project, hours: dict[int, dict[datetime, int]], last: dict[int, datetime], now: datetime) -> list[Person]:
    recent = project.annotations.filter(created_at__gte=now - NOW).order_by()
    working = set(recent.values_list("user", flat=True).distinct())
    # A lease lasts longer than five minutes: one that was given or renewed within them ends late enough to be told from others.
    held = Assignment.objects.filter(item__project=project, state=Assignment.State.LEASED, leased_until__gt=now).order_by()
    working |= set(held.filter(leased_until__gt=now + _lease() - NOW).values_list("user", flat=True))
    found = []
    for share in handing_out.shares(project):
        user = share.membership.user_id
        mine = hours.get(user, {})
        week = sum(mine.values())
        found.append(
            Person(
                membership=share.membership,
                working=user in working,
                leased=share.leased,
                waiting=share.waiting,
                today=sum(n for hour, n in mine.items() if hour >= _midnight(now)),
                week=week,
                per_hour=week / len(mine) if mine else None,
                last=last.get(user),
                hours=_hour_bars(mine, now),
                days=_day_bars(mine, now),
            )
        )
    return sorted(found, key=lambda person: (not person.working, -person.week, person.membership.user.username))


def _lease() -> timedelta:
    from annotation.queue import LEASE

    return LEASE


def _hour_bars(mine: dict[datetime, int], now: datetime) -> list[Bar]:
    midnight = _midnight(now)
    counts = [0] * 24
    for hour, n in mine.items():
        if hour >= midnight:
            counts[hour.hour] += n
    return _bars([(f"{hour}:00", n) for hour, n in enumerate(counts)])


def _day_bars(mine: dict[datetime, int], now: datetime) -> list[Bar]:
    days = [_midnight(now).date() - timedelta(days=back) for back in range(6, -1, -1)]
    counts = dict.fromkeys(days, 0)
    for hour, n in mine.items():
        if hour.date() in counts:
            counts[hour.date()] += n
    return _bars([(f"{day:%A}", n) for day, n in counts.items()])


def _bars(counts: list[tuple[str, int]]) -> list[Bar]:
    top = max(n for _, n in counts) or 1
    return [Bar(title, n, round(n / top, 3)) for title, n in counts]


def _queue(project: Project, now: datetime) -> dict:
    """Items, each once, whoever asks: open ones, those on somebody's screen, those that wait for a reviewer."""
    counts = project.queries.aggregate(
        open=Count("item", filter=Q(status=Query.Status.OPEN), distinct=True),
        disputed=Count("item", filter=Q(status=Query.Status.DISPUTED), distinct=True),
        held=Count("item", filter=Q(status=Query.Status.HELD), distinct=True),
    )
    leased = Assignment.objects.filter(
        item__project=project, state=Assignment.State.LEASED, leased_until__gt=now, slot__isnull=False
    )
    return counts | {"leased": leased.values("item").distinct().count()}


def _forecast(project: Project, hours: dict, unlabeled: int, now: datetime) -> Forecast | None:
    """When the labels are there, if people go on as in the last seven days; None: nothing is to do, or too little was done.

    The pace is the team's answers per hour with answers (the hour that is not over is left out). Its interval is that of a mean
    of so many hours (1.96 standard errors, at least those of a Poisson count); the days' interval has the same ratio.
    """
    run = team_progress(project)["run"]
    if run and run["budget"]:
        labels, what = run["budget"] - run["labels"], f"the budget of {run['name']}"
    else:
        labels, what = unlabeled, "every item without a label"
    per_hour: dict[datetime, int] = defaultdict(int)
    for mine in hours.values():
        for hour, n in mine.items():
            per_hour[hour] += n
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    over = [n for hour, n in per_hour.items() if hour < this_hour]
    total = sum(over)
    if labels <= 0 or total < 10:
        return None
    answers = math.ceil(labels * (1 + (project.annotators_per_item - 1) * project.overlap))
    rate = total / len(over)
    variance = sum((n - rate) ** 2 for n in over) / (len(over) - 1) if len(over) > 1 else rate
    error = 1.96 * math.sqrt(max(variance, rate) / len(over))
    slow, fast = rate - error, rate + error
    days = max(1.0, (now - min(per_hour)) / timedelta(days=1))
    calendar = timedelta(days=answers / (total / days))
    return Forecast(
        labels=labels, answers=answers, what=what, rate=rate, hours=answers / rate, low=answers / fast,
        high=answers / slow if slow > 0 else None, end=_later(now, calendar), end_low=_later(now, calendar * (rate / fast)),
        end_high=_later(now, calendar * (rate / slow)) if slow > 0 else None, n_hours=len(over),
    )  # fmt: skip


def _later(now: datetime, span: timedelta) -> datetime:
    """To the hour, at most ten years: so that the page does not change every second, and no date is beyond the calendar."""
    return timezone.localtime(now + min(span, timedelta(days=3650))).replace(minute=0, second=0, microsecond=0)


def _midnight(now: datetime) -> datetime:
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
