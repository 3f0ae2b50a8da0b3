"""The JSON forms of projects and their data; what is written is checked by the functions that the pages use too."""

from rest_framework import serializers

from projects.consensus_rules import rule_choices, rule_problem
from projects.forms import TEAM_FIELDS
from projects.models import Dataset, Label, Membership, Modality, Project, Role
from projects.task_types import VALUE_HELP, project_problems, task_choices, task_type
from projects.training_settings import TrainingRefused, check_training


class ProjectSerializer(serializers.ModelSerializer):
    """A project as this person sees it."""

    role = serializers.CharField(help_text="What I am here: manager, reviewer, annotator or viewer.", read_only=True)
    archived = serializers.SerializerMethodField()
    items = serializers.SerializerMethodField(help_text="How many items it has.")
    labeled = serializers.SerializerMethodField(help_text="How many of them have a label.")

    class Meta:
        model = Project
        fields = [
            "id", "name", "description", "modality", "task", "guidelines", "annotators_per_item", *TEAM_FIELDS, "training",
            "role", "items", "labeled", "is_demo", "archived", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_archived(self, project: Project) -> bool:
        return project.archived_at is not None

    def get_items(self, project: Project) -> int:
        return self.context.get("items", {}).get(project.pk, 0)

    def get_labeled(self, project: Project) -> int:
        return self.context.get("labeled", {}).get(project.pk, 0)


class NewProjectSerializer(serializers.ModelSerializer):
    task = serializers.ChoiceField(choices=task_choices(), default="single")
    labels = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list,
        help_text="Names, in their order. Those in imported files are added by themselves.",
    )  # fmt: skip

    class Meta:
        model = Project
        fields = ["name", "description", "modality", "task", "guidelines", "annotators_per_item", "labels"]

    def validate_labels(self, names: list[str]) -> list[str]:
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise serializers.ValidationError(f"Each label once, please; more than once: {', '.join(twice)}.")
        return names

    def validate(self, given: dict) -> dict:
        if problems := project_problems(given["task"], given.get("modality", Modality.TEXT), given["labels"]):
            raise serializers.ValidationError({name: [problem] for name, problem in problems.items()})
        return given


class ProjectChangesSerializer(serializers.ModelSerializer):
    consensus = serializers.ChoiceField(choices=rule_choices(), required=False)
    training = serializers.JSONField(
        required=False,
        help_text='Before real work: {"shown": training items, "test": test items, "pass_mark": 0.8, "tries": 3}; {}: nothing.',
    )
    archived = serializers.BooleanField(required=False, help_text="true: nothing changes any more, all of it can be read.")

    class Meta:
        model = Project
        fields = ["name", "description", "guidelines", "annotators_per_item", *TEAM_FIELDS, "training", "archived"]

    def validate_consensus(self, rule: str) -> str:
        if problem := rule_problem(rule, task_type(self.instance.task)):
            raise serializers.ValidationError(problem)
        return rule

    def validate_training(self, given: object) -> dict:
        try:
            return check_training(self.instance, given)
        except TrainingRefused as error:
            raise serializers.ValidationError({error.field: [str(error)]}) from error


class MemberSerializer(serializers.ModelSerializer):
    username = serializers.CharField(source="user.username", read_only=True)
    role = serializers.CharField(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "username", "role", "skills", "paused_at", "qualified_at"]
        read_only_fields = fields


class RoleSerializer(serializers.Serializer):
    role = serializers.ChoiceField(choices=Role.choices)


class MemberChangesSerializer(serializers.Serializer):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    skills = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, required=False, help_text="Tags; items can be meant for one."
    )


class NewMemberSerializer(RoleSerializer):
    username = serializers.CharField(max_length=150)


class LabelSerializer(serializers.ModelSerializer):
    retired = serializers.SerializerMethodField()

    class Meta:
        model = Label
        fields = ["id", "name", "color", "hotkey", "position", "retired"]
        read_only_fields = fields

    def get_retired(self, label: Label) -> bool:
        return label.retired_at is not None


class NewLabelSerializer(serializers.Serializer):
    name = serializers.CharField()
    color = serializers.CharField(required=False, default="", allow_blank=True, help_text="Like #1f77b4; empty: chosen.")
    hotkey = serializers.CharField(
        required=False,
        default=None,
        allow_null=True,
        allow_blank=True,
        help_text="One digit or letter; null: chosen; empty: none.",
    )


