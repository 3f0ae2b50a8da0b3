"""What the forms of a run, of an analysis and of a labelling run share: fields out of the engine's declarations.

The fields only shape the text that a browser sends; what is allowed is decided by each job's `validate`, so that the page and
REST refuse the same things with the same words.
"""

from typing import Any

from django import forms

from learning import engine
from learning.configuration import ConfigurationError, warm_up_strategies
from learning.engine.parameters import Parameter
from learning.targets import targets_of
from projects.models import Project
from projects.task_types import task_type

_SEED_NAMES = {
    "random": "At random",
    "stratified": "At random, stratified",
    "typiclust": "Typical items",
    "k_center": "Varied items",
}
SEED_CHOICES = [(name, _SEED_NAMES.get(name, name)) for name in engine.SEEDS]


class DeclaredForm(forms.Form):
    """`start_from` is the configuration that the fields begin with; `configuration` is what came out, None until it is valid."""

    start_from: dict[str, Any]
    configuration: dict[str, Any] | None = None

    def _add(self, name: str, field: forms.Field, initial: object) -> None:
        field.initial = initial
        self.fields[name] = field

    def _describe(self) -> None:
        """Each field is tied to its help, for screen readers. Called when all fields are there."""
        for name, field in self.fields.items():
            if field.help_text:
                field.widget.attrs.setdefault("aria-describedby", f"id_{name}_helptext")

    def _refuse(self, error: ConfigurationError) -> None:
        """The messages of a refused configuration, each at the field that it belongs to."""
        for dotted, texts in error.errors.items():
            self.add_error(self._field_for(dotted), texts)

    def _field_for(self, dotted: str) -> str | None:
        """The field that a message belongs to; None: the summary."""
        return dotted if dotted in self.fields else None


class LearningForm(DeclaredForm):
    """Of a job in which a learner learns: it has data sets, a warm-up and a name."""

    name = forms.CharField(max_length=120, required=False, help_text="For the lists; leave it empty for a number.")
    project: Project

    @property
    def refused(self) -> str:
        """Why no run of this project can start at all, whatever the settings; "" where one can."""
        return task_type(self.project.task).not_learned

    def _add_datasets(self) -> None:
        finished = list(self.project.datasets.filter(status="finished").order_by("pk").values_list("pk", "name", "imported"))
        if len(finished) > 1:
            options = [(pk, f"{name} ({imported:,} items)") for pk, name, imported in finished]
            field = forms.TypedMultipleChoiceField(
                label="Data sets", choices=options, coerce=int, required=False, widget=forms.CheckboxSelectMultiple,
                help_text="None ticked: all of them.",
            )  # fmt: skip
            self._add("datasets", field, self.start_from.get("datasets", []))

    def _add_warm_up(self, help_text: str) -> None:
        warm_up = self.start_from["warm_up"]
        number = forms.IntegerField(
            label="Warm-up", help_text=help_text, required=False, widget=forms.NumberInput({"min": 0, "max": 1000})
        )
        self._add("warm_up.labels_per_class", number, warm_up["labels_per_class"])
        options = [(entry.name, entry.label) for entry in warm_up_strategies(targets_of(self.project).strategies)]
        text = "It also asks while fewer than two classes are labelled, when there is no model yet."
        field = forms.ChoiceField(label="Strategy of the warm-up", choices=options, help_text=text, required=False)
        self._add("warm_up.strategy", field, warm_up["strategy"]["name"])

    def clean(self) -> dict:
        cleaned = super().clean()
        for name in list(self.errors):
            if not self._counts(name, cleaned):
                del self.errors[name]
        if self.errors:
            return cleaned
        try:
            self.configuration = self._validate(self._partial(cleaned))
        except ConfigurationError as error:
            self._refuse(error)
        return cleaned

    def _counts(self, name: str, cleaned: dict) -> bool:
        """Is this a field of what is chosen? What stands in the others is not looked at."""
        raise NotImplementedError

    def _partial(self, cleaned: dict) -> dict[str, Any]:
        """What the fields say, in the form that REST takes; an emptied field says nothing."""
        raise NotImplementedError

    def _validate(self, partial: dict[str, Any]) -> dict[str, Any]:
        """The complete configuration; raises ConfigurationError."""
        raise NotImplementedError

    def _shared(self, cleaned: dict) -> dict[str, Any]:
        """The part of `_partial` that every such job has."""
        warm_up = {key: cleaned.get(f"warm_up.{key}") for key in ("strategy", "labels_per_class")}
        shared = {"warm_up": {key: value for key, value in warm_up.items() if value not in (None, "")}}
        return shared | ({"datasets": cleaned["datasets"]} if cleaned.get("datasets") else {})

    def warm_up_labels(self) -> forms.BoundField:
        return self["warm_up.labels_per_class"]

    def warm_up_strategy(self) -> forms.BoundField:
        return self["warm_up.strategy"]


def is_batch_aware(entry: type) -> bool:
    """With its default settings; a plug-in says it by an attribute."""
    return entry().is_batch_aware() if hasattr(entry, "is_batch_aware") else getattr(entry, "batch_aware", False)


def field_of(parameter: Parameter) -> forms.Field:
    """The field of one declared parameter."""
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
