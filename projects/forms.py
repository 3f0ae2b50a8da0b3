"""Forms of accounts, projects and members."""

from dataclasses import asdict

from django import forms
from django.contrib.auth.password_validation import validate_password

from projects.consensus_rules import rule_choices
from projects.models import Membership, Modality, Project, Role, User
from projects.task_types import project_problems, task_choices, task_type
from projects.training_settings import Training, TrainingRefused, check_training, training_of

# How a team works together in the project: settings that a new project need not think about.
TEAM_FIELDS = [
    "overlap", "plain_order", "consensus", "hide_names", "show_suggestions", "show_highlights", "gold_share", "message",
]  # fmt: skip
_GUIDELINES_HELP = "What each label means, with examples, and what to do in doubt. Markdown; shown beside every item."
_PER_ITEM_HELP = "1: nobody ever gets an item that somebody else has. More: that many people answer each item."


class ProjectForm(forms.ModelForm):
    """The settings that can change at any time."""

    class Meta:
        model = Project
        fields = ["name", "description", "guidelines", "annotators_per_item", *TEAM_FIELDS]
        widgets = {"description": forms.TextInput, "guidelines": forms.Textarea(attrs={"rows": 12}), "message": forms.TextInput}
        labels = {
            "annotators_per_item": "People per item",
            "overlap": "Share of items with so many people",
            "plain_order": "Before the first run",
            "consensus": "How several answers become one",
            "hide_names": "Hide names from reviewers",
            "show_suggestions": "Show the model's suggestion",
            "show_highlights": "Mark the words that the model finds telling",
            "gold_share": "Share of gold items",
            "message": "Message to everybody who labels",
        }
        help_texts = {
            "description": "One line for the list of projects. May stay empty.",
            "guidelines": _GUIDELINES_HELP,
            "annotators_per_item": _PER_ITEM_HELP + " A change holds for items that are asked from now on.",
            "show_suggestions": "Beside items that a strategy chose, except every fifth: the label that the model would give. "
            "Enter takes it. It saves time, and people agree with it more often than they should. Who saw it is recorded.",
            "show_highlights": "In texts that a strategy chose, from the next round on: words, whatever label they speak for. Of "
            "learners with a weight for each word (logistic regression, linear SVM, SGD on counted words). It draws the eye to "
            "what the model knows already; a key hides them.",
        }

    consensus = forms.ChoiceField(required=False, choices=rule_choices, label=Meta.labels["consensus"])

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["annotators_per_item"].widget.attrs.update(min=1, max=20)
        for name, field in self.fields.items():
            if name in TEAM_FIELDS:
                field.required = False
        if "consensus" in self.fields:
            self.fields["consensus"].choices = rule_choices(task_type(self.instance.task))
        for name in {"overlap", "gold_share"} & set(self.fields):
            self.fields[name].widget.attrs.update(min=0, max=1, step="any")

    def clean(self) -> dict:
        """What was left empty stays as it is."""
        found = super().clean()
        for name in TEAM_FIELDS:
            if name in self.fields and name != "message" and found.get(name) in (None, ""):
                found[name] = getattr(self.instance, name)
        return found


