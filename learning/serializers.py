"""The JSON forms of runs."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from learning.models import Run
from learning.state import live


class ProgressSerializer(serializers.Serializer):
    labels = serializers.IntegerField(help_text="Labels that the learner has, or will have in its next round.")
    goal = serializers.IntegerField(help_text="The most it will ask for: the budget, or the whole pool.")
    share = serializers.FloatField(help_text="labels / goal, at most 1.")
    round = serializers.IntegerField(help_text="Rounds done.")


class ScoreSerializer(serializers.Serializer):
    metric = serializers.CharField()
    label = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n_test = serializers.IntegerField()


class RunSerializer(serializers.ModelSerializer):
    """A run as it is now."""

    status = serializers.CharField(help_text="draft, queued, running, paused, finished, stopped or failed.")
    phase = serializers.SerializerMethodField(
        help_text="What the learner does now: preparing, waiting, training, ...; empty in a draft."
    )
    phase_since = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField(help_text="What the phase waits for or works on, in words.")
    progress = serializers.SerializerMethodField()
    score = serializers.SerializerMethodField(help_text="The latest score with its 95 % interval; null before there is one.")
    estimate = serializers.SerializerMethodField(
        help_text="Of an analysis: how many seconds it will take on one worker, and from what was measured; null before that."
    )
    created_by = serializers.CharField(source="created_by.username", default=None, read_only=True)

    class Meta:
        model = Run
        fields = [
            "id", "project", "kind", "name", "status", "phase", "phase_since", "detail", "progress", "score", "stop_reason",
            "error", "configuration", "estimate", "created_by", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def _facts(self, run: Run) -> dict:
        facts = self.context.setdefault("live", {})
        if run.pk not in facts:
            page = self.instance if isinstance(self.instance, list) else self.parent.instance if self.parent else [run]
            facts.update(live(list(page)))
        return facts[run.pk]

    def get_phase(self, run: Run) -> str:
        return self._facts(run)["phase"]

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_estimate(self, run: Run) -> dict | None:
        return run.estimate or None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_phase_since(self, run: Run) -> str | None:
        since = self._facts(run)["phase_since"]
        return since.isoformat() if since else None

    def get_detail(self, run: Run) -> str:
        return self._facts(run)["detail"]

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, run: Run) -> dict:
        facts = self._facts(run)
        return {name: facts[name] for name in ("labels", "goal", "share", "round")}

    @extend_schema_field(ScoreSerializer(allow_null=True))
    def get_score(self, run: Run) -> dict | None:
        return self._facts(run)["score"]


class NewRunSerializer(serializers.Serializer):
    """Everything but the project has a default: {"project": 1} alone makes a sensible draft."""

    project = serializers.IntegerField()
    kind = serializers.CharField(default=Run.Kind.DEVELOPMENT, help_text='"development", "analysis" or "labeling".')
    name = serializers.CharField(default="", allow_blank=True, max_length=120)
    configuration = serializers.DictField(default=dict, help_text="What differs from the defaults that suit the project.")
    start = serializers.BooleanField(default=False, help_text="Start at once, instead of leaving a draft.")


class RoundRowSerializer(serializers.Serializer):
    """One turn of the loop. Beside these fields: each metric (`accuracy`, `accuracy_low`, `accuracy_high`, `f1_macro`, ...)
    and each phase's seconds (`seconds_training`, `seconds_predicting`, ...)."""

    trial = serializers.IntegerField()
    strategy = serializers.CharField()
    batch_size = serializers.IntegerField()
    fold = serializers.IntegerField()
    repeat = serializers.IntegerField()
    round = serializers.IntegerField()
    labels = serializers.IntegerField()
    pool = serializers.IntegerField()
    test = serializers.IntegerField()
    created_at = serializers.DateTimeField()
