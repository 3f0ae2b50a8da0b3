"""The form of a new run, made from the engine's declarations: a new learner or strategy needs no line here.

The fields only shape the text that a browser sends; what is allowed is decided by `learning.configuration.validate`, so that
the page and REST refuse the same things with the same words.
"""

from collections.abc import Iterator

from django import forms

from learning import engine
from learning.configuration import MODES, ORACLES, STOP_WHEN, ConfigurationError, suggest, validate, warm_up_strategies
from learning.labeling.settings import PARAMETERS as LABELING_PARAMETERS
from learning.labeling.settings import suggest as suggest_labeling
from learning.labeling.settings import validate as validate_labeling
from projects.models import Project

_SECTIONS = {"features": "Features", "learner": "Learner", "strategy": "Strategy"}
_PLAIN = {
    "batch_size": (
        "Batch size",
        "How many items are asked for between two trainings.",
    ),
    "seed_size": ("Seed size", "How many labels the learner starts with. Labels that are there count."),
    "test_ratio": (
        "Test share",
        "The share of all items drawn at random to measure the model: 0.2 is one in five. Never trained on.",
    ),
    "exploration": (
        "Exploration share",
        "The share of each batch that is drawn at random, to compare the strategy with chance. 0.1 is one in ten; 0 is none.",
    ),
    "quorum": (
        "Quorum",
        "The share of a batch that must be answered before the learner goes on, so that nobody waits for the absent; 1: all.",
    ),
    "min_rounds": ("Rounds before a stop", "No score or signal ends the run before it; a spent budget does."),
    "random_state": ("Random state", "Every random choice comes from this number: the same number, the same run."),
}
_WHOLE = {"batch_size", "seed_size", "min_rounds", "random_state"}
_RADIOS = {"mode": ("Mode", MODES), "oracle": ("Oracle", ORACLES), "stop_when": ("How many", STOP_WHEN)}
_SEEDS = {"random": "At random", "stratified": "At random, stratified", "typiclust": "Typical items", "k_center": "Varied items"}


def entries(section: str, modality: str) -> list[tuple[str, type]]:
    """(name, class) of what this section offers for these items."""
    registry = {"features": engine.features, "learner": engine.learners, "strategy": engine.strategies}[section]
    return [(entry.name, entry) for entry in registry if section != "features" or entry.modality == modality]


def _criteria() -> list[tuple[str, type]]:
    """What may be chosen; that an empty pool ends a run is no choice."""
    return [(entry.name, entry) for entry in engine.criteria if entry.name != "pool_empty"]


