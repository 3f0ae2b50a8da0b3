"""Labels that a model finds suspicious, to be looked at once more: the search, its list, and what people make of it.

The model that judges a label has not learnt from it (five folds). What is found says where to look, never what is true: whoever
corrects a label because a model contradicts it corrects towards the model.
"""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import django_rq
import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from redis.exceptions import RedisError

from annotation import rechecking
from annotation.models import Query, Verdict
from annotation.verdicts import eligible
from learning.datasets import TRUE_SOURCES
from learning.dispatch import ANALYSES as QUEUE  # a round that people wait for goes first
from learning.models import Run, Suspicion, SuspicionSearch
from projects import leases
from projects.errors import Refused, WrongState
from projects.models import Item, Project, User

logger = logging.getLogger("alambic.learning")
Status = SuspicionSearch.Status
MOST = 50_000  # labels that are looked at, the latest
MOST_CELLS = 20_000_000  # labels times classes: 160 MB of probabilities
FEWEST = 20
MOST_ASKED = 1_000
_FOLDS_SEED = "suspicious"
LOST_ONCE = "A worker was lost while it looked; another one begins again."
LOST_TWICE = "Two workers were lost while they looked. They may have run out of memory: try a run with smaller features first."


# --- The search


def start(project: Project, user: User) -> SuspicionSearch:
    """Look for suspicious labels in the background. Raises WrongState where one is under way, or there is too little to learn."""
    if project.task != "single":
        raise WrongState(
            "Suspicious labels are looked for where an item has one label; this project's answers are of another kind."
        )
    n = _labels(project).count()
    if n < FEWEST:
        raise WrongState(f"A model needs some labels before it can doubt any: there are {n}, and {FEWEST} are the least.")
    now = timezone.now()
    with transaction.atomic():
        search, made = SuspicionSearch.objects.get_or_create(project=project, defaults={"started_at": now, "started_by": user})
        fields = {"status": Status.RUNNING, "error": "", "started_at": now, "finished_at": None, "started_by": user}
        if not made and not SuspicionSearch.objects.filter(pk=search.pk).exclude(status=Status.RUNNING).update(**fields):
            raise WrongState("It is under way already.")
        wake_and_enqueue(search)
    return search


def wake_and_enqueue(search: SuspicionSearch) -> None:
    leases.wake(search)
    search.refresh_from_db()
    transaction.on_commit(partial(_enqueue, search.pk, search.wakeups))


def job_id(search_id: int, wakeups: int) -> str:
    return f"suspicious-{search_id}-{wakeups}"


def _enqueue(search_id: int, wakeups: int) -> None:
    try:
        django_rq.get_queue(QUEUE).enqueue(
            "learning.jobs.look_for_suspicious", search_id, job_id=job_id(search_id, wakeups), job_timeout=-1, result_ttl=0,
            failure_ttl=3600, at_front=True,
        )  # fmt: skip
    except RedisError as error:
        logger.warning("Redis is away (%s): the search %s goes on when it is back.", error, search_id)


def recover() -> int:
    """Searches that should be under way and have nobody at them get a job again; how many."""
    silent = Q(worker="") | Q(heartbeat_at=None) | Q(heartbeat_at__lt=timezone.now() - leases.STALE_AFTER)
    waiting = list(SuspicionSearch.objects.filter(silent, status=Status.RUNNING))
    if not waiting:
        return 0
    queued = set(django_rq.get_queue(QUEUE).get_job_ids())
    lost = [search for search in waiting if job_id(search.pk, search.wakeups) not in queued]
    for search in lost:
        with transaction.atomic():
            if _take_up(search):
                wake_and_enqueue(search)
    return len(lost)


def _take_up(search: SuspicionSearch) -> bool:
    """Whether a search that has lost its job is tried again: one that has cost two workers would cost them all."""
    if not leases.is_stale(search):
        return True
    mine = SuspicionSearch.objects.filter(pk=search.pk, worker=search.worker, status=Status.RUNNING)
    if search.error != LOST_ONCE:
        return mine.update(error=LOST_ONCE, worker="", heartbeat_at=None) == 1
    over = {"status": Status.FAILED, "error": LOST_TWICE, "finished_at": timezone.now(), "worker": "", "heartbeat_at": None}
    mine.update(**over)
    return False


