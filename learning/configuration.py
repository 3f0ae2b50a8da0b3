"""A run's configuration: what it may say, what it says when nothing is said, and what is wrong with it before anything starts.

The form, REST and `manage.py demo` all pass through `validate`; what is stored on a run is complete (every default written
out), so that a run can be read and repeated without knowing the defaults of the version that made it.
"""

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from learning import engine
from learning.datasets import run_items
from learning.engine.errors import EngineError, SettingsError, UnknownName
from learning.targets import Targets, targets_of
from projects.models import Item, Project
from projects.numbers import whole
from projects.task_types import task_type

MODES = {
    "continuous": "People go on labelling from the current ranking while the learner trains; nobody waits.",
    "strict": "The next batch is chosen when this one is labelled.",
}
ORACLES = {
    "people": "People answer. Labels that the data set brought count from the start.",
    "known": "Imported labels answer where they exist, one batch at a time; people answer the rest.",
}
DISPUTED = {
    "left_out": "The learner leaves them out until a reviewer has decided.",
    "majority": "Until then the learner takes what most people say; ties stay out, and none of it measures the model.",
}
_SECTIONS = ("features", "learner", "strategy")
_NUMBERS = {  # name: (kind, minimum, maximum, label)
    "batch_size": (int, 1, 100_000, "Batch size"),
    "seed_size": (int, 2, 1_000_000, "Seed size"),
    "test_ratio": (float, 0.0, 0.9, "Test share"),
    "random_state": (int, 0, 2**32 - 1, "Random state"),
    "exploration": (float, 0.0, 1.0, "Exploration share"),
    "second_opinions": (float, 0.0, 1.0, "Second opinions"),
    "quorum": (float, 0.1, 1.0, "Quorum"),
    "min_rounds": (int, 1, 10_000, "Rounds before a stop"),
}
STOP_WHEN = {"any": "One of them is enough.", "all": "All of them must hold."}
_CHOICES = {"mode": MODES, "oracle": ORACLES, "stop_when": STOP_WHEN, "disputed": DISPUTED}
_KEYS = {*_SECTIONS, *_NUMBERS, *_CHOICES, "seed_strategy", "stop", "warm_up", "datasets"}
MIN_ITEMS = 10
# A first model needs few labels; that people must give 100 test labels before it starts is about what they accept.
TEST_LABELS_ASKED = 100