class RunForm(forms.Form):
    """One field per setting: `batch_size`, `learner` (the choice), `learner.svc.C` (a parameter of one choice),
    `stop.budget` (whether), `stop.budget.labels`."""

    name = forms.CharField(max_length=120, required=False, help_text="For the lists; leave it empty for a number.")

    def __init__(self, project: Project, *args, configuration: dict | None = None, **kwargs) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.project = project
        self.start_from = suggest(project) | (configuration or {})
        self.configuration: dict | None = None
        self._add_datasets()
        for section, label in _SECTIONS.items():
            self._add_section(section, label)
        for name, (label, text) in _PLAIN.items():
            kind = forms.IntegerField if name in _WHOLE else forms.FloatField
            attrs = {"step": "1" if name in _WHOLE else "any", "min": 0}
            self._add(
                name, kind(label=label, help_text=text, required=False, widget=forms.NumberInput(attrs)), self.start_from[name]
            )
        for name, (label, choices) in _RADIOS.items():
            field = forms.ChoiceField(label=label, choices=list(choices.items()), widget=forms.RadioSelect, required=False)
            self._add(name, field, self.start_from[name])
        self._add_start()
        self._add_criteria()
        for name, field in self.fields.items():
            if field.help_text:
                field.widget.attrs.setdefault("aria-describedby", f"id_{name}_helptext")

    # --- Fields out of declarations

    def _add(self, name: str, field: forms.Field, initial: object) -> None:
        field.initial = initial
        self.fields[name] = field

    def _add_datasets(self) -> None:
        finished = list(self.project.datasets.filter(status="finished").order_by("pk").values_list("pk", "name", "imported"))
        if len(finished) > 1:
            options = [(pk, f"{name} ({imported:,} items)") for pk, name, imported in finished]
            field = forms.TypedMultipleChoiceField(
                label="Data sets", choices=options, coerce=int, required=False, widget=forms.CheckboxSelectMultiple,
                help_text="None ticked: all of them.",
            )  # fmt: skip
            self._add("datasets", field, self.start_from.get("datasets", []))

    def _add_section(self, section: str, label: str) -> None:
        chosen = self.start_from[section]
        found = entries(section, self.project.modality)
        options = [(name, entry.label) for name, entry in found]
        self._add(
            section, forms.ChoiceField(label=label, choices=options, widget=forms.RadioSelect, required=False), chosen["name"]
        )
        for name, entry in found:
            for parameter in entry.parameters:
                given = chosen if name == chosen["name"] else {}
                self._add(
                    f"{section}.{name}.{parameter.name}", _field_of(parameter), given.get(parameter.name, parameter.default)
                )

    def _add_start(self) -> None:
        """What comes before the strategy's own choice: the seed, and the warm-up."""
        options = [(name, _SEEDS.get(name, name)) for name in engine.SEEDS]
        text = "Typical or varied items suit a start without any label; a random seed keeps every estimate honest."
        self._add(
            "seed_strategy", forms.ChoiceField(label="Seed", choices=options, help_text=text, required=False),
            self.start_from["seed_strategy"],
        )  # fmt: skip
        warm_up = self.start_from["warm_up"]
        text = "Another strategy asks until every class has this many labels; 0: none. Typical items first, doubtful ones later."
        number = forms.IntegerField(
            label="Warm-up", help_text=text, required=False, widget=forms.NumberInput({"min": 0, "max": 1000})
        )
        self._add("warm_up.labels_per_class", number, warm_up["labels_per_class"])
        options = [(entry.name, entry.label) for entry in warm_up_strategies()]
        text = "It also asks while fewer than two classes are labelled, when there is no model yet."
        field = forms.ChoiceField(label="Strategy of the warm-up", choices=options, help_text=text, required=False)
        self._add("warm_up.strategy", field, warm_up["strategy"]["name"])

    def _add_criteria(self) -> None:
        given = {criterion["name"]: criterion for criterion in self.start_from["stop"]}
        for name, entry in _criteria():
            self._add(f"stop.{name}", forms.BooleanField(label=entry.label, help_text=entry.help, required=False), name in given)
            for parameter in entry.parameters:
                value = given.get(name, {}).get(parameter.name, parameter.default)
                self._add(f"stop.{name}.{parameter.name}", _field_of(parameter), value)

    # --- From fields to a configuration

    def clean(self) -> dict:
        cleaned = super().clean()
        for name in list(self.errors):
            if not self._counts(name, cleaned):
                del self.errors[name]
        if self.errors:
            return cleaned
        try:
            self.configuration = validate(self.project, self._partial(cleaned))
        except ConfigurationError as error:
            for dotted, texts in error.errors.items():
                self.add_error(self._field_for(dotted, cleaned), texts)
        return cleaned

    def _counts(self, name: str, cleaned: dict) -> bool:
        """Is this a field of the chosen entry (or of no entry)? What stands in the others is not looked at."""
        section, *rest = name.split(".")
        if len(rest) == 2 and section in _SECTIONS:
            return rest[0] == (cleaned.get(section) or self.start_from[section]["name"])
        if len(rest) == 2 and section == "stop":
            return bool(cleaned.get(f"stop.{rest[0]}"))
        return True

    def _partial(self, cleaned: dict) -> dict:
        plain = (*_PLAIN, *_RADIOS, "seed_strategy")
        partial = {name: cleaned[name] for name in plain if cleaned.get(name) not in (None, "")}
        warm_up = {key: cleaned.get(f"warm_up.{key}") for key in ("strategy", "labels_per_class")}
        partial["warm_up"] = {key: value for key, value in warm_up.items() if value not in (None, "")}
        if cleaned.get("datasets"):
            partial["datasets"] = cleaned["datasets"]
        for section in _SECTIONS:
            name = cleaned.get(section) or self.start_from[section]["name"]
            partial[section] = {"name": name, **self._parameters(f"{section}.{name}.", cleaned)}
        self._criteria = [name for name, _ in _criteria() if cleaned.get(f"stop.{name}")]
        partial["stop"] = [{"name": name, **self._parameters(f"stop.{name}.", cleaned)} for name in self._criteria]
        return partial

    def _parameters(self, prefix: str, cleaned: dict) -> dict:
        found = {key.removeprefix(prefix): value for key, value in cleaned.items() if key.startswith(prefix)}
        return {key: value for key, value in found.items() if value not in (None, "")}

    def _field_for(self, dotted: str, cleaned: dict) -> str | None:
        """The form's field that a message belongs to; None: the summary."""
        section, *rest = dotted.split(".")
        if section in _SECTIONS and rest:
            dotted = f"{section}.{cleaned.get(section) or self.start_from[section]['name']}.{rest[0]}"
        elif section == "stop" and rest and rest[0].isdigit():
            dotted = ".".join(["stop", self._criteria[int(rest[0])], *rest[1:]])
        return dotted if dotted in self.fields else None

    # --- For the template

    def sections(self) -> Iterator[dict]:
        for section in _SECTIONS:
            yield self._section(section)

    def _section(self, section: str) -> dict:
        chosen = self[section].value()
        options = [
            {
                "value": name,
                "label": entry.label,
                "help": entry.help,
                "checked": name == chosen,
                "family": getattr(entry, "family", ""),
                "batch_aware": _batch_aware(entry),
                "reference": getattr(entry, "reference", ""),
                "cost": getattr(entry, "cost", ""),
                "fields": [self[f"{section}.{name}.{p.name}"] for p in entry.parameters],
            }
            for name, entry in entries(section, self.project.modality)
        ]
        families = {option["family"]: [] for option in options}
        for option in options:
            families[option["family"]].append(option)
        return {"name": section, "field": self[section], "options": options, "families": list(families.items())}

    def features_section(self) -> dict:
        return self._section("features")

    def warm_up_labels(self) -> forms.BoundField:
        return self["warm_up.labels_per_class"]

    def warm_up_strategy(self) -> forms.BoundField:
        return self["warm_up.strategy"]

    def learner_section(self) -> dict:
        return self._section("learner")

    def strategy_section(self) -> dict:
        return self._section("strategy")

    def batch_aware(self) -> list[str]:
        """The strategies that choose a batch as a whole, whatever their batch mode."""
        return [entry.label for _, entry in entries("strategy", self.project.modality) if getattr(entry, "batch_aware", False)]

    def scored(self) -> list[str]:
        """The strategies whose batch mode is a setting."""
        found = entries("strategy", self.project.modality)
        return [entry.label for _, entry in found if any(p.name == "batch_mode" for p in entry.parameters)]

    def criteria(self) -> list[dict]:
        return [
            {"switch": self[f"stop.{name}"], "fields": [self[f"stop.{name}.{p.name}"] for p in entry.parameters]}
            for name, entry in _criteria()
        ]

    def problems(self) -> list[dict]:
        """For the summary at the top: every message, with the field that it leads to."""
        return [
            {"field": self[name] if name != "__all__" else None, "text": text}
            for name, texts in self.errors.items()
            for text in texts
        ]