def look(search_id: int) -> None:
    """The job. Safe to call any number of times: one worker holds the search's lease."""
    search = SuspicionSearch.objects.select_related("project").filter(pk=search_id, status=Status.RUNNING).first()
    if search is None or (token := leases.claim(search)) is None:
        return
    if search.status != Status.RUNNING:  # whoever held it was done a moment ago
        leases.release(search, token)
        return
    from learning.engine.errors import EngineError

    try:
        with leases.heartbeat(search, token):
            _store(search, token, _found(search.project))
    except leases.LeaseLost:
        logger.info("search %s went to another worker", search_id)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is shown on the page, with a button to try again
        text = str(error) if isinstance(error, EngineError) else f"Unexpected {type(error).__name__}: {error}. Try again."
        if not isinstance(error, EngineError):
            logger.exception("search %s failed", search_id)
        over = {"status": Status.FAILED, "error": text, "finished_at": timezone.now(), "worker": "", "heartbeat_at": None}
        SuspicionSearch.objects.filter(pk=search.pk, worker=token).update(**over)


def _labels(project: Project) -> QuerySet[Verdict]:
    """What people, an import or a reviewer said; a model's own labels would only say that it agrees with itself."""
    return Verdict.objects.filter(project=project, current=True, source__in=TRUE_SOURCES)


@dataclass(frozen=True)
class _Found:
    rows: list[Suspicion]
    n_labels: int
    n_all: int
    noise: float | None
    learner: str


