"""The loop: a run, its trials (learning curves), their rounds, and a log of what happened."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from learning.phases import Phase
from projects.models import Item, Project


class Run(models.Model):
    class Kind(models.TextChoices):
        DEVELOPMENT = "development", "Development of a model"
        ANALYSIS = "analysis", "Analysis of query strategies"
        LABELING = "labeling", "Labels for the rest"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Finished"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

        @property
        def is_active(self) -> bool:
            return self in {Run.Status.QUEUED, Run.Status.RUNNING}

        @property
        def is_over(self) -> bool:
            return self in {Run.Status.FINISHED, Run.Status.STOPPED}

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.DEVELOPMENT)
    name = models.CharField(max_length=120, blank=True)
    # Validated and complete (learning/configuration.py): every default is written out.
    configuration = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    # The pool and test set are drawn from the project's items up to this one; set at the start, so that a later
    # import does not change a run.
    last_item_id = models.BigIntegerField(null=True)
    n_items = models.PositiveIntegerField(default=0)
    # The ids of the labels in the order in which the learner numbers them; set at the start.
    classes = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="SHA-256 over the keys and contents of its items.")
    stop_reason = models.TextField(blank=True)
    stop_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True, help_text="What went wrong and what to do, in one or two sentences.")
    traceback = models.TextField(blank=True)
    versions = models.JSONField(default=dict, help_text="Of Python and the libraries, at the start.")
    # Of an analysis: how long it will take here, from rounds that were measured before the start.
    estimate = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name or f"Run {self.pk}"


class Trial(models.Model):
    """One learning curve. A development run has exactly one; an analysis one per strategy, batch size, fold and repeat."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="trials")
    strategy = models.CharField(max_length=60)
    batch_size = models.PositiveIntegerField()
    fold = models.PositiveIntegerField(default=0)
    repeat = models.PositiveIntegerField(default=0)
    # Of an analysis: which of its configuration's learners and feature sets.
    learner = models.PositiveIntegerField(default=0)
    features = models.PositiveIntegerField(default=0)
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.PREPARING)
    phase_since = models.DateTimeField(db_default=Now())
    # What the phase waits for or works on, in words: "12 of 20 answers of round 3".
    detail = models.CharField(max_length=300, blank=True)
    round_number = models.PositiveIntegerField(default=0, help_text="Rounds committed.")
    n_labeled = models.PositiveIntegerField(
        default=0, help_text="Labels of the last round; before the first, those that are there."
    )
    error = models.TextField(blank=True, help_text="Of an analysis: why this trial failed; the others go on.")
    traceback = models.TextField(blank=True)
    trained_at = models.DateTimeField(null=True, help_text="When the labels of the last round were read.")
    # A lease on the trial, see projects/leases.py
    worker = models.CharField(max_length=40, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    wakeups = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "strategy", "batch_size", "learner", "features", "fold", "repeat"], name="one_trial_per_cell"
            )
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"trial {self.pk}"


