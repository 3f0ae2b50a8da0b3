"""The form of a new run, made from the engine's declarations: a new learner or strategy needs no line here.

The fields only shape the text that a browser sends; what is allowed is decided by `learning.configuration.validate`, so that
the page and REST refuse the same things with the same words.
"""

from collections.abc import Iterator

from django import forms

from learning.configuration import DISPUTED, MODES, ORACLES, STOP_WHEN, registry_of, suggest, validate
from learning.declared_form import SEED_CHOICES, LearningForm, field_of, is_batch_aware
from learning.targets import targets_of
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
    "second_opinions": (
        "Second opinions",
        "Items that one person has labelled otherwise than the model expected are asked of a second one, before anything new: "
        "up to this share of a batch in each round. 0 is none.",
    ),
    "quorum": (
        "Quorum",
        "The share of a batch that must be answered before the learner goes on, so that nobody waits for the absent; 1: all.",
    ),
    "min_rounds": ("Rounds before a stop", "No score or signal ends the run before it; a spent budget does."),
    "random_state": ("Random state", "Every random choice comes from this number: the same number, the same run."),
}
_WHOLE = {"batch_size", "seed_size", "min_rounds", "random_state"}
_RADIOS = {
    "mode": ("Mode", MODES),
    "oracle": ("Oracle", ORACLES),
    "disputed": ("Disputed items", DISPUTED),
    "stop_when": ("How many", STOP_WHEN),
}


def entries(section: str, project: Project) -> list[tuple[str, type]]:
    """(name, class) of what this section offers for these items and this task."""
    registry = registry_of(section, project)
    return [(entry.name, entry) for entry in registry if section != "features" or entry.modality == project.modality]


class RunForm(LearningForm):
    """One field per setting: `batch_size`, `learner` (the choice), `learner.svc.C` (a parameter of one choice),
    `stop.budget` (whether), `stop.budget.labels`."""

    def __init__(self, project: Project, *args, configuration: dict | None = None, **kwargs) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.project, self.targets = project, targets_of(project)
        self.start_from = suggest(project) | (configuration or {})
        self._add_datasets()
        for section, label in _SECTIONS.items():
            self._add_section(section, label)
        for name, (label, text) in self._plain():
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
        self._describe()

    # --- Fields out of declarations

    def _plain(self) -> list[tuple[str, tuple[str, str]]]:
        return [(name, words) for name, words in _PLAIN.items() if not (self.targets.no_doubts and name == "second_opinions")]

    def _add_section(self, section: str, label: str) -> None:
        chosen = self.start_from[section]
        found = entries(section, self.project)
        options = [(name, entry.label) for name, entry in found]
        self._add(
            section, forms.ChoiceField(label=label, choices=options, widget=forms.RadioSelect, required=False), chosen["name"]
        )
        for name, entry in found:
            for parameter in entry.parameters:
                given = chosen if name == chosen["name"] else {}
                self._add(f"{section}.{name}.{parameter.name}", field_of(parameter), given.get(parameter.name, parameter.default))

    def _add_start(self) -> None:
        """What comes before the strategy's own choice: the seed, and the warm-up."""
        text = "Typical or varied items suit a start without any label; a random seed keeps every estimate honest."
        choices = [(name, label) for name, label in SEED_CHOICES if name in self.targets.seeds]
        seed = forms.ChoiceField(label="Seed", choices=choices, help_text=text, required=False)
        self._add("seed_strategy", seed, self.start_from["seed_strategy"])
        self._add_warm_up(
            "Another strategy asks until every class has this many labels; 0: none. Typical items first, doubtful ones later."
        )

    def _add_criteria(self) -> None:
        given = {criterion["name"]: criterion for criterion in self.start_from["stop"]}
        for entry in self.targets.criteria():
            name = entry.name
            self._add(f"stop.{name}", forms.BooleanField(label=entry.label, help_text=entry.help, required=False), name in given)
            for parameter in self.targets.stop_parameters(entry):
                value = given.get(name, {}).get(parameter.name, parameter.default)
                self._add(f"stop.{name}.{parameter.name}", field_of(parameter), value)

    # --- From fields to a configuration

    def _validate(self, partial: dict) -> dict:
        return validate(self.project, partial)

    def _counts(self, name: str, cleaned: dict) -> bool:
        """Is this a field of the chosen entry (or of no entry)? What stands in the others is not looked at."""
        section, *rest = name.split(".")
        if len(rest) == 2 and section in _SECTIONS:
            return rest[0] == (cleaned.get(section) or self.start_from[section]["name"])
        if len(rest) == 2 and section == "stop":
            return bool(cleaned.get(f"stop.{rest[0]}"))
        return True

    def _partial(self, cleaned: dict) -> dict:
        plain = (*dict(self._plain()), *_RADIOS, "seed_strategy")
        partial = {name: cleaned[name] for name in plain if cleaned.get(name) not in (None, "")}
        partial |= self._shared(cleaned)
        for section in _SECTIONS:
            name = cleaned.get(section) or self.start_from[section]["name"]
            partial[section] = {"name": name, **self._parameters(f"{section}.{name}.", cleaned)}
        self._criteria = [entry.name for entry in self.targets.criteria() if cleaned.get(f"stop.{entry.name}")]
        partial["stop"] = [{"name": name, **self._parameters(f"stop.{name}.", cleaned)} for name in self._criteria]
        return partial

    def _parameters(self, prefix: str, cleaned: dict) -> dict:
        found = {key.removeprefix(prefix): value for key, value in cleaned.items() if key.startswith(prefix)}
        return {key: value for key, value in found.items() if value not in (None, "")}

    def _field_for(self, dotted: str) -> str | None:
        section, *rest = dotted.split(".")
        if section in _SECTIONS and rest:
            dotted = f"{section}.{self.cleaned_data.get(section) or self.start_from[section]['name']}.{rest[0]}"
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
                "batch_aware": is_batch_aware(entry),
                "reference": getattr(entry, "reference", ""),
                "cost": getattr(entry, "cost", ""),
                "fields": [self[f"{section}.{name}.{p.name}"] for p in entry.parameters],
            }
            for name, entry in entries(section, self.project)
        ]
        families = {option["family"]: [] for option in options}
        for option in options:
            families[option["family"]].append(option)
        return {"name": section, "field": self[section], "options": options, "families": list(families.items())}

    def features_section(self) -> dict:
        return self._section("features")

    def learner_section(self) -> dict:
        return self._section("learner")

    def strategy_section(self) -> dict:
        return self._section("strategy")

    def batch_aware(self) -> list[str]:
        """The strategies that choose a batch as a whole, whatever their batch mode."""
        return [entry.label for _, entry in entries("strategy", self.project) if getattr(entry, "batch_aware", False)]

    def scored(self) -> list[str]:
        """The strategies whose batch mode is a setting."""
        found = entries("strategy", self.project)
        return [entry.label for _, entry in found if any(p.name == "batch_mode" for p in entry.parameters)]

    def criteria(self) -> list[dict]:
        return [
            {
                "switch": self[f"stop.{entry.name}"],
                "fields": [self[f"stop.{entry.name}.{p.name}"] for p in self.targets.stop_parameters(entry)],
            }
            for entry in self.targets.criteria()
        ]

    def problems(self) -> list[dict]:
        """For the summary at the top: every message, with the field that it leads to."""
        return [
            {"field": self[name] if name != "__all__" else None, "text": text}
            for name, texts in self.errors.items()
            for text in texts
        ]
