"""How far are we, and, when there is nothing to label, why: what the labelling page shows beside the item, or instead of it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, Exists, Max, Min, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from annotation import statements, training
from annotation.models import Assignment, Purpose, Query, Reservation
from annotation.plain import asks_in_order
from projects.models import Project, User

_CLOSED = [Query.Status.ANSWERED, Query.Status.SKIPPED, Query.Status.DISPUTED]
# The counts of a batch are the same for everybody: asked once a second in each process, however many people answer.
_KEEP_SECONDS = 1.0
_team: dict[int, tuple[float, dict]] = {}
_EVER, _FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_KEEP_EARLIER_SECONDS = 60.0
_earlier: dict[tuple, tuple[float, int]] = {}


# What a page holds beyond the item on the screen, so that a cut connection stops nobody at once: it is kept from others and
# was chosen before the next training. In a batch, all pages together hold a quarter of what is left; without a run, MOST.
LEAST, MOST = 3, 12
_SHARE = 4


def forget() -> None:
    """Drop what this process keeps: for tests, where ids come again after a rollback."""
    _team.clear()
    _earlier.clear()


def progress(user: User, project: Project) -> dict:
    """Mine today and in all; of the run that asks now: its batch, and its labels against its budget; how many items a page
    may hold ahead."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = statements.n_answers(project.pk, user.pk, midnight, _FOR_EVER)
    return {"mine_today": today, "mine_total": _before(user, project, midnight) + today, **team_progress(project)}


def _before(user: User, project: Project, midnight: datetime) -> int:
    """My answers of all earlier days. Few of them change, and there may be many thousands: counted once a minute."""
    key = (user.pk, project.pk, midnight)
    kept = _earlier.get(key)
    if kept and time.monotonic() - kept[0] < _KEEP_EARLIER_SECONDS:
        return kept[1]
    n = statements.n_answers(project.pk, user.pk, _EVER, midnight)
    if len(_earlier) > 1000:
        _earlier.clear()
    _earlier[key] = (time.monotonic(), n)
    return n


def team_progress(project: Project) -> dict:
    """{"batch": {...} or None, "run": {...} or None} of the run that asks now, and "ahead": n; at most a second old."""
    kept = _team.get(project.pk)
    if kept and time.monotonic() - kept[0] < _KEEP_SECONDS:
        return kept[1]
    facts = _team_progress(project)
    if len(_team) > 500:
        _team.clear()
    _team[project.pk] = (time.monotonic(), facts)
    return facts


def _team_progress(project: Project) -> dict:
    run = project.runs.filter(status__in=["queued", "running"], kind="development").order_by("pk").first()
    trial = run.trials.first() if run else None
    if trial is None:
        return {"batch": None, "run": None, "ahead": _ahead(project, None)}
    counts: dict[str, int] = {}
    batch = trial.queries.filter(round_number=trial.round_number, in_batch=True).exclude(status=Query.Status.WITHDRAWN)
    for status, n in batch.order_by().values_list("status").annotate(n=Count("pk")):
        counts[status] = n
    fresh = Q(closed_at__gte=trial.trained_at) if trial.trained_at else Q()
    news = trial.queries.filter(fresh, status=Query.Status.ANSWERED).exclude(purpose=Purpose.TEST).count()
    answered, total = sum(counts.get(status, 0) for status in _CLOSED), sum(counts.values())
    return {
        "ahead": _ahead(project, total - answered),
        "batch": {"round": trial.round_number, "answered": answered, "total": total},
        "run": {"id": run.pk, "name": str(run), "labels": trial.n_labeled + news, "budget": _budget(run.configuration)},
    }


def _ahead(project: Project, left: int | None) -> int:
    """How many items each page may hold beyond the one on the screen. `left`: open ones of the batch; None: there is no run."""
    members = project.memberships.values("user")
    leases = Assignment.objects.filter(user__in=members, state=Assignment.State.LEASED, leased_until__gt=timezone.now())
    people = max(1, leases.values("user").distinct().count())
    room = MOST // people if left is None else left // (_SHARE * people)
    return min(MOST, max(LEAST, room))


