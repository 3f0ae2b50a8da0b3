"""People answering: queries, the slots of a query that are leased to people, their answers, and what the project holds true."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from projects.models import Item, Project


class Purpose(models.TextChoices):
    """Why an item is asked. The words are shown to the annotator."""

    SEED = "seed", "Seed: drawn at random, so that the learner can start"
    TEST = "test", "Test: drawn at random, to measure the learner; it never learns from it"
    QUERY = "query", "Query: chosen by the strategy"
    REVIEW = "review", "Another opinion: people or the model disagree about it"
    RANDOM = "random", "Exploration: drawn at random, to compare the strategy with chance"
    PLAIN = "plain", "In order: no learner has been started yet"
    CHECK = "check", "Check: drawn at random, to prove the accuracy of automatic labels"

    @property
    def priority(self) -> int:
        """Lower is served first: the learner cannot start without its seed, nor be measured without its test items."""
        return {"seed": 0, "test": 1, "check": 2, "query": 3, "random": 3, "plain": 3, "review": 4}[self.value]


class Query(models.Model):
    """The learner (or a random draw) asks for one item's label.

    Never deleted: why an item was served to somebody must remain known. Learning opens, holds and withdraws queries;
    annotation only serves the open ones and closes them when their answers are there.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        HELD = "held", "Held"  # its run is paused
        ANSWERED = "answered", "Answered"
        DISPUTED = "disputed", "Disputed"  # enough people answered, and they do not agree
        SKIPPED = "skipped", "Skipped"  # everybody who may answer has skipped it, or a reviewer has set it aside
        WITHDRAWN = "withdrawn", "Withdrawn"  # a newer ranking did not want it, or its run has ended

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="queries")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="queries")
    # Null: no learner asks, the project's own order does (before its first run).
    trial = models.ForeignKey("learning.Trial", null=True, on_delete=models.CASCADE, related_name="queries", db_index=False)
    round_number = models.PositiveIntegerField(help_text="The round that asked; 0 for seed and test.")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    strategy = models.CharField(max_length=60, blank=True)
    score = models.FloatField(null=True, help_text="The strategy's score, higher = ask first.")
    rank = models.PositiveIntegerField(help_text="1 = asked first in its round.")
    probability = models.FloatField(null=True, help_text="With what probability it was drawn, where the draw was random.")
    # The label (id) that the model gave when it asked. It is told to no annotator: it judges the model by answers that it chose.
    prediction = models.BigIntegerField(null=True, editable=False)
    # Part of the batch proper, or of the ranking that follows it and is served while the learner works.
    in_batch = models.BooleanField(default=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    # A reviewer has said that the item cannot be decided: whatever people change of their answers, it stays so.
    set_aside = models.BooleanField(db_default=False, editable=False)
    # How many answers it wants: the project's annotators_per_item, one more after a tie. 0: the known labels answer it.
    wanted = models.PositiveSmallIntegerField(default=1)
    # (purpose's priority) * 10**6 + rank, so that "what comes next" is one index range.
    order = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "item"], name="item_once_per_trial"),
            models.UniqueConstraint(fields=["item"], condition=models.Q(trial=None), name="item_once_without_a_trial"),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], condition=models.Q(status="open"), name="open_queries"),
            models.Index(fields=["trial", "round_number", "status"]),
            models.Index(fields=["trial", "status", "closed_at"]),
        ]

    def __str__(self) -> str:
        return f"query {self.pk}"


