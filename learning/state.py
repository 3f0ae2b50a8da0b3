"""What every run does right now, as plain data: the pages, REST's `progress` and their polling all read this.

`live` costs the same handful of SQL queries for one run as for a thousand, because it is asked every 1.5 seconds per reader.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import BooleanField, Case, Count, F, When
from django.utils import timezone

from annotation.models import Annotation, Assignment, Purpose, Query
from annotation.queue import LEASE
from learning.metric_names import metric_label
from learning.models import Round, Run, Trial
from learning.phases import Phase
from learning.targets import targets_of
from projects import leases
from projects.models import User
from projects.names import hides_names, names_of

LABELING_NOW = timedelta(minutes=5)
_CLOSED = {Query.Status.ANSWERED, Query.Status.SKIPPED, Query.Status.DISPUTED}
_WAITING_FOR_PEOPLE = {Query.Status.OPEN, Query.Status.HELD}
_BADGES = {
    "draft": "",
    "queued": "info",
    "running": "accent",
    "paused": "warn",
    "finished": "good",
    "stopped": "",
    "failed": "bad",
}


def live(runs: Sequence[Run], now: datetime | None = None) -> dict[int, dict]:
    """By run id: status, phase and the time in it, progress, latest score, who is labelling. `run.project` must be loaded."""
    now = now or timezone.now()
    analyses = [run for run in runs if run.kind == Run.Kind.ANALYSIS]
    trials: dict[int, Trial] = {}
    for trial in Trial.objects.filter(run__in=[run.pk for run in runs if run.kind != Run.Kind.ANALYSIS]).order_by("-pk"):
        trials[trial.run_id] = trial  # all others have exactly one
    many = _trial_counts(analyses)
    keys = [trial.pk for trial in trials.values()]
    moving = [trials[run.pk] for run in runs if run.pk in trials and not Run.Status(run.status).is_over]
    going_on = [trial.pk for trial in moving]
    queries, news = _query_counts(going_on), _new_answers(moving)
    rounds = {row.trial_id: row for row in Round.objects.filter(trial__in=keys, number=F("trial__round_number"))}
    people = _people(runs, trials, going_on, now)
    facts = {}
    for run in runs:
        trial = trials.get(run.pk)
        key = trial.pk if trial else None
        facts[run.pk] = _run_facts(run) | _trial_facts(
            run, trial, rounds.get(key), queries.get(key, Counter()), news.get(key, 0), people.get(key, [])
        )
        if run.kind == Run.Kind.ANALYSIS:
            facts[run.pk] |= _analysis_facts(run, many.get(run.pk, Counter()))
    return facts


def report_head(run: Run, facts: dict) -> dict:
    """How every kind of report begins; `facts`: those of this run as `live` gives them."""
    return {
        "run": run.pk,
        "name": str(run),
        "kind": run.kind,
        "project": facts["project"],
        "status": run.status,
        "final": facts["over"],
        "stop_reason": run.stop_reason,
        "error": run.error,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def version(facts: object) -> str:
    """Changes when, and only when, there is something new to show."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _run_facts(run: Run) -> dict:
    status = Run.Status(run.status)
    return {
        "id": run.pk,
        "name": str(run),
        "project": {"id": run.project_id, "name": run.project.name},
        "kind": run.kind,
        "status": run.status,
        "status_label": "Stopping" if run.stop_requested and status.is_active else status.label,
        "badge": _BADGES[run.status],
        "active": status.is_active,
        "over": status.is_over,
        "error": run.error,
        "stop_reason": run.stop_reason,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _trial_facts(run: Run, trial: Trial | None, last: Round | None, counts: Counter, new: int, people: list[dict]) -> dict:
    labels = trial.n_labeled + new if trial else 0
    n_test, n_pool = _split(run, last)
    goal = goal_of(run, n_pool)
    if run.kind == Run.Kind.LABELING:  # its goal is to have all its checks answered
        checks = _batch(counts, 0) if trial else {"closed": 0}
        labels, goal = checks["closed"], run.configuration["checks"]
    open_now = sum(n for (_, _, status), n in counts.items() if status in _WAITING_FOR_PEOPLE)
    in_pool = sum(n for (_, purpose, status), n in counts.items() if status in _WAITING_FOR_PEOPLE and purpose != Purpose.TEST)
    waiting = _waiting(run, trial, counts, new) if trial else None
    facts = {
        "phase": trial.phase if trial else "",
        "phase_label": Phase(trial.phase).label if trial else "",
        "phase_since": trial.phase_since if trial else None,
        "detail": trial.detail if trial else "",
        "round": trial.round_number if trial else 0,
        "labels": labels,
        "goal": goal,
        "share": min(1.0, labels / goal) if goal else 0.0,
        "score": _score(run, last),
        "waiting": waiting,
        "batch": _batch(counts, trial.round_number) if trial else None,
        "open": open_now,
        "pool": {"size": n_pool, "labeled": labels, "asked": in_pool, "left": max(0, n_pool - labels - in_pool), "test": n_test},
        "people": people,
        "stale": bool(trial) and Run.Status(run.status).is_active and leases.is_stale(trial),
    }
    if waiting and trial.phase == Phase.WAITING:
        facts["detail"] = f"{waiting['answered']} of {waiting['needed']} answers {waiting['what']}"
    return facts


def _trial_counts(runs: list[Run]) -> dict[int, Counter]:
    """By run: {(phase, is a worker at it): trials}. One query for all analyses, however many trials they have."""
    counts: dict[int, Counter] = defaultdict(Counter)
    if runs:
        held = Case(When(worker="", then=False), default=True, output_field=BooleanField())
        rows = (
            Trial.objects.filter(run__in=[run.pk for run in runs]).order_by().values_list("run_id", "phase").annotate(held=held)
        )
        for run_id, phase, worked_on, n in rows.annotate(n=Count("pk")).values_list("run_id", "phase", "held", "n"):
            counts[run_id][phase, worked_on] += n
    return counts


def _analysis_facts(run: Run, counts: Counter) -> dict:
    """Of an analysis, which has no labels of its own to count: how many of its trials are over, and what the others do now."""
    n, done, failed = sum(counts.values()), 0, 0
    now: Counter = Counter()
    for (phase, held), count in counts.items():
        done += count if phase == Phase.FINISHED else 0
        failed += count if phase == Phase.FAILED else 0
        if held and phase not in {Phase.FINISHED, Phase.FAILED}:
            now[phase] += count
    doing = [f"{now[phase]} {phase}" for phase in Phase.values if now[phase]]
    words = ", ".join([f"{done:,} of {n:,} trials", *([f"{failed:,} failed"] if failed else []), *doing])
    return {
        "phase": now.most_common(1)[0][0] if now else "",
        "phase_label": Phase(now.most_common(1)[0][0]).label if now else "",
        "trials": {"n": n, "done": done, "failed": failed, "now": dict(now), "words": words} if n else None,
        "detail": words if n else "",
        "labels": 0,
        "goal": 0,
        "share": (done + failed) / n if n else 0.0,
        "score": None,
    }


def goal_of(run: Run, n_pool: int) -> int:
    """How many labels the run ends at, at the latest."""
    budgets = [c["labels"] for c in run.configuration.get("stop", []) if c.get("name") == "budget" and c.get("labels")]
    return min([*budgets, n_pool]) if n_pool else min(budgets, default=0)


def _split(run: Run, last: Round | None) -> tuple[int, int]:
    """(items in the test set, items in the pool): counted in a round, expected before the first."""
    if last:
        n_pool = last.n_labeled + last.n_pool
        return max(0, run.n_items - n_pool), n_pool
    n_test = round(run.n_items * run.configuration.get("test_ratio", 0))
    return n_test, run.n_items - n_test


def main_metric(run: Run) -> str:
    """The one to show where there is room for one: what a stop criterion watches, else that of the task type."""
    watched = [c.get("metric") or c["name"] for c in run.configuration.get("stop", []) if "target" in c]
    return watched[0] if watched else targets_of(run.project).main_metric


def _score(run: Run, last: Round | None) -> dict | None:
    metrics = last.metrics if last else {}
    name = main_metric(run)
    name = name if name in metrics else next(iter(metrics), None)
    if name is None:
        return None
    return {"metric": name, "label": metric_label(name), "n_test": last.n_test, **metrics[name]}


def _query_counts(trial_ids: list[int]) -> dict[int, Counter]:
    """By trial: {(round, purpose, status): n} of the batch that is asked now, and of whatever else is open (round: None).

    Two queries and not one with OR: each is a range of an index, however much the trials have asked before.
    """
    columns = ("trial_id", "round_number", "purpose", "status")
    mine = Query.objects.filter(trial__in=trial_ids).order_by()
    batch = mine.filter(round_number=F("trial__round_number"), in_batch=True)
    beyond = mine.filter(status__in=_WAITING_FOR_PEOPLE).exclude(round_number=F("trial__round_number"), in_batch=True)
    counts: dict[int, Counter] = defaultdict(Counter)
    for trial_id, round_number, purpose, status, n in batch.values_list(*columns).annotate(n=Count("pk")):
        counts[trial_id][(round_number, purpose, status)] += n
    for trial_id, _, purpose, status, n in beyond.values_list(*columns).annotate(n=Count("pk")):
        counts[trial_id][(None, purpose, status)] += n
    return counts


def _new_answers(trials: list[Trial]) -> dict[int, int]:
    """By trial: labels for the learner that came after it last read them; before round 1, all that came."""
    answered = Query.objects.filter(status=Query.Status.ANSWERED).exclude(purpose=Purpose.TEST).order_by()
    unread = answered.filter(trial__in=[t.pk for t in trials if t.trained_at], closed_at__gte=F("trial__trained_at"))
    first = answered.filter(trial__in=[t.pk for t in trials if not t.trained_at])
    return dict([*unread.values_list("trial_id").annotate(n=Count("pk")), *first.values_list("trial_id").annotate(n=Count("pk"))])


def _batch(counts: Counter, round_number: int) -> dict:
    """The batch of the current round: how much of it is answered; before round 1, the seed and test items."""
    mine = {key: n for key, n in counts.items() if key[0] == round_number and key[2] != Query.Status.WITHDRAWN}
    asked, closed = sum(mine.values()), sum(n for key, n in mine.items() if key[2] in _CLOSED)
    purposes = Counter()
    for (_, purpose, _), n in mine.items():
        purposes[purpose] += n
    return {"round": round_number, "asked": asked, "closed": closed, "purposes": dict(sorted(purposes.items()))}


def _waiting(run: Run, trial: Trial, counts: Counter, new: int) -> dict | None:
    """What `learning.waiting.must_wait` says of one trial, from the counts of all (tests hold the two together)."""
    if not any(status in _WAITING_FOR_PEOPLE for _, _, status in counts) or run.kind == Run.Kind.LABELING:
        return None
    quorum, number = run.configuration.get("quorum", 1.0), trial.round_number
    by_batch = number == 0 or run.configuration.get("mode") == "strict" or run.configuration.get("oracle") == "known"
    if by_batch:
        batch = _batch(counts, number)
        answered, needed = batch["closed"], math.ceil(quorum * batch["asked"] - 1e-9)
        what = "of the seed and test items" if number == 0 else f"of batch {number}"
        if number and not batch["asked"]:
            needed, what = sum(n for key, n in counts.items() if key[2] in _WAITING_FOR_PEOPLE), "of what is still open"
    else:
        answered, needed, what = new, max(1, math.ceil(quorum * trial.batch_size)), f"since round {number}"
    return {"answered": answered, "needed": needed, "what": what} if answered < needed else None


def _people(runs: Sequence[Run], trials: dict[int, Trial], trial_ids: list[int], now: datetime) -> dict[int, list[dict]]:
    """By trial: who answered, or took or renewed a lease, in the last minutes; with the number of answers. By their letters
    where the project hides names: from the times alone it could be told whose answers they were."""
    found: dict[int, Counter] = defaultdict(Counter)
    held = Assignment.objects.filter(
        query__trial__in=trial_ids, state=Assignment.State.LEASED, leased_until__gt=now + LEASE - LABELING_NOW
    )
    for trial_id, user in held.order_by().values_list("query__trial_id", "user").distinct():
        found[trial_id][user] += 0
    recent = Annotation.objects.filter(query__trial__in=trial_ids, created_at__gt=now - LABELING_NOW, withdrawn_at=None)
    for trial_id, user, n in recent.order_by().values_list("query__trial_id", "user").annotate(n=Count("pk")):
        found[trial_id][user] += n
    if not found:
        return {}
    shown = _names(runs, trials, found)
    return {
        trial_id: sorted(({"name": shown[trial_id][user], "answers": n} for user, n in people.items()), key=lambda p: p["name"])
        for trial_id, people in found.items()
    }


def _names(runs: Sequence[Run], trials: dict[int, Trial], found: dict[int, Counter]) -> dict[int, dict[int, str]]:
    """By trial, what its people are called; those of all projects that hide nothing in one look-up."""
    project_of = {trials[run.pk].pk: run.project for run in runs if run.pk in trials}
    open_ones = {user for trial, people in found.items() if not hides_names(project_of[trial]) for user in people}
    everybody = dict(User.objects.filter(pk__in=open_ones).values_list("pk", "username"))
    return {
        trial: names_of(project_of[trial], people) if hides_names(project_of[trial]) else everybody
        for trial, people in found.items()
    }


def rounds_since(run: Run, number: int = 0) -> list[dict]:
    """For the chart: what each round after `number` scored, and how long its phases took."""
    rows = Round.objects.filter(trial__run=run, number__gt=number).order_by("number")
    return [
        {"round": row.number, "labels": row.n_labeled, "test": row.n_test, "metrics": row.metrics, "timings": row.timings}
        for row in rows
    ]
