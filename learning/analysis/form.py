"""The form of an analysis, made from the engine's declarations: a new strategy or learner needs no line here.

As with the form of a run, the fields only shape what a browser sends; what is allowed is decided by `settings.validate`, so that
the page and REST refuse the same things with the same words.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms

from learning import engine
from learning.analysis.settings import (
    BASELINE,
    FEW_REPEATS,
    METRICS,
    PARAMETERS,
    SPLITS,
    AnalysisFacts,
    suggest,
    validate,
)
from learning.declared_form import SEED_CHOICES, LearningForm, field_of, is_batch_aware
from learning.engine.parameters import Parameter
from learning.metric_names import metric_label
from projects.models import Project
from projects.numbers import whole

REGISTRIES = {"strategies": engine.strategies, "learners": engine.learners, "features": engine.features}
MOST_ROWS = 12  # of one strategy with different settings
_SPLIT_NAMES = {"folds": "Folds", "holdout": "Random hold-outs", "column": "A column of the data"}
_SEED_BY = (("size", "A number of labels"), ("share", "A share of the pool"))
_UNTIL = (("labels", "At a number of labels"), ("empty", "When the pool is empty"))
_HELP = {
    "folds": "Every item is tested once per repeat. 5 is usual.",
    "repeats": f"All of it again with other seeds. {FEW_REPEATS} are advised; with fewer, small differences stay unseen.",
    "test_ratio": "0.2 is one item in five, drawn anew for every repeat.",
    "split_column": "Which column says what an item is for.",
    "test_value": "Items with this value in the column are tested on; all others are learnt from.",
    "seed_size": "How many labels every curve starts with.",
    "seed_strategy": "In one split, all strategies start from the same items.",
    "max_labels": "Where the curves end.",
    "metric": "What the report begins with.",
    "random_state": "Every random choice comes from this number: the same number, the same results.",
}
_PLAIN = ("split", "folds", "repeats", "test_ratio", "split_column", "test_value", "seed_strategy", "metric", "random_state")


class AnalysisForm(LearningForm):
    """One field per setting. An entry of a list is a row: `strategies.margin.0` (whether), `strategies.margin.0.batch_mode`;
    `strategies.margin.1` is the same strategy again with other settings, and `strategies.margin.rows` says how many there are.
    """

    def __init__(self, project: Project, data: Any = None, *, configuration: dict | None = None, **kwargs) -> None:
        super().__init__(_with_another_row(data), label_suffix="", **kwargs)
        self.project = project
        self.start_from = suggest(project) | (configuration or {})
        self.facts = AnalysisFacts(project, tuple(self._chosen_datasets()))
        self._order: dict[str, list[str]] = {}  # section -> the rows that were sent, in the order of the configuration's list
        self._add_datasets()
        for section in REGISTRIES:
            self._add_section(section)
        self._add_numbers()
        self._add_choices()
        self._add_warm_up("Another strategy asks until every class has this many labels, or all that it has; 0: none.")
        self._describe()

    # --- Fields out of declarations

    def _chosen_datasets(self) -> list[int]:
        """As far as they can be read before anything was validated: what is counted beside the form depends on them."""
        if not self.is_bound:
            return self.start_from.get("datasets", [])
        given = self.data.getlist("datasets") if hasattr(self.data, "getlist") else self.data.get("datasets", [])
        return [pk for pk in map(whole, given) if pk is not None]

    def entries(self, section: str) -> list[type]:
        """What this section offers for these items."""
        return [entry for entry in REGISTRIES[section] if section != "features" or entry.modality == self.project.modality]

    def _add_section(self, section: str) -> None:
        for entry in self.entries(section):
            chosen = [settings for settings in self.start_from[section] if settings["name"] == entry.name]
            stem = f"{section}.{entry.name}"
            n_rows = self._n_rows(stem, max(1, len(chosen)))
            self._add(f"{stem}.rows", forms.IntegerField(required=False, widget=forms.HiddenInput), n_rows)
            for i in range(n_rows):
                label = entry.label if i == 0 else f"{entry.label}, again"
                ticked = i < len(chosen)
                self._add(f"{stem}.{i}", forms.BooleanField(label=label, required=False), ticked)
                given = chosen[i] if ticked else {}
                for parameter in entry.parameters:
                    value = given.get(parameter.name, parameter.default)
                    self._add(f"{stem}.{i}.{parameter.name}", field_of(parameter), value)

    def _n_rows(self, stem: str, shown: int) -> int:
        """As many as the page has."""
        return _sent_rows(self.data, stem) if self.is_bound else shown

    def _add_numbers(self) -> None:
        text = forms.CharField(
            label="Batch sizes", required=False, widget=forms.TextInput({"inputmode": "text", "spellcheck": "false"}),
            help_text="How many labels are asked for at a time, like 10, 50. Each makes curves of its own.",
        )  # fmt: skip
        self._add("batch_sizes", text, ", ".join(map(str, self.start_from["batch_sizes"])))
        for parameter in PARAMETERS:
            if parameter.name in {"leave_out", "split_column", "split"}:
                continue
            field = field_of(parameter)
            field.help_text = _HELP.get(parameter.name, field.help_text)
            self._add(parameter.name, field, self.start_from[parameter.name])
        most = self.start_from["max_labels"]
        self.fields["max_labels"].initial = most or None
        self.fields["seed_strategy"].choices = SEED_CHOICES
        self.fields["metric"].choices = [(name, metric_label(name)) for name in engine.METRICS]
        share = forms.FloatField(
            label="Seed share", required=False, widget=forms.NumberInput({"min": 0, "max": 0.9, "step": "any"}),
            help_text="Of the pool: 0.05 is one item in twenty.",
        )  # fmt: skip
        self._add("seed_ratio", share, 0.05)

    def _add_choices(self) -> None:
        options = [(name, _SPLIT_NAMES[name]) for name in SPLITS if name != "column" or self.facts.columns]
        self._radios("split", "Test set", options, self.start_from["split"])
        columns = [(name, name) for name in self.facts.columns]
        column = forms.CharField(
            label="Column", required=False, widget=forms.Select(choices=columns), help_text=_HELP["split_column"]
        )
        self._add("split_column", column, self.start_from["split_column"])
        self._radios("seed_by", "Seed", list(_SEED_BY), "size")
        self._radios("until", "The curves end", list(_UNTIL), "labels" if self.start_from["max_labels"] else "empty")
        metrics = forms.MultipleChoiceField(
            label="Metrics", choices=[(name, metric_label(name)) for name in engine.METRICS], required=False,
            widget=forms.CheckboxSelectMultiple, help_text="Each one is measured in every round; more take little time.",
        )  # fmt: skip
        self._add("metrics", metrics, self.start_from.get("metrics", list(METRICS)))
        if self.n_left_out:
            leave_out = forms.BooleanField(
                label=f"Leave out {self.n_left_out:,} of {self.facts.n_items:,} items, which have no known label",
                required=False,
                help_text="The known labels are what answers here, so an item without one cannot take part. If these items "
                "differ from the others (the hard ones, say), the result does not hold for them.",
            )
            self._add("leave_out", leave_out, self.start_from["leave_out"])

    def _radios(self, name: str, label: str, options: list[tuple[str, str]], initial: str) -> None:
        field = forms.ChoiceField(label=label, choices=options, widget=forms.RadioSelect, required=False)
        self._add(name, field, initial)

    @property
    def n_left_out(self) -> int:
        return max(0, self.facts.n_items - self.facts.n_usable)

    # --- From fields to a configuration

    @property
    def only_adds_a_row(self) -> bool:
        """The page was sent to get one more row, not to be judged."""
        return self.is_bound and "again" in self.data

    def full_clean(self) -> None:
        super().full_clean()
        if self.only_adds_a_row:
            self._errors.clear()

    def _validate(self, partial: dict) -> dict:
        return validate(self.project, partial)

    def _counts(self, name: str, cleaned: dict) -> bool:
        """Is this a field of what is chosen? What stands in the others is not looked at."""
        section, *rest = name.split(".")
        if section in REGISTRIES:
            return len(rest) == 3 and bool(cleaned.get(f"{section}.{rest[0]}.{rest[1]}"))
        of_split = {"folds": "folds", "test_ratio": "holdout", "split_column": "column", "test_value": "column"}
        if name in of_split:
            return of_split[name] == self._choice("split", cleaned)
        of_others = {"seed_size": ("seed_by", "size"), "seed_ratio": ("seed_by", "share"), "max_labels": ("until", "labels")}
        if name in of_others:
            radio, wanted = of_others[name]
            return self._choice(radio, cleaned) == wanted
        return True

    def _choice(self, name: str, cleaned: Mapping[str, Any]) -> str:
        return cleaned.get(name) or self.fields[name].initial

    def _partial(self, cleaned: dict) -> dict:
        """What is said; a field that was emptied says nothing, as in REST a setting that is left out."""
        partial = {name: cleaned[name] for name in _PLAIN if cleaned.get(name) not in (None, "") and self._counts(name, cleaned)}
        for section in REGISTRIES:
            partial[section] = self._entries(section, cleaned)
        if not any(settings["name"] == BASELINE for settings in partial["strategies"]) and partial["strategies"]:
            partial["strategies"].insert(0, {"name": BASELINE})
            self._order["strategies"].insert(0, f"strategies.{BASELINE}.0")
        if partial["strategies"] == self.start_from["strategies"]:
            partial["strategy_labels"] = self.start_from["strategy_labels"]  # somebody may have named them
        partial["batch_sizes"] = cleaned.get("batch_sizes") or ""
        seed = "seed_ratio" if self._choice("seed_by", cleaned) == "share" else "seed_size"
        if cleaned.get(seed) is not None:
            partial[seed] = cleaned[seed]
        if self._choice("until", cleaned) == "empty":
            partial["max_labels"] = 0
        elif cleaned.get("max_labels"):
            partial["max_labels"] = cleaned["max_labels"]
        partial["metrics"] = cleaned.get("metrics") or []
        for name in ("full_model", "leave_out"):
            partial[name] = bool(cleaned.get(name))
        partial |= self._shared(cleaned)
        return partial

    def _entries(self, section: str, cleaned: dict) -> list[dict]:
        rows = []
        for entry in self.entries(section):
            for i in range(self._rows_of(section, entry)):
                if cleaned.get(row := f"{section}.{entry.name}.{i}"):
                    rows.append((row, self._entry(row, entry, cleaned)))
        # As they stood in the configuration that the form began with: the order is that of the charts' colours.
        names = [settings["name"] for settings in self.start_from[section]]
        before = {f"{section}.{name}.{names[:i].count(name)}": i for i, name in enumerate(names)}
        rows.sort(key=lambda row: before.get(row[0], len(before)))
        self._order[section] = [row for row, _ in rows]
        return [settings for _, settings in rows]

    def _entry(self, row: str, entry: type, cleaned: dict) -> dict:
        return {"name": entry.name} | {p.name: _typed(p, cleaned.get(f"{row}.{p.name}")) for p in entry.parameters}

    def _rows_of(self, section: str, entry: type) -> int:
        return sum(f"{section}.{entry.name}.{i}" in self.fields for i in range(MOST_ROWS))

    def _field_for(self, dotted: str) -> str | None:
        """The form's field that a message belongs to; None: the summary."""
        section, *rest = dotted.split(".")
        if section in REGISTRIES:
            if not rest:
                return f"{section}.{self.entries(section)[0].name}.rows"
            if rest[0].isdigit() and int(rest[0]) < len(self._order.get(section, [])):
                dotted = ".".join([self._order[section][int(rest[0])], *rest[1:]])
        return dotted if dotted in self.fields else None

    # --- For the template

    def sections(self) -> dict[str, dict]:
        return {section: self._section(section) for section in REGISTRIES}

    def _section(self, section: str) -> dict:
        families: dict[str, list[dict]] = {}
        for entry in self.entries(section):
            families.setdefault(getattr(entry, "family", ""), []).append(self._option(section, entry))
        # What all others are compared with stands above them.
        shown = sorted(families.items(), key=lambda family: not any(option["baseline"] for option in family[1]))
        of_all = f"{section}.{self.entries(section)[0].name}.rows" if self.entries(section) else ""
        return {"name": section, "families": shown, "errors": self.errors.get(of_all, [])}

    def _option(self, section: str, entry: type) -> dict:
        stem, n_rows = f"{section}.{entry.name}", self._rows_of(section, entry)
        rows = [
            {
                "switch": self[f"{stem}.{i}"],
                "fields": [self[f"{stem}.{i}.{parameter.name}"] for parameter in entry.parameters],
                "again": i > 0,
                "new": self.data.get("again") == stem and i == n_rows - 1,
            }
            for i in range(n_rows)
        ]
        return {
            "stem": stem,
            "label": entry.label,
            "help": entry.help,
            "rows_field": self[f"{stem}.rows"],
            "rows": rows,
            "batch_aware": section == "strategies" and is_batch_aware(entry),
            "baseline": section == "strategies" and entry.name == BASELINE,
            "reference": getattr(entry, "reference", ""),
            "cost": getattr(entry, "cost", ""),
            # Of the baseline a second one is the A/A check, which needs no settings.
            "may_repeat": n_rows < MOST_ROWS and (bool(entry.parameters) or section == "strategies"),
        }

    def splits(self) -> list[dict]:
        return [
            {"tag": radio.tag(), "name": radio.choice_label, "help": SPLITS[radio.data["value"]], "value": radio.data["value"]}
            for radio in self["split"]
        ]

    def problems(self) -> Iterator[dict]:
        """For the summary at the top: every message, with the place that it leads to."""
        for name, texts in self.errors.items():
            section, *rest = name.split(".")
            for text in texts:
                if name == "__all__":
                    yield {"text": text}
                elif section in REGISTRIES and rest[-1] == "rows":
                    yield {"text": text, "anchor": f"field-{section}", "label": section.capitalize()}
                else:
                    yield {"text": text, "anchor": f"field-{name}", "label": self._title(name)}

    def _title(self, name: str) -> str:
        """`Margin: Batch mode` of a setting of a strategy."""
        section, *rest = name.split(".")
        if section in REGISTRIES and len(rest) == 3:
            return f"{self.fields[f'{section}.{rest[0]}.{rest[1]}'].label}: {self.fields[name].label}"
        return "Items without a label" if name == "leave_out" else str(self[name].label)


def _sent_rows(data: Mapping[str, Any], stem: str) -> int:
    sent = str(data.get(f"{stem}.rows", ""))
    n = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 4 else 1
    return min(max(n, 1), MOST_ROWS)


def _with_another_row(data: Any) -> Any:
    """What was sent, and where it asks for `again=strategies.margin` one more row of it, ticked, as the last one stands."""
    stem = data.get("again") if data else None
    if not stem:
        return data
    n = _sent_rows(data, stem)
    if n >= MOST_ROWS:
        return data
    last, new = f"{stem}.{n - 1}", f"{stem}.{n}"
    more = data.copy()
    for key in data:
        if key.startswith(f"{last}."):
            more[new + key.removeprefix(last)] = data[key]
    more[new], more[f"{stem}.rows"] = "on", n + 1
    return more


def _typed(parameter: Parameter, value: Any) -> Any:
    """As it stands in a configuration; what is wrong is left for `validate` to say."""
    try:
        return parameter.default if value in (None, "") else parameter.clean(value)
    except ValueError:
        return value
