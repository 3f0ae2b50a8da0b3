"""The form of a labelling run: at which accuracy, with which certainty."""

from django import forms

from learning.configuration import ConfigurationError
from learning.declared_form import DeclaredForm, field_of
from learning.labeling.settings import PARAMETERS, suggest, validate


class LabelingForm(DeclaredForm):
    """What a labelling run promises; declared in `learning.labeling.settings`, checked there too."""

    def __init__(self, source, *args, **kwargs) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.source = source
        start = suggest(source)
        for parameter in PARAMETERS:
            field = field_of(parameter)
            if parameter.kind == "choice":
                field.widget = forms.RadioSelect(choices=field.choices)
            self._add(parameter.name, field, start[parameter.name])
        self._describe()

    def value(self, name: str):
        """What stands in the field if it can be used, else None."""
        given = self.data.get(name) if self.is_bound else self.fields[name].initial
        parameter = next(parameter for parameter in PARAMETERS if parameter.name == name)
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
            self.configuration = validate(self.source.project, given | {"source": self.source.pk})
        except ConfigurationError as error:
            self._refuse(error)
        return cleaned
