"""The numbers of the home page and of a project's overview, each a fixed number of queries.

Queries, verdicts and runs belong to apps above this one, which it must not import: they are reached by the names of the
relations that those apps add to Project.
"""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Case, Count, F, IntegerField, Model, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from projects.access import visible_projects
from projects.models import Item, Label, Membership, Project, Role, User
from projects.task_types import task_type


def _model(relation: str) -> type[Model]:
    return Project._meta.get_field(relation).related_model


@dataclass
class ProjectLine:
    """One project on the home page."""

    project: Project
    items: int = 0
    labeled: int = 0
    waiting: int = 0
    runs: list = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.labeled / self.items if self.items else 0.0


def home_lines(user: User) -> list[ProjectLine]:
    """The user's projects: how far each is, what waits for this person, what runs."""
    roles = dict(Membership.objects.filter(user=user).values_list("project_id", "role"))
    lines = {}
    for project in visible_projects(user):
        project.role = Role.MANAGER if user.is_superuser else Role(roles[project.pk])
        lines[project.pk] = ProjectLine(project)
    current = [pk for pk, line in lines.items() if not line.project.archived_at]
    labels_here = [pk for pk in current if lines[pk].project.role.rank >= Role.ANNOTATOR.rank]
    for pk, n in Item.objects.filter(project__in=current).order_by().values_list("project").annotate(n=Count("pk")):
        lines[pk].items = n
    verdicts = _model("verdicts").objects.filter(project__in=current, current=True).order_by()
    for pk, n in verdicts.values_list("project").annotate(n=Count("item")):
        lines[pk].labeled = n
    for pk, n in waiting_for(user, labels_here).items():
        lines[pk].waiting = n
    for run in active_runs(current):
        lines[run.project_id].runs.append(run)
    return list(lines.values())


def waiting_for(user: User, project_ids: list[int]) -> dict[int, int]:
    """By project: how many items are asked now that this person could answer (those on others' screens not counted)."""
    query = _model("queries")
    assignment = query._meta.get_field("assignments").related_model
    of_item = assignment.objects.filter(item=OuterRef("item")).order_by()
    filled = Q(state="submitted") | Q(state="leased", leased_until__gt=timezone.now())
    others = of_item.exclude(user=user).filter(filled).values("item").annotate(n=Count("pk")).values("n")
    mine = of_item.filter(user=user).exclude(state="leased").values("pk")
    rows = (
        query.objects.filter(project__in=project_ids, status="open")
        .annotate(taken=Coalesce(Subquery(others, output_field=IntegerField()), 0), done=Subquery(mine[:1]))
        .filter(taken__lt=F("wanted"), done=None)
        .order_by()
        .values_list("project")
        .annotate(n=Count("item", distinct=True))
    )
    return dict(rows)


def active_runs(project_ids: list[int]) -> list:
    """Runs that are under way, each with `.phase_text`: the phase of its one trial, or how many of its trials are done."""
    runs = list(
        _model("runs").objects.filter(project__in=project_ids, status__in=["queued", "running", "paused"])
        .defer("traceback", "versions", "classes", "configuration").select_related("project")
    )  # fmt: skip
    with_phases(runs)
    return runs


def with_phases(runs: list) -> None:
    """Give each run `.phase_text` and `.n_labeled`."""
    if not runs:
        return
    trial = _model("runs")._meta.get_field("trials").related_model
    names = dict(trial._meta.get_field("phase").choices)
    phases: dict[int, Counter] = {run.pk: Counter() for run in runs}
    labels: Counter = Counter()
    rows = trial.objects.filter(run__in=runs).order_by().values_list("run", "phase").annotate(n=Count("pk"))
    for run_id, phase, n in rows:
        phases[run_id][phase] += n
    for run_id, n in trial.objects.filter(run__in=runs, run__kind="development").values_list("run", "n_labeled"):
        labels[run_id] += n
    for run in runs:
        counts, run.n_labeled = phases[run.pk], labels[run.pk]
        if run.status != "running" and run.status != "queued":
            run.phase_text = run.get_status_display()
        elif counts.total() > 1:
            run.phase_text = f"{counts['finished']} of {counts.total()} curves done"
        else:
            run.phase_text = next((names[phase] for phase in counts), run.get_status_display())


@dataclass
class LabelCount:
    label: Label
    count: int
    share: float


def overview(project: Project, user: User) -> dict:
    """The facts of one project."""
    verdicts = _model("verdicts").objects.filter(project=project, current=True).order_by()
    sources = dict(_model("verdicts")._meta.get_field("source").choices)
    by_source = [(sources[s], n) for s, n in verdicts.values_list("source").annotate(n=Count("pk")).order_by("-n")]
    n_items = project.items.count()
    labeled = sum(n for _, n in by_source)
    runs = list(project.runs.defer("traceback", "versions", "classes", "configuration")[:5])
    with_phases(runs)
    may_label = project.role.rank >= Role.ANNOTATOR.rank and not project.archived_at
    return {
        "n_items": n_items,
        "labeled": labeled,
        "unlabeled": n_items - labeled,
        "share": labeled / n_items if n_items else 0.0,
        "by_source": by_source,
        "histogram": label_histogram(project),
        "datasets": list(project.datasets.all()[:5]),
        "runs": runs,
        "members": list(project.memberships.select_related("user").order_by(_by_rank(), "user__username")[:12]),
        "n_members": project.memberships.count(),
        "waiting": waiting_for(user, [project.pk]).get(project.pk, 0) if may_label else 0,
        "may_label": may_label,
    }


def label_counts(project: Project) -> Counter:
    """By label id: on how many items it is what the project holds true."""
    return task_type(project.task).count(_model("verdicts").objects.filter(project=project, current=True))


def label_histogram(project: Project) -> list[LabelCount]:
    """The labels in their order, each with its count; a retired one only where something has it."""
    counts = label_counts(project)
    largest = max(counts.values(), default=0)
    rows = [LabelCount(label, counts[label.pk], counts[label.pk] / largest if largest else 0.0) for label in project.labels.all()]
    return [row for row in rows if row.count or not row.label.retired_at]


def _by_rank() -> Case:
    return Case(*[When(role=role, then=Value(-role.rank)) for role in Role], output_field=IntegerField())