def _batch_aware(entry: type) -> bool:
    """With its default settings; a plug-in says it by an attribute."""
    return entry().is_batch_aware() if hasattr(entry, "is_batch_aware") else getattr(entry, "batch_aware", False)


def _field_of(parameter) -> forms.Field:
    common = {"label": parameter.label, "help_text": parameter.help, "required": False}
    if parameter.kind == "choice":
        return forms.ChoiceField(choices=[(str(value), text) for value, text in parameter.choices], **common)
    if parameter.kind == "bool":
        return forms.BooleanField(**common)
    if parameter.kind == "text":
        return forms.CharField(**common)
    limits = {"min": parameter.minimum, "max": parameter.maximum, "step": "1" if parameter.kind == "int" else "any"}
    widget = forms.NumberInput({key: value for key, value in limits.items() if value is not None})
    if parameter.default is None:
        widget.attrs["placeholder"] = "no limit"
    return (forms.IntegerField if parameter.kind == "int" else forms.FloatField)(widget=widget, **common)


class LabelingForm(forms.Form):
    """What a labelling run promises; declared in `learning.labeling.settings`, checked there too."""

    def __init__(self, source, *args, **kwargs) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.source, self.configuration = source, None
        start = suggest_labeling(source)
        for parameter in LABELING_PARAMETERS:
            field = _field_of(parameter)
            if parameter.kind == "choice":
                field.widget = forms.RadioSelect(choices=field.choices)
            field.initial = start[parameter.name]
            self.fields[parameter.name] = field
            if field.help_text:
                field.widget.attrs.setdefault("aria-describedby", f"id_{parameter.name}_helptext")

    def value(self, name: str):
        """What stands in the field if it can be used, else None."""
        given = self.data.get(name) if self.is_bound else self.fields[name].initial
        parameter = next(parameter for parameter in LABELING_PARAMETERS if parameter.name == name)
        try:
            return parameter.clean(given)
        except ValueError:
            return None

    def clean(self) -> dict:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        given = {name: value for name, value in cleaned.items() if value not in (None, "")}
        try:
            self.configuration = validate_labeling(self.source.project, given | {"source": self.source.pk})
        except ConfigurationError as error:
            for name, texts in error.errors.items():
                self.add_error(name if name in self.fields else None, texts)
        return cleaned
