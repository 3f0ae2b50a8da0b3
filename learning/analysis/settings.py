"""What an analysis may say, what it says when nothing is said, and what is wrong with it before anything starts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count

from annotation.models import Verdict
from learning import engine
from learning.configuration import ConfigurationError, ProjectFacts, check_task, read_datasets, read_entry, read_warm_up
from learning.engine.parameters import Parameter
from projects.metadata import with_value
from projects.models import Label, Project

SPLITS = {
    "folds": "Cross-validation: every item is tested once per repeat, in stratified folds.",
    "holdout": "A random test set of its own for every repeat.",
    "column": "The test set that a column of the data names; the repeats differ by their seeds.",
}
PARAMETERS = (
    Parameter("split", "choice", "folds", choices=tuple(SPLITS.items()), label="Test set"),
    Parameter("folds", "int", 5, minimum=2, maximum=100, label="Folds", help="How many parts the items are split into."),
    Parameter(
        "repeats", "int", 3, minimum=1, maximum=1000, label="Repeats",
        help="How often all of it is done again with other seeds. 30 are advised; with few, small differences stay unseen.",
    ),
    Parameter("test_ratio", "float", 0.2, minimum=0.01, maximum=0.9, label="Test share", help="Of random hold-outs."),
    Parameter("split_column", "text", "", label="Column", help="Of a split by column: its name."),
    Parameter("test_value", "text", "test", label="Value of test items", help="What that column says of them."),
    Parameter("seed_size", "int", 20, minimum=2, maximum=1_000_000, label="Seed size", help="Labels at every start."),
    Parameter(
        "seed_strategy", "choice", "random", choices=tuple(engine.SEEDS.items()), label="Seed",
        help="The same items for all strategies of one split.",
    ),
    Parameter(
        "max_labels", "int", 0, minimum=0, maximum=10_000_000, label="Labels at most",
        help="Where the curves end; 0: when the pool is empty.",
    ),
    Parameter(
        "metric", "choice", "accuracy",
        choices=tuple((name, entry["label"]) for name, entry in engine.METRICS.items()), label="Main metric",
        help="What the report begins with.",
    ),
    Parameter(
        "full_model", "bool", True, label="The model trained on all labels",
        help="One more training per split: the line that the curves grow towards.",
    ),
    Parameter(
        "leave_out", "bool", False, label="Leave out items without a label",
        help="The known labels are the oracle, so an item without one cannot take part.",
    ),
    Parameter("random_state", "int", 0, minimum=0, maximum=2**32 - 1, label="Random state"),
)  # fmt: skip
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
_LISTS = {"strategies": engine.strategies, "learners": engine.learners, "features": engine.features}
_SINGULAR = {"strategy": "strategies", "learner": "learners", "batch_size": "batch_sizes"}
_KEYS = {*_BY_NAME, *_LISTS, *_SINGULAR, "batch_sizes", "strategy_labels", "metrics", "seed_ratio", "warm_up", "datasets"}
METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "mcc")
BASELINE = "random"
DEFAULT_STRATEGIES = (BASELINE, "margin", "entropy", "k_center")
FEW_REPEATS = 30
FULL_MODEL = "all labels"  # the strategy's name of the trials that train on everything at once
MOST_TRIALS = 20_000


@dataclass
class AnalysisFacts(ProjectFacts):
    """What the data allow, each one query."""

    @cached_property
    def class_counts(self) -> dict[int, int]:
        """Label id -> items that the oracle knows to be of it: imported, else settled by people."""
        counts = Counter(dict(self.items.filter(known__isnull=False).order_by().values_list("known").annotate(n=Count("pk"))))
        settled = Verdict.objects.filter(project=self.project, current=True, item__known__isnull=True).exclude(source="model")
        if self.datasets:
            settled = settled.filter(item__dataset__in=self.datasets)
        counts.update(dict(settled.order_by().values_list("value").annotate(n=Count("pk"))))
        return dict(counts)

    @property
    def n_usable(self) -> int:
        return sum(self.class_counts.values())

    def in_test(self, column: str, value: str) -> int:
        return len(with_value(self.items, column, value))

    @cached_property
    def columns(self) -> list[str]:
        """The columns that the first items bring beside content and label."""
        first = self.items.values_list("metadata", flat=True)[:200]
        return sorted({key for metadata in first for key in (metadata or {})})


def suggest(project: Project, facts: AnalysisFacts | None = None) -> dict[str, Any]:
    """A complete, sensible configuration for the project as it is now."""
    facts = facts or AnalysisFacts(project)
    defaults = engine.default_settings(project.modality)
    pool = round(facts.n_usable * 0.8)
    batch_size = max(1, min(20, pool // 20))
    seed_size = max(2, min(50, pool // 10))
    return {
        "strategies": [_complete("strategies", {"name": name}) for name in DEFAULT_STRATEGIES],
        "strategy_labels": list(DEFAULT_STRATEGIES),
        "batch_sizes": [batch_size],
        "learners": [_complete("learners", defaults["learner"])],
        "features": [_complete("features", defaults["features"])],
        **engine.validate({}, PARAMETERS),
        "seed_size": seed_size,
        "max_labels": min(pool, seed_size + 25 * batch_size),
        "metrics": list(METRICS),
        "warm_up": {"strategy": {"name": "random"}, "labels_per_class": 0},
        "datasets": list(facts.datasets),
    }


def _complete(section: str, settings: dict) -> dict:
    entry = _LISTS[section].get(settings["name"])
    return {"name": entry.name, **engine.validate({k: v for k, v in settings.items() if k != "name"}, entry.parameters)}


def validate(project: Project, given: Any) -> dict[str, Any]:
    """The complete configuration, or ConfigurationError with every fault found; nothing is written."""
    check_task(project, "analysis")
    if not isinstance(given, dict):
        raise ConfigurationError({"configuration": ["The configuration must be an object, {...}."]})
    errors: dict[str, list[str]] = {}
    facts = AnalysisFacts(project, read_datasets(project, given.get("datasets"), errors))
    complete = suggest(project, facts)
    for key in given.keys() - _KEYS:
        errors[str(key)] = [f"Unknown setting. The settings are: {', '.join(sorted(_KEYS))}."]
    given = _plural(given, errors)
    labels = given.get("strategy_labels")
    for section in _LISTS:
        if section in given:
            complete[section] = _entries(section, given[section], errors) or complete[section]
    if "batch_sizes" in given:
        complete["batch_sizes"] = _batch_sizes(given["batch_sizes"], errors) or complete["batch_sizes"]
    for name, parameter in _BY_NAME.items():
        if name in given and not (name == "max_labels" and given[name] is None):
            try:
                complete[name] = parameter.clean(given[name])
            except ValueError as error:
                errors[name] = [str(error)]
    if "max_labels" in given and given["max_labels"] is None:
        complete["max_labels"] = 0
    if "metrics" in given:
        complete["metrics"] = _metrics(given["metrics"], errors) or complete["metrics"]
    if complete["metric"] not in complete["metrics"]:
        complete["metrics"] = [complete["metric"], *complete["metrics"]]
    if "warm_up" in given:
        read_warm_up(given["warm_up"], complete, errors)
    if not any(settings["name"] == BASELINE for settings in complete["strategies"]):
        # Without chance beside them nobody knows what the others save.
        complete["strategies"] = [_complete("strategies", {"name": BASELINE}), *complete["strategies"]]
        labels = [BASELINE, *labels] if isinstance(labels, list) else None
    complete["strategy_labels"] = _names(complete["strategies"], labels, errors)
    if not errors:
        _seed_ratio(facts, given, complete, errors)
    if not errors:
        if "max_labels" not in given:
            seed, largest = complete["seed_size"], max(complete["batch_sizes"])
            complete["max_labels"] = min(counts_of(facts, complete)["n_pool"], max(complete["max_labels"], seed + 10 * largest))
        errors = _misfits(facts, complete)
    if errors:
        raise ConfigurationError(errors)
    return complete


def _plural(given: dict, errors: dict) -> dict:
    """A development run says `learner`, an analysis may have several `learners`: both are understood."""
    found = dict(given)
    for one, many in _SINGULAR.items():
        if one in found:
            if many in found:
                errors[one] = [f"Say either {one} or {many}."]
            found[many] = [found.pop(one)]
    if isinstance(found.get("features"), dict | str):
        found["features"] = [found["features"]]
    return found


def _entries(section: str, given: Any, errors: dict) -> list[dict]:
    if not isinstance(given, list) or not given:
        errors[section] = ['Must be a list with at least one entry, each an object with a "name", or the name alone.']
        return []
    found = []
    for i, settings in enumerate(given):
        entry = read_entry(_LISTS[section], settings, f"{section}.{i}", errors)
        if entry is not None:
            found.append(entry)
    if section != "strategies" and len({str(entry) for entry in found}) < len(found):
        errors[section] = ["Two of these are the same."]
    return found


def _batch_sizes(given: Any, errors: dict) -> list[int]:
    if isinstance(given, str):
        given = [part for part in given.replace(";", ",").split(",") if part.strip()]
    parameter = Parameter("batch_sizes", "int", 1, minimum=1, maximum=100_000)
    try:
        sizes = [parameter.clean(size) for size in given]
    except (TypeError, ValueError) as error:
        errors["batch_sizes"] = [f"Must be a list of whole numbers from 1 to 100,000, like [10, 50]. {error}"]
        return []
    if not sizes or len(set(sizes)) < len(sizes):
        errors["batch_sizes"] = ["Two batch sizes are the same." if sizes else "Choose at least one batch size."]
    return sorted(sizes)


def _metrics(given: Any, errors: dict) -> list[str]:
    if not isinstance(given, list) or not given or any(name not in list(engine.METRICS) for name in given):
        errors["metrics"] = [f"Must be a list of some of {', '.join(engine.METRICS)}; got {given!r}."]
        return []
    return [name for name in engine.METRICS if name in given]


def _names(strategies: Sequence[dict], given: Any, errors: dict) -> list[str]:
    """What each strategy is called in the report: its name, with what sets it apart where a name occurs twice."""
    if given is not None and (
        not isinstance(given, list)
        or len(given) != len(strategies)
        or not all(isinstance(name, str) and 0 < len(name.strip()) <= 60 for name in given)
        or len({name.strip() for name in given}) < len(given)
        or FULL_MODEL in given
    ):
        errors["strategy_labels"] = [
            "Must be a list of different names of at most 60 characters, one per strategy, in their order; "
            f"{FULL_MODEL!r} is taken."
        ]
        return []
    if given is not None:
        return [name.strip() for name in given]
    names: list[str] = []
    for settings in strategies:
        others = [other for other in strategies if other["name"] == settings["name"]]
        apart = [str(value) for key, value in settings.items() if any(other.get(key) != value for other in others)]
        name = f"{settings['name']} ({', '.join(apart)})"[:56] if apart else settings["name"]
        while name in names:  # the same strategy twice: an A/A check
            stem, _, number = name.rpartition(" #")
            name = f"{stem} #{int(number) + 1}" if number.isdigit() and stem else f"{name} #2"
        names.append(name)
    return names


def _seed_ratio(facts: AnalysisFacts, given: dict, complete: dict, errors: dict) -> None:
    ratio = given.get("seed_ratio")
    if ratio is None:
        return
    if "seed_size" in given:
        errors["seed_ratio"] = ["Say either the seed's size or its share of the pool."]
        return
    try:
        share = Parameter("seed_ratio", "float", 0.1, minimum=0.0, maximum=0.9).clean(ratio)
    except ValueError as error:
        errors["seed_ratio"] = [str(error)]
        return
    complete["seed_size"] = max(2, round(share * counts_of(facts, complete)["n_pool"]))


def counts_of(facts: AnalysisFacts, c: dict) -> dict[str, int]:
    """How many items go where in one split, to one item's rounding."""
    n = facts.n_usable
    if c["split"] == "folds":
        n_test = n // c["folds"]
    elif c["split"] == "holdout":
        n_test = round(n * c["test_ratio"])
    else:
        n_test = facts.in_test(c["split_column"], c["test_value"]) if c["split_column"] else 0
    return {"n_items": facts.n_items, "n_usable": n, "n_left_out": facts.n_items - n, "n_test": n_test, "n_pool": n - n_test}