class SettingsForm(ProjectForm):
    """With what a new annotator does before real work; a request that names none of it leaves it as it is."""

    shown = forms.IntegerField(
        required=False, min_value=0, max_value=200, label="Training items", help_text="After each answer the right one is shown."
    )
    test = forms.IntegerField(
        required=False, min_value=0, max_value=200, label="Test items", help_text="Of gold, unseen. Who passes gets real work."
    )
    pass_mark = forms.FloatField(
        required=False, label="Share of them that must be right", widget=forms.NumberInput(attrs={"step": "any"})
    )
    tries = forms.IntegerField(
        required=False, min_value=1, max_value=100, label="Tries", help_text="Each with other items, as far as there are others."
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._training = training_of(self.instance) or Training()
        for name, value in asdict(self._training).items():
            self.fields[name].initial = value
        self.fields["pass_mark"].widget.attrs.update(min=0.01, max=1)

    def clean(self) -> dict:
        found = super().clean()
        before = asdict(self._training)
        given = {name: before[name] if found.get(name) is None else found[name] for name in before}
        if given != before and not set(before) & set(self.errors):
            try:
                self.instance.training = check_training(self.instance, given)
            except TrainingRefused as error:
                self.add_error(error.field, str(error))
        return found


class NewProjectForm(ProjectForm):
    modality = forms.ChoiceField(
        label="What are the items?", choices=Modality.choices, widget=forms.RadioSelect, initial=Modality.TEXT
    )
    task = forms.ChoiceField(label="What is asked of each item?", choices=task_choices)
    labels = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "positive\nnegative\nneutral"}),
        help_text="One per line. May stay empty: the labels that an imported file contains are added by themselves.",
    )

    class Meta(ProjectForm.Meta):
        fields = ["name", "description", "modality", "task", "guidelines", "annotators_per_item"]
        help_texts = ProjectForm.Meta.help_texts | {
            "guidelines": _GUIDELINES_HELP + " You can write it later.",
            "annotators_per_item": _PER_ITEM_HELP,
        }

    consensus = None

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["guidelines"].widget.attrs["rows"] = 6

    def clean(self) -> dict:
        found = super().clean()
        if {"task", "modality"} <= found.keys():
            for name, problem in project_problems(found["task"], found["modality"], found.get("labels", ())).items():
                self.add_error(name, problem)
        return found

    def clean_labels(self) -> list[str]:
        names = [line.strip() for line in self.cleaned_data["labels"].splitlines() if line.strip()]
        if too_long := [name for name in names if len(name) > 200]:
            raise forms.ValidationError(
                f"A label has at most 200 characters; this one has {len(too_long[0])}: {too_long[0][:60]}..."
            )
        if twice := {name for name in names if names.count(name) > 1}:
            raise forms.ValidationError(f"Each label once, please; more than once: {', '.join(sorted(twice))}.")
        return names


class MemberForm(forms.Form):
    username = forms.CharField(
        widget=forms.TextInput(attrs={"list": "usernames", "autocomplete": "off", "autocapitalize": "none"})
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANNOTATOR)

    def clean_username(self) -> User:
        name = self.cleaned_data["username"].strip()
        user = User.objects.filter(username__iexact=name).first()
        if user is None:
            raise forms.ValidationError(f"There is no account {name!r}. Accounts are made by staff, on the page People.")
        if not user.is_active:
            raise forms.ValidationError(f"The account {user.username!r} is closed.")
        return user


class RoleForm(forms.Form):
    membership = forms.ModelChoiceField(Membership.objects.none())
    role = forms.ChoiceField(choices=Role.choices)

    def __init__(self, project: Project, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["membership"].queryset = project.memberships.select_related("user")


class PersonForm(forms.ModelForm):
    password = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="For the first login, to be changed there. Left empty, a good one is generated.",
    )

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "email", "is_staff"]
        labels = {"is_staff": "Staff"}
        help_texts = {"username": "", "is_staff": "May create projects and accounts."}
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"})}

    def __init__(self, actor: User, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not actor.is_superuser:
            del self.fields["is_staff"]

    def clean_username(self) -> str:
        name = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError("This name is taken.")
        return name

    def clean_password(self) -> str:
        if password := self.cleaned_data["password"]:
            validate_password(password, User(username=self.data.get("username", "")))
        return password


class DetailsForm(forms.ModelForm):
    """What people may change about themselves."""

    class Meta:
        model = User
        fields = ["first_name", "last_name", "email"]


class InvitationForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANNOTATOR)
    places = forms.IntegerField(label="For how many people", min_value=1, max_value=500, initial=1)
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=90, initial=7)
    note = forms.CharField(
        label="Note", required=False, max_length=120, help_text="For you: whom it is meant for. May stay empty."
    )


class JoinForm(forms.ModelForm):
    """A new account, by an invitation; the rules of names and passwords are those of every account."""

    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))

    class Meta:
        model = User
        fields = ["username", "email"]
        help_texts = {"username": "", "email": "May stay empty."}
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"})}

    def clean_username(self) -> str:
        name = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError("This name is taken. If it is yours, log in first.")
        return name

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        validate_password(password, User(username=self.data.get("username", ""), email=self.data.get("email", "")))
        return password
