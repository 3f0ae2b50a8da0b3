"""What a labelling run may say, and what is wrong with it before anything is asked of anybody."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from annotation.models import Annotation, Purpose
from learning import engine
from learning.configuration import ConfigurationError, check_task
from learning.engine.errors import SettingsError
from learning.engine.parameters import Parameter
from learning.models import ModelFile, Run
from projects.models import Project
from projects.numbers import whole

AUDITS = {
    "targeted": "Among what the model is sure of: fewer checks, for fewer labels.",
    "uniform": "Among all that has no label: many checks, for as many labels as can be proven.",
}
VERSIONS = {
    "pool": "Of exactly these items: at most this share of them is wrong.",
    "population": "Of all items like these, also those to come.",
}
RISKS = {
    "whole": "All of it: the fewest checks. If they prove nothing, this model is done.",
    "half": "Half of what is left of it, so that another audit of this model stays possible.",
}
PARAMETERS = (
    Parameter(
        "accuracy", "float", 0.95, minimum=0.5, maximum=0.999, label="Accuracy", help="0.95: at most 5 of 100 labels wrong."
    ),
    Parameter(
        "certainty",
        "float",
        0.95,
        minimum=0.5,
        maximum=0.999,
        label="Certainty",
        help="How sure you want to be of that. 0.95: the promise is broken in at most 1 of 20 such runs.",
    ),
    Parameter(
        "checks", "int", 200, minimum=1, maximum=100_000, label="Checks", help="How many items your team labels to prove it."
    ),
    Parameter("audit", "choice", "targeted", choices=tuple(AUDITS.items()), label="Where to check", help=""),
    Parameter("version", "choice", "pool", choices=tuple(VERSIONS.items()), label="What is promised", help=""),
    Parameter("risk", "choice", "whole", choices=tuple(RISKS.items()), label="The risk to err", help=""),
)
# A labelling run asks as any other does: all checks, one batch.
_UNDER_WAY = [Run.Status.QUEUED, Run.Status.RUNNING, Run.Status.PAUSED, Run.Status.FAILED]
_LOOP = {"mode": "strict", "oracle": "people", "quorum": 1.0, "stop": [], "test_ratio": 0}


def suggest(source: Run) -> dict[str, Any]:
    """Complete settings for labelling the rest by the model of `source`."""
    complete = engine.validate({}, PARAMETERS)
    delta = risk_of(source, complete["certainty"], complete["risk"])
    return complete | {"checks": engine.checks_for_power(complete["accuracy"], 1 - delta if delta > 0 else complete["certainty"])}


def validate(project: Project, given: Any) -> dict[str, Any]:
    """The complete configuration, or ConfigurationError with every fault found."""
    check_task(project, "labeling")
    if not isinstance(given, dict):
        raise ConfigurationError({"configuration": ["The configuration must be an object, {...}."]})
    source = _source(project, given.get("source"))
    _check_labels(source)
    own = {key: value for key, value in given.items() if key in {parameter.name for parameter in PARAMETERS}}
    for key in given.keys() - own.keys() - {"source", "delta", "random_state", "datasets", *_LOOP}:
        known = ", ".join(["source", *(parameter.name for parameter in PARAMETERS)])
        raise ConfigurationError({str(key): [f"Unknown setting. The settings are: {known}."]})
    try:
        complete = engine.validate(own, PARAMETERS)
    except SettingsError as error:
        raise ConfigurationError({field: [text] for field, text in error.errors.items()}) from error
    delta = risk_of(source, complete["certainty"], complete["risk"])
    if delta <= 0:
        text = (
            f"Earlier audits of this model have spent a risk of {spent_on(source):.3g}, so a certainty of "
            f"{complete['certainty']:g} cannot be given any more: ask for less, or label more and train another model."
        )
        raise ConfigurationError({"certainty": [text]})
    if "checks" not in own:
        complete["checks"] = engine.checks_for_power(complete["accuracy"], 1 - delta)
    needed = engine.checks_needed(complete["accuracy"], 1 - delta)
    if complete["checks"] < needed:
        text = f"{complete['checks']} checks can prove nothing: this promise needs at least {needed}, and all of them right."
        raise ConfigurationError({"checks": [text]})
    return {
        "source": source.pk,
        **complete,
        "delta": delta,
        "datasets": source.configuration["datasets"],
        "random_state": source.configuration["random_state"],
        **_LOOP,
    }


def _check_labels(source: Run) -> None:
    """A label that was merged or retired would come back as the model's, and right answers would count as its errors."""
    known = ModelFile.objects.filter(trial__run=source).values_list("classes", flat=True).first() or []
    gone = (
        source.project.labels.filter(pk__in=known, retired_at__isnull=False).order_by("position").values_list("name", flat=True)
    )
    if gone:
        text = (
            f"The model of run {source.pk} gives the label {', '.join(map(repr, gone[:5]))}, which was merged or retired since: "
            "start another development run, which learns the labels as they are now."
        )
        raise ConfigurationError({"source": [text]})


def risk_of(source: Run, certainty: float, risk: str) -> float:
    """The probability with which this audit may err: what the earlier ones left of 1 - certainty, or half of that.

    So all audits of a model together break a promise with probability 1 - certainty at most.
    """
    left = round(1 - certainty - spent_on(source), 12)
    return left if risk == "whole" else left / 2


def spent_on(source: Run) -> float:
    """By the audits of this model of which a check was answered, whatever came of them, and by those under way.

    Who sees answers that go badly could otherwise decline before the last one, and try again for nothing.
    """
    audits = Run.objects.filter(kind=Run.Kind.LABELING, configuration__source=source.pk)
    answered = Annotation.objects.filter(query__trial__run=OuterRef("pk"), query__purpose=Purpose.CHECK)
    spent = audits.filter(Q(audit__decided_at__isnull=False) | Q(status__in=_UNDER_WAY) | Exists(answered)).distinct()
    return sum(configuration["delta"] for configuration in spent.values_list("configuration", flat=True))


def _source(project: Project, given: Any) -> Run:
    kept = ModelFile.objects.filter(trial__run__project=project, trial__run=whole(given))
    found = kept.select_related("trial__run").first()
    if found is None:
        models = ModelFile.objects.filter(trial__run__project=project).order_by("-pk").values_list("trial__run", flat=True)
        known = ", ".join(map(str, models[:20])) or "none yet: a run has one when it is over"
        raise ConfigurationError({"source": [f"Must be a run of this project that has a model; those are: {known}."]})
    return found.trial.run