def _misfits(facts: AnalysisFacts, c: dict) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    counts = counts_of(facts, c)
    for i, settings in enumerate(c["features"]):
        modality = engine.features.get(settings["name"]).modality
        if modality != facts.project.modality:
            errors[f"features.{i}"] = [
                f"{settings['name']} reads {modality} items; this project has {facts.project.modality} items."
            ]
    if counts["n_usable"] < 10:
        errors["project"] = [
            f"The project has {counts['n_usable']} items with a known label; an analysis needs at least 10. "
            "Import labelled data first."
        ]
        return errors
    if len(facts.class_counts) < 2:
        errors["project"] = ["All known labels are the same: with one class only there is nothing to learn."]
        return errors
    if counts["n_left_out"] and not c["leave_out"]:
        errors["leave_out"] = [
            f"{counts['n_left_out']:,} of {counts['n_items']:,} items have no known label. The known labels are the oracle, so "
            "these items would be left out, and if they differ from the others (the hard ones, say) the result does not hold "
            "for them. Say that you want that, or label them first."
        ]
    errors |= _split_misfits(facts, c, counts)
    if errors:
        return errors
    pool = counts["n_pool"]
    if c["seed_size"] >= pool:
        errors["seed_size"] = [
            f"The seed of {c['seed_size']} is as large as the pool: {counts['n_usable']} items less {counts['n_test']} for the "
            f"test set leave {pool}."
        ]
    elif 0 < c["max_labels"] <= c["seed_size"]:
        errors["max_labels"] = [f"The curves would end where they start: the seed has {c['seed_size']} labels."]
    else:
        room = (min(c["max_labels"], pool) if c["max_labels"] else pool) - c["seed_size"]
        if c["batch_sizes"][-1] > room:
            errors["batch_sizes"] = [
                f"After the seed {room} labels are asked for, fewer than the batch of {c['batch_sizes'][-1]}: choose a smaller "
                "one."
            ]
    for i, settings in enumerate(c["strategies"]):
        limit = getattr(engine.strategies.get(settings["name"]), "max_pool", None)
        if limit and pool > limit:
            errors[f"strategies.{i}"] = [f"{settings['name']} works on pools of at most {limit:,} items; this one has {pool:,}."]
    if (n := n_trials(c)) > MOST_TRIALS:
        errors["repeats"] = [f"That is {n:,} trials; an analysis has at most {MOST_TRIALS:,}. Split it into several."]
    return errors


