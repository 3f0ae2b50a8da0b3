"""What the labelling endpoints take and give, for the OpenAPI schema alone: at run time they handle plain dicts."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers as s

from projects.task_types import VALUE_HELP

ERRORS = {
    400: OpenApiResponse(OpenApiTypes.OBJECT, description='What is wrong, by field: {"value": ["..."]}'),
    403: OpenApiResponse(OpenApiTypes.OBJECT, description="Your role in the project is not enough."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such project among yours, or no such item in it."),
}
CHANGES = ERRORS | {409: OpenApiResponse(OpenApiTypes.OBJECT, description="`user` names somebody else than who is logged in.")}


class PreferencesSerializer(s.Serializer):
    left_handed = s.BooleanField()
    keys = s.DictField(child=s.ListField(child=s.CharField()), help_text="{action: its keys}, the one that is printed first")


class ChangedPreferencesSerializer(s.Serializer):
    left_handed = s.BooleanField(required=False)
    keys = s.DictField(child=s.CharField(allow_blank=True), required=False)


class NextSerializer(s.Serializer):
    count = s.IntegerField(min_value=1, max_value=50, default=1)


class ItemToLabelSerializer(s.Serializer):
    assignment = s.IntegerField(allow_null=True)
    item = s.IntegerField()
    key = s.CharField()
    modality = s.CharField(help_text="text, image or table")
    content = s.JSONField(required=False, help_text="The text, or the table row as an object; not with images.")
    image_url = s.CharField(required=False, help_text="Of an image.")
    purpose = s.CharField(allow_null=True, help_text="seed, test, query, random, check ...; before work: training, qualification")
    why = s.CharField(help_text="One line: why this item is asked.")
    lease_until = s.DateTimeField(allow_null=True)
    suggestion = s.CharField(allow_null=True, help_text="The label that the model would give, where the project shows it.")


class AnswerSerializer(s.Serializer):
    assignment = s.IntegerField(required=False)
    item = s.IntegerField(required=False, help_text="Instead of (or beside) the assignment.")
    value = s.JSONField(required=False, help_text=f"{VALUE_HELP} Not needed when skipped.")
    seconds = s.FloatField(required=False, help_text="How long it took.")
    token = s.CharField(max_length=64, help_text="New and random for every answer.")
    skipped = s.BooleanField(default=False)
    flagged = s.BooleanField(default=False)
    comment = s.CharField(default="", allow_blank=True, help_text="Of a skip: its reason.")
    guidelines = s.IntegerField(required=False, help_text="The version of the guidelines that was shown beside the item.")
    suggested = s.CharField(
        required=False, allow_null=True, help_text="The suggestion that was shown; null: none was. Left out: what was given."
    )
    next = s.IntegerField(default=0, min_value=0, max_value=50, help_text="Lease up to so many items along with it.")
    user = s.IntegerField(required=False, help_text="Who wrote it; 409 if somebody else is logged in by now.")


class TellingWordsSerializer(s.Serializer):
    round = s.IntegerField(allow_null=True, help_text="Of whose model they are; null: there are none.")
    words = s.ListField(child=s.CharField(), help_text="In small letters, unless the features keep capitals apart.")


class BatchSerializer(s.Serializer):
    round = s.IntegerField()
    answered = s.IntegerField()
    total = s.IntegerField()


class RunProgressSerializer(s.Serializer):
    id = s.IntegerField()
    name = s.CharField()
    labels = s.IntegerField()
    budget = s.IntegerField(allow_null=True)


class EmptyLinkSerializer(s.Serializer):
    url = s.CharField()
    text = s.CharField()


class EmptySerializer(s.Serializer):
    code = s.CharField()
    title = s.CharField()
    text = s.CharField()
    link = EmptyLinkSerializer(allow_null=True)
    since = s.DateTimeField(allow_null=True)


class MyProgressSerializer(s.Serializer):
    mine_today = s.IntegerField()
    mine_total = s.IntegerField()
    ahead = s.IntegerField(help_text="How many items to hold beyond the one that is being looked at.")
    batch = BatchSerializer(allow_null=True)
    run = RunProgressSerializer(allow_null=True)


class ProjectProgressSerializer(MyProgressSerializer):
    empty = EmptySerializer(required=False)


class TrainingResultSerializer(s.Serializer):
    passed = s.BooleanField()
    right = s.IntegerField()
    of = s.IntegerField()
    needed = s.IntegerField()
    tries_left = s.IntegerField()
    title = s.CharField()
    text = s.CharField()


class TrainingAnswerSerializer(s.Serializer):
    stale = s.BooleanField(help_text="true: this was not asked any more, and nothing was stored.")
    part = s.CharField(allow_null=True, help_text="training (the right answer is told) or qualification (it is not)")
    item = s.IntegerField(allow_null=True)
    right = s.BooleanField(allow_null=True)
    answer = s.CharField(allow_null=True, help_text="The right one, in words.")
    explanation = s.CharField()
    result = TrainingResultSerializer(allow_null=True, help_text="At the end of a part.")


class SubmissionSerializer(s.Serializer):
    id = s.IntegerField(allow_null=True)
    outcome = s.CharField(help_text="stored, repeated, changed, extra or training")
    message = s.CharField()
    training = TrainingAnswerSerializer(allow_null=True)
    next = ItemToLabelSerializer(many=True)
    progress = MyProgressSerializer()


class UndoSerializer(s.Serializer):
    annotation = s.IntegerField(required=False)
    token = s.CharField(required=False, max_length=64)
    user = s.IntegerField(required=False)


class UndoneSerializer(s.Serializer):
    undone = s.IntegerField(allow_null=True, help_text="The answer that was taken back.")
    item = ItemToLabelSerializer(allow_null=True)
    value = s.JSONField(allow_null=True, help_text=VALUE_HELP)
    progress = MyProgressSerializer()


class ReleaseSerializer(s.Serializer):
    lease_until = s.DateTimeField(required=False, help_text="Leave alone what was renewed beyond this.")


class ReleasedSerializer(s.Serializer):
    released = s.IntegerField()


class HeartbeatSerializer(s.Serializer):
    renewed = s.IntegerField()
    lease_until = s.DateTimeField()


class OneAnnotationSerializer(s.Serializer):
    id = s.IntegerField()
    item = s.IntegerField()
    key = s.CharField()
    user = s.IntegerField(allow_null=True, help_text="null: of somebody whose name the project hides.")
    username = s.CharField(help_text="A letter (Person K) where the project hides names.")
    value = s.JSONField(allow_null=True, help_text=VALUE_HELP)
    skipped = s.BooleanField()
    extra = s.BooleanField()
    flagged = s.BooleanField()
    comment = s.CharField()
    guidelines = s.IntegerField(allow_null=True, help_text="The version that it was made under; null: not recorded.")
    suggestion = s.CharField(allow_null=True, help_text="The label that was suggested beside the item; null: none was.")
    seconds = s.FloatField(allow_null=True)
    current = s.BooleanField()
    withdrawn = s.BooleanField()
    purpose = s.CharField(allow_null=True)
    why = s.CharField()
    created_at = s.DateTimeField()
    excerpt = s.CharField(required=False, help_text="With `mine`: how the item begins.")
    to_label = ItemToLabelSerializer(required=False, help_text="With `mine` and `item`: the item as it was shown.")


class AnnotationPageSerializer(s.Serializer):
    count = s.IntegerField()
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = OneAnnotationSerializer(many=True)
