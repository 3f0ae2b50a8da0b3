"""The review queue, for a reviewer's word: items that people disagree on, those that somebody flagged or commented, and labels
that the model did not expect when it asked.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from annotation.models import Annotation, Query, Verdict
from annotation.verdicts import adjudicate, ask_one_more, set_aside
from projects.errors import Refused
from projects.models import Item, Project, User
from projects.names import names_of
from projects.task_types import task_type

KINDS = {"disputed": "Disputed", "flagged": "Flagged or commented", "second": "Second look"}
_LOOKED_AT = 5000  # answers that a second look considers, the latest
_ASKING = ["development", "labeling"]  # kinds of runs that ask people
_SECOND_LOOKS = 200  # of which it shows those where the model was surest
MAX_COMMENT = 2000
_RECENT = 200  # decided items that feedback looks back on


def waiting(project: Project, kind: str) -> QuerySet[Item]:
    """The items of one kind that wait for a reviewer, in the order of import. Raises Refused for another kind."""
    if kind not in KINDS:
        raise Refused("kind", f"There is no such kind of review; there are: {', '.join(KINDS)}.")
    if kind == "disputed":
        return project.items.filter(pk__in=_disputed(project)).order_by("pk")
    if kind == "second":
        return project.items.filter(pk__in=_second_looks(project)).order_by("pk")
    asked = Query.objects.filter(item=OuterRef("pk"))
    # From the answers, of which there are fewer than items.
    said = Annotation.objects.filter(project=project, current=True).filter(Q(flagged=True) | Q(skipped=False) & ~Q(comment=""))
    found = project.items.filter(pk__in=said.exclude(gold=True, extra=True).values("item"))  # a training's are answered by itself
    settled = Verdict.objects.filter(item=OuterRef("pk"), current=True, source=Verdict.Source.ADJUDICATED)
    closed = asked.filter(status__in=[Query.Status.SKIPPED, Query.Status.DISPUTED])
    return found.exclude(Exists(settled)).exclude(Exists(closed)).order_by("pk")


def _disputed(project: Project) -> QuerySet:
    """The items' ids. By the trials of the project: queries are many, and have an index by trial and status."""
    trials = Query._meta.get_field("trial").related_model.objects.filter(run__project=project, run__kind__in=_ASKING)
    disputed = Query.objects.filter(status=Query.Status.DISPUTED)
    plain = disputed.alias(whose=F("project") + 0).filter(
        trial=None, whose=project.pk
    )  # + 0: the index by project is no use here
    return disputed.filter(trial__in=trials.values("pk")).values("item").union(plain.values("item"))


def n_disputed(project: Project) -> int:
    """How many items people disagree on: the navigation of every page shows it to those who may settle them."""
    return _disputed(project).count()


def _second_looks(project: Project) -> list[int]:
    """The items, of the last 5,000 answered ones, whose label is not what the model expected when it asked: the 200 of which it
    was surest. Where a reviewer has decided, nothing is left to look at.
    """
    asked = Query.objects.filter(project=project, status=Query.Status.ANSWERED, prediction__isnull=False).order_by("-pk")
    found = {item: (score, predicted) for item, score, predicted in asked.values_list("item", "score", "prediction")[:_LOOKED_AT]}
    verdicts = Verdict.objects.filter(project=project, current=True, source=Verdict.Source.PEOPLE)
    rows = verdicts.filter(item__in=list(found)).values_list("item", "value")
    differ = [(found[item][0], item) for item, value in rows if found[item][1] != value]
    # Who answered otherwise beside the model's suggestion has looked twice.
    led = Annotation.objects.filter(item__in=[item for _, item in differ], current=True, suggestion__isnull=False)
    knew = set(led.values_list("item_id", flat=True))
    differ = [row for row in differ if row[1] not in knew]
    # A high score means doubt; who was drawn at random may have none.
    differ.sort(key=lambda row: (row[0] is None, row[0] or 0.0, row[1]))
    return [item for _, item in differ[:_SECOND_LOOKS]]


def counts(project: Project) -> dict[str, int]:
    return {kind: waiting(project, kind).count() for kind in KINDS}