def _budget(configuration: dict) -> int | None:
    """The run's own limit, as it is written in its configuration."""
    stop = configuration.get("stop") or []
    limits = [c["labels"] for c in stop if isinstance(c, dict) and c.get("name") == "budget" and c.get("labels")]
    return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why nothing is open for a person. `link` (address and words) leads where they can do something about it."""

    code: str
    title: str
    text: str
    link: tuple[str, str] | None = None
    since: str | None = None

    def as_dict(self) -> dict:
        link = {"url": self.link[0], "text": self.link[1]} if self.link else None
        return {"code": self.code, "title": self.title, "text": self.text, "link": link, "since": self.since}


_LEARNER = {
    "preparing": ("The learner is preparing the data", "It reads every item once. The first ones to label come by themselves."),
    "training": ("The learner is training", "It learns from the labels so far. New items come by themselves."),
    "predicting": ("The learner is looking at the rest", "It predicts every item without a label. New ones come by themselves."),
    "evaluating": ("The learner is being measured", "It is held against the test items. New items come by themselves."),
    "selecting": ("The learner is choosing what to ask", "New items come by themselves."),
}


def why_empty(user: User, project: Project) -> dict:
    """What to say to somebody for whom nothing is open: never a dead end."""
    return _why_empty(user, project).as_dict()


def _why_empty(user: User, project: Project) -> Reason:
    manages = project.role == "manager"
    if project.memberships.filter(user=user, paused_at__isnull=False).exists():
        text = "You get no new items until a manager of this project lets you go on. What you have answered is stored."
        return Reason("you_are_paused", "A manager has paused you", text)
    if project.training and training.awaiting(user, project):
        title, text = training.why_nothing(user, project)
        return Reason("training", title, text, (reverse("handing-out", args=[project.pk]), "Hand out work") if manages else None)
    open_queries = Query.objects.filter(project=project, status=Query.Status.OPEN)
    my_places = Assignment.objects.filter(item=OuterRef("item"), user=user)
    not_mine = open_queries.exclude(Exists(my_places))
    if Reservation.objects.filter(project=project).exists():
        reserved = Reservation.objects.filter(item=OuterRef("item"))
        for_me = not_mine.filter(~Exists(reserved) | Exists(reserved.filter(user=user)))
        if not for_me.exists() and not_mine.exists():
            text = "What is open now is meant for certain people. Items for you come by themselves."
            return Reason("reserved", "Everything that is open is reserved for others", text)
        not_mine = for_me
    not_mine = not_mine.values("item").distinct().count()
    if not_mine:
        return _leased_by_others(project, not_mine)
    if project.archived_at:
        return Reason("archived", "This project is archived", "Nothing is asked in it any more.")
    # What moves, or could move again, comes before what is over.
    rank = {"running": 0, "queued": 1, "failed": 2, "paused": 3, "draft": 4, "finished": 5, "stopped": 6}
    runs = list(project.runs.filter(kind="development").only("pk", "name", "status", "error", "stop_reason").order_by("-pk")[:50])
    run = min(runs, key=lambda r: (rank.get(r.status, 9), -r.pk), default=None)
    if (run is None or run.status == "draft") and project.items.exists() and asks_in_order(project):
        return _all_in_order(project, run, manages)
    if run is None:
        return _no_run(project, manages)
    link = (reverse("run", args=[run.pk]), f"Watch {run}")
    if run.status in {"running", "queued"}:
        return _of_active(run, link, open_queries.exists())
    return _of_inactive(project, run, link, manages)


def _leased_by_others(project: Project, n: int) -> Reason:
    now = timezone.now()
    held = Assignment.objects.filter(item__project=project, state=Assignment.State.LEASED, leased_until__gt=now)
    facts = held.aggregate(first=Min("leased_until"), people=Count("user", distinct=True), last=Max("leased_until"))
    if not facts["first"]:
        return Reason("wait", "One moment", "Items are open; they come by themselves.")
    minutes = max(1, -(-int((facts["first"] - now).total_seconds()) // 60))
    items = "The one open item is" if n == 1 else f"All {n} open items are"
    people = "a colleague" if facts["people"] == 1 else f"{facts['people']} colleagues"
    text = f"An item that stays unanswered comes back within {minutes} min. It then appears here by itself."
    return Reason("leased", f"{items} on the screen of {people}", text)


def _no_run(project: Project, manages: bool) -> Reason:
    if not project.items.exists():
        text = "Items come with a data set." + ("" if manages else " A manager of this project imports it.")
        return Reason(
            "no_items",
            "There is nothing to label yet",
            text,
            (reverse("dataset-new", args=[project.pk]), "Import a data set") if manages else None,
        )
    text = "Items are asked for by a run." + ("" if manages else " A manager of this project starts it; then items appear here.")
    return Reason(
        "no_run",
        "No run is asking for labels yet",
        text,
        (reverse("run-new", args=[project.pk]), "Make a run")
        if manages
        else (reverse("runs", args=[project.pk]), "See the runs"),
    )


def _all_in_order(project: Project, run, manages: bool) -> Reason:
    """Before the first run everything is asked in the project's own order; nothing of it is left for this person."""
    text = "A run can now learn from the labels, and ask again where it is in doubt."
    if not manages:
        return Reason("all_asked", "You have answered everything that is there", text + " A manager of this project starts one.")
    there = reverse("run", args=[run.pk]) if run else reverse("run-new", args=[project.pk])
    return Reason(
        "all_asked", "You have answered everything that is there", text, (there, "Start the run" if run else "Make a run")
    )


def _of_active(run, link: tuple[str, str], something_open: bool) -> Reason:
    trial = run.trials.only("phase", "phase_since").first()
    if trial and trial.phase in _LEARNER and not something_open:
        title, text = _LEARNER[trial.phase]
        return Reason("learner", title, text, link, trial.phase_since.isoformat() if trial.phase_since else None)
    if run.status == "queued":
        return Reason("queued", "The run is about to start", "The first items to label come by themselves.", link)
    if something_open:
        text = "What is still open waits for the answers of others. The next items come by themselves."
        return Reason("done", "You have answered everything that is open", text, link)
    return Reason("wait", "Nothing is open right now", "The next items come by themselves.", link)


def _of_inactive(project: Project, run, link: tuple[str, str], manages: bool) -> Reason:
    who = "" if manages else " A manager can "
    if run.status == "paused":
        return Reason("paused", f"{run} is paused", "Labelling goes on when it is resumed." + (who and f"{who}do that."), link)
    if run.status == "failed":
        return Reason("failed", f"{run} has failed", (run.error or "See its page.") + (who and f"{who}try it again."), link)
    if run.status == "draft":
        return Reason("draft", "The run is still a draft", "Items come when it is started." + (who and f"{who}start it."), link)
    new = (reverse("run-new", args=[project.pk]), "Make another run") if manages else None
    reason = run.stop_reason or "Its labels are all there."
    return Reason("finished", f"{run} has ended: thank you", reason, new or (link[0], "See what it learnt"))
