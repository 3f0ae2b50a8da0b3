"""Who works on what: users, projects, memberships, labels, data sets (one import each) and items."""

from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now


class User(AbstractUser):
    """A person with an account. `is_staff` may create projects and users; `is_superuser` manages everything."""

    must_change_password = models.BooleanField(default=False)
    # How this person likes to label, in every project: {"keys": {"skip": "s"}, "left_handed": true, "highlight": false}.
    preferences = models.JSONField(default=dict, blank=True)


class Modality(models.TextChoices):
    TEXT = "text", "Texts"
    IMAGE = "image", "Images"
    TABLE = "table", "Table rows"


class Role(models.TextChoices):
    """What a member may do in a project; `rank` orders them, so that "at least an annotator" is one comparison."""

    MANAGER = "manager", "Manager"
    REVIEWER = "reviewer", "Reviewer"
    ANNOTATOR = "annotator", "Annotator"
    VIEWER = "viewer", "Viewer"

    @property
    def rank(self) -> int:
        return {"viewer": 0, "annotator": 1, "reviewer": 2, "manager": 3}[self.value]

    @property
    def help(self) -> str:
        return {
            "manager": "changes everything in the project: data, labels, members, runs",
            "reviewer": "labels, and settles disagreements",
            "annotator": "labels what the learner asks",
            "viewer": "reads runs and results",
        }[self.value]


class Project(models.Model):
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    modality = models.CharField(max_length=10, choices=Modality.choices, default=Modality.TEXT)
    # A name of the task-type registry (projects/task_types.py): plain text without choices=, so a new type needs no migration.
    task = models.CharField(max_length=30, default="single")
    guidelines = models.TextField(blank=True, help_text="Markdown, shown beside every item.")
    annotators_per_item = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="How many people label each item. 1: nobody ever gets an item that somebody else has.",
    )
    overlap = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="The share of the items that this many people label; the others get one. 0.1: every tenth is doubled.",
    )
    consensus = models.CharField(
        max_length=20, default="majority", help_text="How several answers become one: a rule of annotation/consensus.py."
    )
    hide_names = models.BooleanField(default=False, help_text="Reviewers do not see who gave which answer.")
    show_suggestions = models.BooleanField(
        default=False, help_text="Annotators see what the model says. It makes them agree with it, so it is off by default."
    )
    show_highlights = models.BooleanField(
        default=False, help_text="Annotators see which words the learner finds telling. It biases them, so it is off by default."
    )
    plain_order = models.CharField(
        max_length=10,
        default="import",
        choices=[("import", "In import order"), ("random", "In random order"), ("none", "Nothing is served")],
        help_text="What people label before the first run is started.",
    )
    gold_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0), MaxValueValidator(0.5)],
        help_text="The share of everybody's items whose answer is known already, mixed in unseen, to see how good answers are.",
    )
    # What a new annotator does before real work: {"shown": 5, "test": 10, "pass_mark": 0.8}; empty: nothing.
    training = models.JSONField(default=dict, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="Shown to everybody who labels, until it is changed.")
    is_demo = models.BooleanField(default=False, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, editable=False, on_delete=models.SET_NULL)
    members = models.ManyToManyField(User, through="Membership", related_name="projects")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Gets no new items while it is set.")
    # Tags that a manager gives: items that ask for one of them go to those who have it.
    skills = models.JSONField(default=list, blank=True)
    qualified_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Passed the project's test.")
    # What she is told by e-mail: names of projects/notices.py. What cannot be known is none.
    notices = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_person")]
        ordering = ["user__username"]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}: {self.get_role_display()}"


class Guidelines(models.Model):
    """One version of a project's guidelines. The project shows the newest; an annotation names the one it was made under."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guidelines_versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="guidelines_version_once")]
        ordering = ["project", "-number"]

    def __str__(self) -> str:
        return f"guidelines of {self.project}, version {self.number}"


class Invitation(models.Model):
    """A link that makes whoever opens it a member. Only the token's hash is kept."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    token_hash = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=120, blank=True)
    places = models.PositiveIntegerField(default=1, help_text="How many people may use it.")
    used = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"invitation to {self.project}"


class Webhook(models.Model):
    """An address that is told what happens in a project, in signed requests."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    secret = models.CharField(max_length=64, help_text="The key of the signature.")
    events = models.JSONField(default=list, help_text="Names of projects/notices.py; empty: all.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One notice on its way to a webhook or to a person's mailbox: the log, and what recovery finds unsent."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, null=True, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="deliveries", help_text="Of an e-mail.")
    event = models.CharField(max_length=40)
    body = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    answer = models.CharField(max_length=300, blank=True, help_text="What came back last.")
    # The same happening is told once: unique where it is not empty.
    happening = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "happening"], condition=models.Q(webhook__isnull=False), name="told_once_per_webhook"
            ),
            models.UniqueConstraint(
                fields=["user", "happening"], condition=models.Q(user__isnull=False), name="told_once_per_user"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"])]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook or self.user}"


class Label(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=200)
    color = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour looks like #1f77b4.")])
    hotkey = models.CharField(max_length=1, blank=True)
    position = models.PositiveIntegerField(default=0)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What it was called before, and what was merged into it: pages that are open send these names, and answers that were offline.
    former_names = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="label_name_once_per_project"),
            models.UniqueConstraint(fields=["project", "hotkey"], condition=~models.Q(hotkey=""), name="hotkey_once_per_project"),
        ]
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Dataset(models.Model):
    """One import: a file, how to read it, how far it is, and what became of every row."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Waiting for your choice of columns"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Importing"
        FINISHED = "finished", "Imported"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=255)
    file = models.FileField(upload_to="datasets/%Y/%m/", max_length=400)
    labels_file = models.FileField(upload_to="datasets/%Y/%m/", max_length=400, blank=True)
    # How to read it: text_column, label_column, key_column, delimiter, encoding, columns (of a table) ...
    mapping = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    rows = models.PositiveIntegerField(default=0, help_text="Rows found in the file.")
    processed = models.PositiveIntegerField(default=0, help_text="Rows read so far, for the progress bar.")
    imported = models.PositiveIntegerField(default=0)
    labeled = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    # The first rows that were left out, [{"row": 7, "field": "text", "error": "..."}]; all of them are in `report`.
    errors = models.JSONField(default=list)
    report = models.FileField(upload_to="reports/%Y/%m/", max_length=400, blank=True)
    message = models.TextField(blank=True, help_text="Why it failed, or what to know about it.")
    # Who works on it (a fencing token) and the last sign of life, see projects/leases.py
    worker = models.CharField(max_length=40, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    wakeups = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """One thing to label. Its content is never changed by labelling, and it is never deleted while its project lives."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="items", db_index=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=255)
    # Text: the text. Image: the path of the picture in the storage. Table: the row as JSON, {column: value}.
    content = models.TextField()
    metadata = models.JSONField(default=dict, blank=True)
    # The imported value in the stored form of the project's task type (single label: the label's id); null: not known.
    known = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="item_key_once_per_project")]
        indexes = [models.Index(fields=["project", "id"])]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.key