def _split_misfits(facts: AnalysisFacts, c: dict, counts: dict) -> dict[str, list[str]]:
    names = dict(Label.objects.filter(pk__in=facts.class_counts).values_list("pk", "name"))
    if c["split"] == "folds":
        rare = sorted((n, names.get(pk, "?")) for pk, n in facts.class_counts.items() if n < c["folds"])
        if rare:
            shown = ", ".join(f"{name} ({n})" for n, name in rare[:5]) + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")
            fewest = rare[0][0]
            way = f"at most {fewest} folds" if fewest >= 2 else "random hold-outs"
            return {
                "folds": [
                    f"{len(rare)} class{'es have' if len(rare) > 1 else ' has'} fewer items than the {c['folds']} folds: "
                    f"{shown}. "
                    f"Choose {way}, or merge rare labels."
                ]
            }
    if c["split"] == "holdout" and not 0 < counts["n_test"] < counts["n_usable"]:
        return {"test_ratio": [f"{c['test_ratio']:g} of {counts['n_usable']} items leaves no test set or no pool."]}
    if c["split"] == "column":
        there = ", ".join(facts.columns) or "none"
        if c["split_column"] not in facts.columns:
            return {"split_column": [f"The items have no column {c['split_column']!r}; their columns are: {there}."]}
        if not 0 < counts["n_test"] < counts["n_usable"]:
            return {
                "test_value": [
                    f"{counts['n_test']} items have {c['test_value']!r} in the column {c['split_column']}: there must be some, "
                    "and others for the pool."
                ]
            }
    return {}