class Assignment(models.Model):
    """One slot of an item, leased to one person.

    Unique (item, user): the same item is never asked of a person twice. Unique (item, slot): a claim is one atomic
    INSERT, or one conditional UPDATE of a slot whose lease has run out; so it holds on SQLite and PostgreSQL alike.
    """

    class State(models.TextChoices):
        LEASED = "leased", "Leased"
        SUBMITTED = "submitted", "Submitted"
        SKIPPED = "skipped", "Skipped"  # holds no slot: slot is null
        EXTRA = "extra", "Extra answer"  # answered although the slots were filled meanwhile; slot is null

    query = models.ForeignKey(Query, on_delete=models.CASCADE, related_name="assignments")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments")
    slot = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.LEASED)
    leased_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "user"], name="item_once_per_person"),
            models.UniqueConstraint(fields=["item", "slot"], name="slot_once_per_item"),
        ]
        indexes = [models.Index(fields=["user", "state"])]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class Annotation(models.Model):
    """What one person said of one item. A changed mind adds a row; the older one stays with `current` false."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="annotations", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="annotations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="annotations")
    query = models.ForeignKey(Query, null=True, on_delete=models.SET_NULL, related_name="annotations")
    value = models.JSONField(null=True, help_text="In the stored form of the task type; null: skipped.")
    seconds = models.FloatField(null=True)
    skipped = models.BooleanField(default=False)
    extra = models.BooleanField(default=False, help_text="Came when the item had all its answers already.")
    flagged = models.BooleanField(default=False)
    # What the person saw beside the item: a suggestion makes people agree, and guidelines change.
    suggestion = models.BigIntegerField(null=True, help_text="The label that the page suggested; null: none was shown.")
    guidelines = models.PositiveIntegerField(null=True, help_text="The version of the guidelines.")
    gold = models.BooleanField(
        default=False, db_default=False, help_text="Its answer was known beforehand, to see how good the answers are."
    )
    comment = models.TextField(blank=True)
    current = models.BooleanField(default=True)
    token = models.CharField(max_length=64, unique=True, help_text="Chosen by the client: a repeated submit counts once.")
    created_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True, help_text="Undone by its author.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "user"], condition=models.Q(current=True), name="one_current_answer_per_person"
            )
        ]
        indexes = [models.Index(fields=["project", "user", "created_at"])]

    def __str__(self) -> str:
        return f"annotation {self.pk}"


class Gold(models.Model):
    """An item whose answer is known for certain: it is mixed in among the others, and shows how good a person's answers are."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="golds")
    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="gold")
    value = models.JSONField()
    training = models.BooleanField(
        default=False, db_default=False, help_text="Shown to new annotators with its answer; never mixed in among the others."
    )
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return f"gold {self.item_id}"


class TellingWords(models.Model):
    """The words that the project's newest model finds most telling; written by its run, in projects that mark them."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="telling_words")
    round_number = models.PositiveIntegerField()
    words = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"telling words of {self.project}"


class Reservation(models.Model):
    """An item that is meant for certain people: while an item has reservations, nobody else is asked."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="reservations", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="reservations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reservations")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "user"], name="item_reserved_once_per_person")]
        indexes = [models.Index(fields=["project", "user"])]

    def __str__(self) -> str:
        return f"item {self.item_id} for {self.user_id}"


class Verdict(models.Model):
    """The value that the project holds true for an item, and from where. People outrank a model; older ones are history."""

    class Source(models.TextChoices):
        IMPORTED = "imported", "Imported"
        PEOPLE = "people", "People"
        ADJUDICATED = "adjudicated", "Settled by a reviewer"
        MODEL = "model", "Model"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="verdicts", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="verdicts")
    value = models.JSONField()
    source = models.CharField(max_length=12, choices=Source.choices)
    current = models.BooleanField(default=True)
    probability = models.FloatField(null=True)
    run = models.ForeignKey("learning.Run", null=True, on_delete=models.SET_NULL, related_name="verdicts")
    round_number = models.PositiveIntegerField(null=True)
    # What was promised of a model's labels: "at least 95 % of them are right, with 95 % certainty".
    accuracy = models.FloatField(null=True)
    certainty = models.FloatField(null=True)
    comment = models.TextField(blank=True, db_default="", help_text="Of whoever settled it, for those who answered.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item"], condition=models.Q(current=True), name="one_current_verdict")]
        indexes = [models.Index(fields=["project", "item"], condition=models.Q(current=True), name="current_verdicts")]

    def __str__(self) -> str:
        return f"verdict {self.pk}"