class ConfigurationError(ValueError):
    """What is wrong, by dotted field name: {"seed_size": ["..."], "learner.C": ["..."]}."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))


@dataclass
class ProjectFacts:
    """The counts that a configuration is held against; each is one query, made when first needed."""

    project: Project
    datasets: tuple[int, ...] = ()  # none: all of them

    @property
    def targets(self) -> Targets:
        return targets_of(self.project)

    @property
    def items(self) -> QuerySet[Item]:
        return run_items(self.project, self.datasets)

    @cached_property
    def n_items(self) -> int:
        return self.items.count()

    @cached_property
    def n_known(self) -> int:
        return self.items.filter(known__isnull=False).count()

    @cached_property
    def n_labeled(self) -> int:
        """Items with a verdict that a learner may be trained on (a model's own verdicts are not)."""
        verdicts = self.project.verdicts.filter(current=True).exclude(source="model")
        return (verdicts.filter(item__dataset__in=self.datasets) if self.datasets else verdicts).count()

    @cached_property
    def n_answerable(self) -> int:
        """Items for which the oracle `known` has an answer without asking anybody."""
        verdict = self.project.verdicts.filter(item=OuterRef("pk"), current=True).exclude(source="model")
        unknown = self.items.filter(known__isnull=True)
        return self.n_known + unknown.filter(Exists(verdict)).count()

    @cached_property
    def n_labels(self) -> int:
        return self.project.labels.filter(retired_at=None).count()

    @cached_property
    def known_values(self) -> int:
        return self.items.filter(known__isnull=False).order_by().values("known").distinct().count()


def suggest(project: Project) -> dict:
    """A complete, sensible configuration for the project as it is now."""
    return _suggest(ProjectFacts(project))


def _suggest(facts: ProjectFacts) -> dict:
    n, labeled = facts.n_items, facts.n_labeled
    oracle = "known" if n and facts.n_known >= 0.95 * n else "people"
    unlabeled_share = 1 - labeled / n if n else 1.0
    test_ratio = 0.2
    if oracle == "people" and n * unlabeled_share * test_ratio > TEST_LABELS_ASKED:
        test_ratio = max(round(TEST_LABELS_ASKED / (n * unlabeled_share), 3), 0.001)
    pool = n - round(n * test_ratio)
    already = round(labeled * (1 - test_ratio)) if oracle == "people" else 0
    seed_size = max(2, min(50, pool // 4))
    stop = [
        {"name": "budget", "labels": max(min(already + 500, pool), seed_size)},
        {"name": "accuracy", "target": 0.9, "metric": facts.targets.main_metric},
        {"name": "stabilizing_predictions"},
    ]
    stop = [{"name": c["name"], **engine.validate(c, engine.criteria.get(c["name"]).parameters)} for c in stop]
    return {
        **(defaults := engine.default_settings(facts.project.modality)),
        "learner": _complete(engine.learners, {**defaults["learner"], **facts.targets.learner}),
        "strategy": _complete(facts.targets.strategies, {"name": facts.targets.strategy}),
        "batch_size": max(1, min(20, pool // 10)),
        "seed_size": seed_size,
        "seed_strategy": "random",
        "warm_up": {"strategy": {"name": "random"}, "labels_per_class": 0},
        "test_ratio": test_ratio,
        "stop": stop,
        "stop_when": "any",
        "min_rounds": 3,
        "mode": "continuous",
        "oracle": oracle,
        "disputed": "left_out",
        "random_state": 0,
        "exploration": 0.1,
        "second_opinions": 0.0,
        "quorum": 0.9,
        "datasets": list(facts.datasets),
    }


def registry_of(section: str, project: Project) -> engine.Registry:
    """Where the entries of "features", "learner" or "strategy" are registered that a run of this project may have."""
    return {"features": engine.features, "learner": engine.learners, "strategy": targets_of(project).strategies}[section]


def _complete(registry: engine.Registry, settings: dict) -> dict:
    entry = registry.get(settings["name"])
    parameters = {key: value for key, value in settings.items() if key != "name"}
    return {"name": settings["name"], **engine.validate(parameters, entry.parameters)}


def refusal(project: Project, kind: str = "development") -> str:
    """Why no run of this kind can learn from the answers that this project asks for; "" where one can."""
    targets = targets_of(project)
    here = {"analysis": targets.no_analysis, "labeling": targets.no_labeling}.get(kind, "")
    return task_type(project.task).not_learned or here


def check_task(project: Project, kind: str = "development") -> None:
    """Raise ConfigurationError where `refusal` says something."""
    if problem := refusal(project, kind):
        raise ConfigurationError({"project": [problem]})


def validate(project: Project, partial: dict[str, Any]) -> dict:
    """The complete configuration, or ConfigurationError with every fault found; nothing is written."""
    check_task(project)
    if not isinstance(partial, dict):
        raise ConfigurationError({"configuration": ["The configuration must be an object, {...}."]})
    errors: dict[str, list[str]] = {}
    facts = ProjectFacts(project, read_datasets(project, partial.get("datasets"), errors))
    complete = _suggest(facts)
    if isinstance(partial.get("oracle"), str) and partial["oracle"] != complete["oracle"] and partial["oracle"] in ORACLES:
        complete = _suggest_for_oracle(facts, complete, partial["oracle"])
    if partial.get("mode") == "strict" and "quorum" not in partial:
        complete["quorum"] = 1.0
    for key in partial.keys() - _KEYS:
        errors[str(key)] = [f"Unknown setting. The settings are: {', '.join(sorted(_KEYS))}."]
    for section in _SECTIONS:
        if section in partial:
            _read_section(section, registry_of(section, project), partial[section], complete, errors)
    for name in _NUMBERS:
        if name in partial:
            _read_number(name, partial[name], complete, errors)
    if "warm_up" in partial:
        read_warm_up(partial["warm_up"], complete, errors, facts.targets.strategies)
    for name, choices in {**_CHOICES, "seed_strategy": facts.targets.seeds}.items():
        if name in partial:
            if isinstance(partial[name], str) and partial[name] in choices:
                complete[name] = partial[name]
            else:
                errors[name] = [f"Must be one of {', '.join(choices)}; got {partial[name]!r}."]
    if "stop" in partial:
        _read_stop(partial["stop"], facts.targets, complete, errors)
    else:
        # A default gives way to what was said: a larger seed needs a larger budget.
        budget = next(criterion for criterion in complete["stop"] if criterion["name"] == "budget")
        budget["labels"] = max(budget["labels"], complete["seed_size"])
    if not errors:
        errors = _misfits(facts, complete)
    if errors:
        raise ConfigurationError(errors)
    return complete


def read_datasets(project: Project, given: Any, errors: dict) -> tuple[int, ...]:
    """The ids of data sets that a plan names, ascending; none: all. What is none of the project's goes to the errors."""
    if not given:
        return ()
    finished = set(project.datasets.filter(status="finished").values_list("pk", flat=True))
    if not isinstance(given, list) or not all(isinstance(pk, int) and pk in finished for pk in given):
        errors["datasets"] = [
            f"Must be a list of imported data sets of this project; they are: {sorted(finished)}. Leave it empty for all."
        ]
        return ()
    return tuple(sorted(set(given)))


def _suggest_for_oracle(facts: ProjectFacts, complete: dict, oracle: str) -> dict:
    """The defaults that hang on the oracle: with known labels nobody has to label a test set first."""
    complete = {**complete, "oracle": oracle}
    if oracle == "known":
        complete["test_ratio"] = 0.2
        pool = facts.n_items - round(facts.n_items * 0.2)
        complete["stop"] = [{"name": "budget", "labels": max(min(500, pool), complete["seed_size"])}, *complete["stop"][1:]]
    return complete


def _read_section(section: str, registry: engine.Registry, given: Any, complete: dict, errors: dict) -> None:
    if isinstance(given, dict):
        given = {"name": complete[section]["name"]} | given
    if (entry := read_entry(registry, given, section, errors)) is not None:
        complete[section] = entry


def read_entry(registry: Any, given: Any, field: str, errors: dict) -> dict | None:
    """The complete settings of one registered class from an object with a "name", or from the name alone; else the errors."""
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        errors[field] = ['Must be an object with a "name", or the name alone.']
        return None
    try:
        entry = registry.get(given["name"])
        parameters = {key: value for key, value in given.items() if key != "name"}
        return {"name": given["name"], **engine.validate(parameters, entry.parameters)}
    except UnknownName as error:
        errors[field] = [str(error)]
    except SettingsError as error:
        errors.update({f"{field}.{name}": [text] for name, text in error.errors.items()})
    return None


def read_warm_up(given: Any, complete: dict, errors: dict, registry: engine.Registry = engine.strategies) -> None:
    """{"strategy": {...} or a name, "labels_per_class": 3}; 0 is no warm-up."""
    if not isinstance(given, dict) or given.keys() - {"strategy", "labels_per_class"}:
        errors["warm_up"] = ['Must be an object like {"strategy": "typiclust", "labels_per_class": 3}.']
        return
    warm_up = dict(complete["warm_up"])
    count = given.get("labels_per_class", warm_up["labels_per_class"])
    if isinstance(count, str):
        count = count if (number := whole(count)) is None else number
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 1000:
        errors["warm_up.labels_per_class"] = [f"Must be a whole number from 0 to 1000; got {count!r}."]
    else:
        warm_up["labels_per_class"] = count
    strategy = given.get("strategy", warm_up["strategy"])
    strategy = {"name": strategy} if isinstance(strategy, str) else strategy
    try:
        if not isinstance(strategy, dict) or not engine.runs_without_model({"name": None} | strategy, registry):
            names = ", ".join(entry.name for entry in warm_up_strategies(registry))
            raise SettingsError({"strategy": f"Must be one that needs no model: {names}."})
        warm_up["strategy"] = _complete(registry, strategy)
    except UnknownName as error:
        errors["warm_up.strategy"] = [str(error)]
    except SettingsError as error:
        errors["warm_up.strategy"] = [" ".join(error.errors.values())]
    complete["warm_up"] = warm_up


def warm_up_strategies(registry: engine.Registry) -> list[type]:
    """Those that can choose before there is a model."""
    return [entry for entry in registry if engine.runs_without_model({"name": entry.name}, registry)]


def _read_number(name: str, given: Any, complete: dict, errors: dict) -> None:
    kind, minimum, maximum, _ = _NUMBERS[name]
    wanted = "a whole number" if kind is int else "a number"
    if isinstance(given, str):
        with contextlib.suppress(ValueError):
            given = float(given) if kind is float else int(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or (kind is int and given % 1 != 0):  # 1e999 is infinite
        errors[name] = [f"Must be {wanted}; got {given!r}."]
    elif not minimum <= given <= maximum:
        errors[name] = [f"Must be {wanted} from {minimum} to {maximum}; got {given}."]
    else:
        complete[name] = kind(given)


def _read_stop(given: Any, targets: Targets, complete: dict, errors: dict) -> None:
    if not isinstance(given, list):
        errors["stop"] = ['Must be a list of criteria, like [{"name": "budget", "labels": 500}].']
        return
    stop = []
    for i, criterion in enumerate(given):
        if isinstance(criterion, str):
            criterion = {"name": criterion}
        if not isinstance(criterion, dict) or not isinstance(criterion.get("name"), str):
            errors[f"stop.{i}"] = ['Must be an object with a "name".']
            continue
        try:
            entry = engine.criteria.get(criterion["name"])
            given_here = {key: value for key, value in criterion.items() if key != "name"}
            if any(parameter.name == "metric" for parameter in entry.parameters):
                given_here = {"metric": targets.main_metric} | given_here
            # A criterion may be given twice: one that advises early, one that stops.
            stop.append({"name": criterion["name"], **engine.validate(given_here, entry.parameters)})
            if problem := targets.stop_problem(stop[-1]):
                errors[f"stop.{i}" + (f".{problem[0]}" if problem[0] else "")] = [problem[1]]
        except UnknownName as error:
            errors[f"stop.{i}"] = [str(error)]
        except SettingsError as error:
            errors.update({f"stop.{i}.{field}": [text] for field, text in error.errors.items()})
    complete["stop"] = stop


def _misfits(facts: ProjectFacts, c: dict) -> dict[str, list[str]]:
    """What each field allows by itself, and the project's data do not."""
    errors: dict[str, list[str]] = {}
    n = facts.n_items
    modality = engine.features.get(c["features"]["name"]).modality
    if modality != facts.project.modality:
        errors["features"] = [f"{c['features']['name']} reads {modality} items; this project has {facts.project.modality} items."]
    if n < MIN_ITEMS:
        errors["project"] = [f"The project has {n} items; a run needs at least {MIN_ITEMS}. Import data first."]
        return errors
    if facts.n_labels < 2:
        errors["project"] = [
            f"The project has {facts.n_labels} label{'' if facts.n_labels == 1 else 's'}; a learner needs at least two "
            "classes to tell apart. Add labels first."
        ]
        return errors
    if c["second_opinions"] and facts.targets.no_doubts:
        errors["second_opinions"] = [facts.targets.no_doubts]
    counts = forecast_counts(facts, c)
    if c["oracle"] == "known":
        if facts.n_known == 0:
            errors["oracle"] = ["No item has an imported label, so there is nothing to answer from: choose people."]
        elif facts.known_values < 2 and facts.n_known == n:
            errors["oracle"] = ["All imported labels are the same: with one class only there is nothing to learn."]
    if counts["n_test"] == 0 and c["test_ratio"] > 0:
        errors["test_ratio"] = [
            f"{c['test_ratio']:g} of {n} items is less than one test item: choose at least {1 / n:.2g}, or 0."
        ]
    pool = counts["n_pool"]
    if c["seed_strategy"] == "stratified" and (c["oracle"] != "known" or facts.n_answerable < n):
        errors["seed_strategy"] = [
            "A stratified seed needs the label of every item beforehand: choose the oracle known with a fully labelled data set, "
            "or another seed."
        ]
    if c["seed_size"] >= pool:
        errors["seed_size"] = [
            f"The seed of {c['seed_size']} is as large as the pool: {n} items less {counts['n_test']} for the test set "
            f"leave {pool}. Choose a smaller seed or a smaller test share."
        ]
    elif c["batch_size"] > pool - c["seed_size"] and pool > c["seed_size"]:
        errors["batch_size"] = [f"Only {pool - c['seed_size']} items are left to ask after the seed: choose a smaller batch."]
    for i, criterion in enumerate(c["stop"]):
        if criterion["name"] == "budget":
            start = max(c["seed_size"], counts["n_start"])
            if criterion["labels"] < start:
                errors[f"stop.{i}.labels"] = [
                    f"The run would stop before its first query: it starts with {start} labels, and stops at "
                    f"{criterion['labels']}."
                ]
        elif "target" in criterion and counts["n_test"] == 0:
            errors[f"stop.{i}.target"] = ["Without a test set no score can be measured: choose a test share above 0."]
    return errors


def forecast_counts(facts: ProjectFacts, c: dict) -> dict:
    """How many items go where. Expected values: the test set is a random draw, so its labelled part is known only then."""
    n = facts.n_items
    n_test = round(n * c["test_ratio"])
    answered = facts.n_answerable if c["oracle"] == "known" else facts.n_labeled
    share = answered / n if n else 0.0
    n_pool = n - n_test
    n_start = round(n_pool * share) if c["oracle"] == "people" else 0
    seed_asked = max(0, c["seed_size"] - n_start) if c["oracle"] == "people" else round(c["seed_size"] * (1 - share))
    return {
        "n_items": n,
        "n_labeled": facts.n_labeled,
        "n_known": facts.n_known,
        "n_test": n_test,
        "n_test_to_ask": round(n_test * (1 - share)),
        "n_pool": n_pool,
        "n_start": n_start,
        "n_seed_to_ask": seed_asked,
    }


def forecast(project: Project, configuration: dict) -> dict:
    """Plain facts for the form: the counts of `forecast_counts`, and warnings that forbid nothing."""
    facts = ProjectFacts(project, tuple(configuration["datasets"]))
    counts = forecast_counts(facts, configuration)
    warnings = []
    start = max(configuration["seed_size"], counts["n_start"])
    if counts["n_test"] == 0:
        warnings.append("Without a test set nobody will know how good the model is.")
    elif counts["n_test"] < 50:
        warnings.append(
            f"{counts['n_test']} test items measure roughly: a score will be known to about "
            f"±{100 / counts['n_test'] ** 0.5:.0f} points."
        )
    if configuration["batch_size"] > start / 2:
        warnings.append(
            f"The batch of {configuration['batch_size']} is more than half of the {start} labels that the first model learns "
            "from: its queries may say much the same. A smaller batch at the start is safer."
        )
    one_each = facts.targets.one_class_each and configuration["oracle"] == "people"
    if one_each and facts.n_labels and configuration["seed_size"] < facts.n_labels:
        warnings.append(f"A seed of {configuration['seed_size']} cannot show all {facts.n_labels} classes to the learner.")
    return {**counts, "warnings": warnings}


__all__ = ["MODES", "ORACLES", "ConfigurationError", "EngineError", "forecast", "suggest", "validate"]