def _found(project: Project) -> _Found:
    from learning import engine
    from learning.engine.crowd import suspicious_labels
    from learning.workspace import Workspace

    run = _as_if_run(project)
    n_labels = max(1, project.labels.count())
    most = max(FEWEST, min(MOST, MOST_CELLS // n_labels))
    rows = list(_labels(project).order_by("-pk").values_list("item_id", "value")[:most])
    space = Workspace(run)
    items, values = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    there = np.isin(items, space.ids)  # what was imported this moment waits for the next search
    items, values = items[there], values[there]
    classes, codes = np.unique(values, return_inverse=True)
    if len(items) < FEWEST or len(classes) < 2:
        raise engine.EngineError(
            f"A model that can doubt takes {FEWEST} labels of two classes; there are {len(items)} of {len(classes)}."
        )
    seed = engine.integer_seed(run.configuration["random_state"], _FOLDS_SEED)
    learner = run.configuration["learner"]
    positions = np.searchsorted(space.ids, items)
    proba = engine.out_of_fold(learner, space.X, positions, codes, len(classes), seed)
    found = suspicious_labels(codes, proba)
    suspicions = [
        Suspicion(
            project=project, item_id=int(items[i]), value=int(values[i]), suggested=int(classes[to]), rank=rank,
            probability=float(proba[i, to]), own_probability=float(proba[i, codes[i]]),
        )
        for rank, (i, to) in enumerate(zip(found.positions.tolist(), found.suggested.tolist(), strict=True), 1)
    ]  # fmt: skip
    return _Found(suspicions, len(items), _labels(project).count(), found.noise, engine.learners.get(learner["name"]).label)


def _as_if_run(project: Project) -> Run:
    """A run over all items of the project that is never saved: with the features and the learner of the last development run, so
    that features which are there already are used; of a project without one, with those that its form would propose."""
    from learning.configuration import suggest

    last = project.runs.filter(kind=Run.Kind.DEVELOPMENT, started_at__isnull=False).order_by("-pk").first()
    configuration = (last.configuration if last else suggest(project)) | {"datasets": []}
    last_item = project.items.order_by("-pk").values_list("pk", flat=True).first()
    return Run(project=project, configuration=configuration, last_item_id=last_item, classes=[])


def _store(search: SuspicionSearch, token: str, found: _Found) -> None:
    """All of it or nothing. What somebody called right stays right, for as long as the label is the same."""
    with transaction.atomic():
        leases.assert_held(search, token)
        mine = Suspicion.objects.filter(project=search.project)
        mine.filter(right_at=None).delete()
        right = set(mine.values_list("item_id", "value"))
        new = [row for row in found.rows if (row.item_id, row.value) not in right]
        Suspicion.objects.bulk_create(new, batch_size=2000)
        over = {
            "status": Status.FINISHED, "n_labels": found.n_labels, "n_all": found.n_all, "noise": found.noise,
            "learner": found.learner, "error": "", "finished_at": timezone.now(), "worker": "", "heartbeat_at": None,
        }  # fmt: skip
        SuspicionSearch.objects.filter(pk=search.pk).update(**over)


# --- Its list


def search_of(project: Project) -> SuspicionSearch | None:
    return SuspicionSearch.objects.select_related("started_by").filter(project=project).first()


def waiting(project: Project) -> QuerySet[Suspicion]:
    """What was found and nobody has dealt with, the most suspicious first: labels that changed since are gone, and those that
    people were asked about again and confirmed (by the rule "first" no further answer says anything of the label).

    With `asked`: further people are being asked about it.
    """
    holds = Verdict.objects.filter(item=OuterRef("item"), current=True, source__in=TRUE_SOURCES)
    # As texts: PostgreSQL compares no JSON with a number.
    same = holds.annotate(said=Cast("value", TextField())).filter(said=Cast(OuterRef("value"), TextField()))
    open_ = Query.objects.filter(item=OuterRef("item"), trial=None, status=Query.Status.OPEN)
    found = Suspicion.objects.filter(Exists(same), project=project, right_at=None)
    if project.consensus != "first":
        found = found.exclude(Exists(rechecking.answered_again()))
    return found.annotate(asked=Exists(open_)).select_related("item").order_by("rank", "pk")


def describe(project: Project, rows: list[Suspicion], reader: User) -> list[dict[str, Any]]:
    """{suspicion, line (as lists of items show it), people (who said so: letters where names are hidden), suggested (a name)}."""
    from annotation.review import answers_of
    from projects.item_search import describe as lines_of

    items = [row.item for row in rows]
    lines = {line.item.pk: line for line in lines_of(project, items)}
    names = dict(project.labels.values_list("pk", "name"))
    answers = answers_of(project, items, reader)
    return [
        {
            "suspicion": row,
            "line": lines[row.item_id],
            "label": names.get(row.value, "?"),
            "suggested": names.get(row.suggested, "a label that was deleted"),
            "people": [answer["person"] for answer in answers[row.item_id] if answer["value"] == names.get(row.value)],
            "settled": lines[row.item_id].source == Verdict.Source.ADJUDICATED,
        }
        for row in rows
    ]


# --- What people make of it


def call_right(user: User, project: Project, item: Item) -> str:
    """The label is right: it is not listed again while it stays the same."""
    row = _one(project, item)
    Suspicion.objects.filter(pk=row.pk, right_at=None).update(right_at=timezone.now(), right_by=user)
    return f"{item.key} stays as it is, and is not listed again."


def ask_again(project: Project, item: Item) -> str:
    """One further person is asked, or as many as the project wants of an item that was imported. Raises WrongState."""
    row = _one(project, item)
    if row.asked:
        raise WrongState(f"{item.key}: somebody is being asked about it already.")
    if Verdict.objects.filter(item=item, current=True, source=Verdict.Source.ADJUDICATED).exists():
        raise WrongState(f"{item.key} was settled by a reviewer, which no answer changes: decide it on its page.")
    if not eligible(project, item).exists():
        raise WrongState(f"{item.key}: nobody is left to ask. Everybody who may answer has answered it: decide it on its page.")
    rechecking.ask_again(project, [item.pk])
    return f"{item.key} is asked again, before anything new. Its label holds until the answers are there."


def ask_again_first(project: Project, n: int) -> str:
    """The same for the first n of the list; what cannot be asked again is left out, and counted."""
    if not 1 <= n <= MOST_ASKED:
        raise Refused("n", f"Must be a whole number from 1 to {MOST_ASKED:,}.")
    settled = Verdict.objects.filter(item=OuterRef("item"), current=True, source=Verdict.Source.ADJUDICATED)
    rows = list(waiting(project).filter(~Exists(settled), asked=False)[:n])
    asked = rechecking.ask_again(project, [row.item_id for row in rows])
    left = len(rows) - asked
    said = f"{asked:,} item{'s are' if asked != 1 else ' is'} asked again, before anything new."
    return said + (f" Of {left:,} nobody is left to ask: decide them on their pages." if left else "")


def _one(project: Project, item: Item) -> Suspicion:
    row = waiting(project).filter(item=item).first()
    if row is None:
        raise WrongState(f"{item.key} is not in the list any more: its label has changed, or somebody has dealt with it.")
    return row