# --- The plan that a configuration stands for


def n_splits(c: dict) -> tuple[int, int]:
    """(folds, repeats) that are run."""
    return (c["folds"] if c["split"] == "folds" else 1), c["repeats"]


@dataclass(frozen=True)
class Cell:
    """What sets one trial apart from the others; `strategy` is its label in the report."""

    strategy: str
    batch_size: int
    learner: int
    features: int
    fold: int
    repeat: int


def cells(c: dict) -> Iterator[Cell]:
    """Every trial of the plan, split by split, so that whoever watches sees whole comparisons early."""
    folds, repeats = n_splits(c)
    for repeat in range(repeats):
        for fold in range(folds):
            for features in range(len(c["features"])):
                for learner in range(len(c["learners"])):
                    if c["full_model"]:
                        yield Cell(FULL_MODEL, 0, learner, features, fold, repeat)
                    for batch_size in c["batch_sizes"]:
                        for strategy in c["strategy_labels"]:
                            yield Cell(strategy, batch_size, learner, features, fold, repeat)


def n_trials(c: dict) -> int:
    folds, repeats = n_splits(c)
    per_split = len(c["strategies"]) * len(c["batch_sizes"]) + c["full_model"]
    return per_split * len(c["learners"]) * len(c["features"]) * folds * repeats