class Round(models.Model):
    """One turn of the loop, written in one transaction with the queries that it asks."""

    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField(help_text="1 = trained on the seed.")
    n_labeled = models.PositiveIntegerField()
    n_pool = models.PositiveIntegerField(help_text="Items of the pool without a label, before the selection.")
    n_test = models.PositiveIntegerField(default=0)
    # {"accuracy": {"value": 0.9, "low": 0.86, "high": 0.93}, ...}; empty where no model could be trained.
    metrics = models.JSONField(default=dict)
    # Rows: true class, columns: predicted, in the order of run.classes.
    confusion = models.JSONField(default=list)
    # Seconds per phase: {"training": 0.2, "predicting": ..., "evaluating": ..., "selecting": ..., "storing": ...}
    timings = models.JSONField(default=dict)
    # Each stop criterion's value against its threshold.
    stopping = models.JSONField(default=list)
    # What the batch looked like, in the order of run.classes: {"size", "strategy", "predicted": [...], "predicted_entropy"},
    # and what came in since the round before: {"labeled": [...] of all labels, "arrived": [...], "arrived_entropy"}.
    batch = models.JSONField(default=dict)
    # What the stop criteria look at (learning/engine/stopping): kappa, uncertainty, ..., and the predictions of the stop set.
    signals = models.JSONField(default=dict)
    # Of an analysis, which has no queries: the ids of the items that this round asked for, in order.
    asked = models.JSONField(default=list)
    elapsed = models.FloatField(default=0, help_text="Seconds from the start of the run to this round.")
    advice = models.TextField(blank=True, help_text="What the criteria that only advise have to say.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "number"], name="round_once_per_trial")]
        ordering = ["trial", "number"]

    def __str__(self) -> str:
        return f"round {self.number}"


class WarmState(models.Model):
    """Where the training of the last round ended, so that the next one, also after a restart, goes on from the same bits."""

    trial = models.OneToOneField(Trial, on_delete=models.CASCADE, related_name="warm_state")
    round_number = models.PositiveIntegerField()
    arrays = models.BinaryField(help_text="A .npz file.")

    def __str__(self) -> str:
        return f"state of {self.trial} after round {self.round_number}"


class Snapshot(models.Model):
    """What the known labels said when an analysis began: a label that changes meanwhile changes none of its trials."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="snapshot")
    arrays = models.BinaryField(help_text="A .npz file: ids of the items (n,), class codes (n,), -1 where there is none.")

    def __str__(self) -> str:
        return f"known labels of {self.run}"


class Event(models.Model):
    """The log of a run, for people: started, round 3 trained, batch closed, paused by anna, worker lost ..."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    message = models.TextField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.message


class ModelFile(models.Model):
    """The finished model of a trial: a whole pipeline in skops format, and the predictions for every item."""

    trial = models.OneToOneField(Trial, on_delete=models.CASCADE, related_name="model_file")
    round_number = models.PositiveIntegerField()
    file = models.FileField(upload_to="models/%Y/%m/", max_length=400)
    predictions = models.FileField(upload_to="models/%Y/%m/", max_length=400)
    # The ids of the labels that the columns of the model's probabilities stand for.
    classes = models.JSONField(default=list)
    card = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"model of {self.trial}"


class Audit(models.Model):
    """What a labelling run promises, what it checked, and what it found (design: "label the rest at the accuracy specified").

    Its run's one trial asks the checks; its configuration says of which model, at which accuracy and certainty.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="audit")
    # Of every item without a label, frozen before the first check: item_id, label, confidence, margin of the thresholds.
    scores = models.FileField(upload_to="models/%Y/%m/", max_length=400)
    n_rest = models.PositiveIntegerField(default=0)
    plan = models.JSONField(default=dict, help_text="engine.AuditPlan: fixed before the first check is answered.")
    calibration = models.JSONField(default=dict, help_text="How confidences became probabilities, and how true they are.")
    decision = models.JSONField(null=True, help_text="engine.Decision, made when all checks were answered.")
    decided_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True, help_text="Somebody said: label them.")
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    n_labeled = models.PositiveIntegerField(default=0)
    n_returned = models.PositiveIntegerField(default=0, help_text="How many of the others were put into the queue.")

    def __str__(self) -> str:
        return f"audit of {self.run}"


class SuspicionSearch(models.Model):
    """The last look for labels that a model contradicts, one per project; what it found are its project's `Suspicion` rows."""

    class Status(models.TextChoices):
        RUNNING = "running", "Looking"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="suspicion_search")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    n_labels = models.PositiveIntegerField(default=0, help_text="Labels that were looked at.")
    n_all = models.PositiveIntegerField(default=0, help_text="Labels that there were.")
    noise = models.FloatField(null=True, help_text="The estimated share of wrong labels among them.")
    learner = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # A lease on the search, see projects/leases.py
    worker = models.CharField(max_length=40, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    wakeups = models.PositiveIntegerField(default=0, editable=False)

    def __str__(self) -> str:
        return f"suspicious labels of {self.project}"


class Suspicion(models.Model):
    """A label that a model contradicts which has not learnt from it; or one that somebody called right all the same."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="suspicions", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="suspicions")
    value = models.BigIntegerField(help_text="The label (id) that it has.")
    suggested = models.BigIntegerField(help_text="The label (id) that the model would give.")
    probability = models.FloatField(help_text="What the model gives to that label.")
    own_probability = models.FloatField(help_text="What it gives to the label that it has.")
    rank = models.PositiveIntegerField(help_text="1 = most suspicious.")
    right_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    right_at = models.DateTimeField(null=True, help_text="Somebody looked, and said that the label is right.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "value"], name="suspected_once_per_label")]
        indexes = [models.Index(fields=["project", "rank"])]

    def __str__(self) -> str:
        return f"suspicion of {self.item_id}"