def answers_of(project: Project, items: list[Item], reader: User) -> dict[int, list[dict[str, Any]]]:
    """By item id, its answers in the order in which they came; one statement for all of them.

    {person, value (raw, None: skipped), text (in words), cell (as forms send it), seconds, comment, flagged, at}; person is
    a letter where names are hidden.
    """
    names, task = dict(project.labels.values_list("pk", "name")), task_type(project.task)
    found: dict[int, list[dict[str, Any]]] = {item.pk: [] for item in items}
    rows = list(Annotation.objects.filter(item__in=items, current=True).order_by("pk"))
    people = names_of(project, {row.user_id for row in rows}, reader)
    content = {item.pk: item.content for item in items}
    for row in rows:
        found[row.item_id].append(
            {
                "person": people[row.user_id],
                "value": None if row.skipped else task.raw(row.value, names),
                "text": "" if row.skipped else task.words(row.value, names, content[row.item_id]),
                "cell": "" if row.skipped else task.cell(row.value, names),
                "seconds": row.seconds,
                "comment": row.comment,
                "flagged": row.flagged,
                "at": row.created_at,
            }
        )
    return found


def asked_more(project: Project, items: list[Item]) -> set[int]:
    """The items of which more people were asked than the project wants of every item."""
    asked = Query.objects.filter(item__in=items, wanted__gt=project.annotators_per_item)
    return set(asked.exclude(status=Query.Status.WITHDRAWN).values_list("item_id", flat=True))


def review(user: User, project: Project, item: Item, action: str, *, value: Any = None, comment: str = "") -> str:
    """Do what a reviewer chose: decide (value: raw), ask (one person more) or skip (not decidable). What happened, in words.

    Raises Refused or InvalidValue for what cannot be meant, WrongState where nobody is left to ask.
    """
    if len(comment) > MAX_COMMENT:
        raise Refused("comment", f"Must have at most {MAX_COMMENT} characters; this has {len(comment)}.")
    if action == "decide":
        labels = dict(project.labels.filter(retired_at=None).values_list("name", "pk"))
        task = task_type(project.task)
        stored = task.read(value, labels, item.content)
        adjudicate(user, project, item, stored, comment)
        words = task.words(stored, {pk: name for name, pk in labels.items()}, item.content)
        return f"{item.key} is “{words}”. The answers stay in the history."
    if action == "ask":
        ask_one_more(project, item)
        return f"One person more is asked about {item.key}."
    if action == "skip":
        set_aside(project, item)
        return f"{item.key} is set aside as not decidable: the learner leaves it out."
    raise Refused("action", "There is no such action; there are: decide, ask, skip.")


def meanwhile(project: Project) -> str:
    """What the runs that go on make of disputed items until they are decided, in a sentence."""
    runs = project.runs.filter(kind="development", status__in=["queued", "running", "paused"]).only("name", "configuration")
    taking = [str(run) for run in runs if run.configuration.get("disputed") == "majority"]
    said = "The learner learns from decided items only: what is disputed waits here, what is not decidable is left out."
    if taking:
        verb = "takes" if len(taking) == 1 else "take"
        said = f"Until disputed items are decided, {', '.join(taking)} {verb} what most people say of them; ties are left out."
    return said


@dataclass(frozen=True)
class Overruled:
    item: Item
    mine: str
    decided: str
    comment: str


def feedback(user: User, project: Project) -> list[Overruled]:
    """Which of this person's answers a reviewer decided otherwise, the latest first, of the last 200 that were decided."""
    names, task = dict(project.labels.values_list("pk", "name")), task_type(project.task)
    # Not of gold: it would be told apart from work, and its answer with it.
    given = Annotation.objects.filter(item=OuterRef("item"), user=user, current=True, skipped=False, gold=False)
    verdicts = Verdict.objects.filter(Exists(given), project=project, current=True, source=Verdict.Source.ADJUDICATED)
    decided = list(verdicts.select_related("item").order_by("-pk")[:_RECENT])
    answers = Annotation.objects.filter(item__in=[v.item_id for v in decided], user=user, current=True, gold=False)
    mine = dict(answers.values_list("item_id", "value"))
    return [
        Overruled(
            v.item, task.words(mine[v.item_id], names, v.item.content), task.words(v.value, names, v.item.content), v.comment
        )
        for v in decided
        if mine[v.item_id] != v.value
    ]