def rounds_of(c: dict, n_pool: int, batch_size: int) -> int:
    """Rounds of one trial: the one on the seed, and one per batch."""
    if batch_size == 0:
        return 1
    most = min(c["max_labels"] or n_pool, n_pool)
    return 1 + -(-(most - c["seed_size"]) // batch_size)


def forecast(project: Project, c: dict) -> dict[str, Any]:
    """Counts for people before the start, and warnings that forbid nothing."""
    facts = AnalysisFacts(project, tuple(c["datasets"]))
    counts = counts_of(facts, c)
    folds, repeats = n_splits(c)
    trials = n_trials(c)
    each = len(c["learners"]) * len(c["features"]) * folds * repeats
    rounds = each * (
        sum(rounds_of(c, counts["n_pool"], b) for b in c["batch_sizes"]) * len(c["strategies"]) + bool(c["full_model"])
    )
    warnings = []
    if counts["n_left_out"]:
        warnings.append(f"{counts['n_left_out']:,} items without a known label are left out; the result holds for the others.")
    if repeats < FEW_REPEATS:
        few = "One repeat says nothing of chance" if repeats == 1 and folds == 1 else f"{repeats} repeats are few"
        warnings.append(f"{few}: small differences will stay unseen. {FEW_REPEATS} are advised for a publication.")
    if counts["n_test"] < 50:
        warnings.append(f"{counts['n_test']} test items per split measure roughly.")
    if c["batch_sizes"][-1] > c["seed_size"] / 2:
        warnings.append(
            f"The batch of {c['batch_sizes'][-1]} is more than half of the seed: its first queries may say much the same, unless "
            "the strategy is aware of its batch."
        )
    return {**counts, "n_folds": folds, "n_repeats": repeats, "n_trials": trials, "n_rounds": rounds, "warnings": warnings}


def develop_settings(c: dict, cell: Cell) -> dict[str, Any]:
    """The settings of a development run that goes on with what a cell of this analysis tried."""
    strategy = c["strategies"][c["strategy_labels"].index(cell.strategy)]
    return {
        "strategy": strategy,
        "batch_size": cell.batch_size,
        "learner": c["learners"][cell.learner],
        "features": c["features"][cell.features],
        "seed_size": c["seed_size"],
        "seed_strategy": c["seed_strategy"],
        "warm_up": c["warm_up"],
    }