class LabelChangesSerializer(serializers.Serializer):
    name = serializers.CharField(required=False)
    color = serializers.CharField(required=False)
    hotkey = serializers.CharField(required=False, allow_blank=True)
    retired = serializers.BooleanField(required=False, help_text="true: nobody can choose it any more; what has it keeps it.")


class MergeSerializer(serializers.Serializer):
    into = serializers.IntegerField(min_value=1, help_text="The id of the label that takes its place.")


class MergedSerializer(serializers.Serializer):
    label = LabelSerializer()
    changed = serializers.IntegerField(help_text="How many items have another label now.")


class AnswerSerializer(serializers.Serializer):
    annotator = serializers.CharField()
    label = serializers.JSONField(allow_null=True, help_text=VALUE_HELP)
    skipped = serializers.BooleanField()
    flagged = serializers.BooleanField()
    comment = serializers.CharField()
    seconds = serializers.FloatField(allow_null=True)
    current = serializers.BooleanField(help_text="false: replaced by a later answer of the same person, or undone.")
    at = serializers.DateTimeField()
    suggestion = serializers.CharField(allow_null=True, help_text="The label that was suggested beside it; null: none was.")


class ItemSerializer(serializers.Serializer):
    """An item with what the project holds true of it."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    content = serializers.JSONField(help_text="A text; of a table row an object; of a picture null, see image_url.")
    image_url = serializers.CharField(allow_null=True)
    metadata = serializers.JSONField()
    dataset = serializers.IntegerField()
    imported_label = serializers.JSONField(allow_null=True, help_text=VALUE_HELP)
    verdict = serializers.JSONField(allow_null=True, help_text=VALUE_HELP)
    verdict_source = serializers.CharField(allow_null=True, help_text="imported, people, adjudicated or model.")
    verdict_probability = serializers.FloatField(allow_null=True)
    n_annotations = serializers.IntegerField()
    disputed = serializers.BooleanField()


class FullItemSerializer(ItemSerializer):
    annotations = AnswerSerializer(many=True)


class RowErrorSerializer(serializers.Serializer):
    row = serializers.IntegerField()
    key = serializers.CharField()
    field = serializers.CharField()
    error = serializers.CharField()


class DatasetSerializer(serializers.ModelSerializer):
    """One import, as far as it is."""

    status = serializers.CharField(help_text="draft, queued, running, finished or failed.", read_only=True)
    errors = RowErrorSerializer(many=True, read_only=True, help_text="The first rows that were left out; all are in the report.")
    report_url = serializers.SerializerMethodField(help_text="A CSV of every row that was left out, and why; null: none was.")

    class Meta:
        model = Dataset
        fields = [
            "id", "name", "status", "rows", "processed", "imported", "labeled", "skipped", "errors", "message", "report_url",
            "mapping", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_report_url(self, dataset: Dataset) -> str | None:
        from rest_framework.reverse import reverse

        if not dataset.report:
            return None
        return reverse("api-dataset-report", args=[dataset.project_id, dataset.pk], request=self.context.get("request"))


class NewDatasetSerializer(serializers.Serializer):
    """Whatever is left out is guessed from the file."""

    file = serializers.FileField(
        allow_empty_file=True, help_text="Texts: .csv, .tsv, .jsonl or .txt. Tables: .csv. Pictures: .zip."
    )
    labels_file = serializers.FileField(required=False, help_text="Pictures only: a CSV with the columns file and label.")
    text_column = serializers.CharField(required=False)
    label_column = serializers.CharField(required=False, allow_blank=True, help_text="Empty: the file has no labels.")
    empty_is_none = serializers.BooleanField(
        required=False, help_text="Several labels per item only: an empty cell is the value “none of them”, not no value."
    )
    key_column = serializers.CharField(required=False, allow_blank=True, help_text="Empty: the items are numbered.")
    delimiter = serializers.CharField(required=False, trim_whitespace=False, help_text="One character, or the word tab.")
    encoding = serializers.CharField(required=False)
    columns = serializers.CharField(
        required=False,
        help_text="Tables only: the columns to learn from, separated by commas, or as a JSON list. "
        "The columns of the labels and the keys are never among them.",
    )
    folder_labels = serializers.BooleanField(required=False, help_text="Pictures only: the folder's name is the label.")
