"""What happens in a project is told to people's mailboxes and to webhooks: written with what happened, sent after the commit.

`notify` writes a Delivery per address in the caller's transaction: what is rolled back is told to nobody, and what is committed
is not forgotten, even if Redis is lost before a worker has sent it (`due` finds it, `projects.jobs.recover` asks for it).
The same happening is told once per address, whoever reports it how often.
"""

import logging
from datetime import timedelta

import django_rq
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from projects import webhooks
from projects.models import Delivery, Project

logger = logging.getLogger("alambic.notices")
QUEUE = "imports"
EVENTS = {
    "labels_wanted": "Labels are wanted",
    "batch_done": "A batch is labelled",
    "run_finished": "A run is finished",
    "run_failed": "A run has failed",
    "disagreement": "People disagree about an item",
}
# After the 1st, 2nd, ... attempt that failed: eight attempts over about nine hours.
DELAYS = [timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 360)]
ATTEMPTS = len(DELAYS) + 1
# Longer than an attempt can last: who claims a delivery moves it so far away, so that no other worker sends it meanwhile.
CLAIM = timedelta(minutes=2)
State = Delivery.State


def notify(project: Project, event: str, happening: str, facts: dict) -> int:
    """Tell everybody who wants to know of `event`; how many deliveries were written. Call inside the transaction that did it.

    `happening` names this one (at most 120 characters, unique in the project): said twice, it is told once. `facts`: JSON with a
    `text` for people.
    """
    if event not in EVENTS:
        raise ValueError(f"There is no event {event!r}; there are {', '.join(EVENTS)}.")
    happening = f"{project.pk}:{happening}"[:120]
    now = timezone.now()
    body = {"event": event, "project": {"id": project.pk, "name": project.name}, "at": now.isoformat(), **facts}
    rows = [
        Delivery(project=project, webhook=hook, event=event, body=body, happening=happening, due_at=now)
        for hook in project.webhooks.filter(active=True)
        if not hook.events or event in hook.events
    ]
    members = project.memberships.filter(user__is_active=True).exclude(user__email="").exclude(notices=[]).select_related("user")
    rows += [
        Delivery(project=project, user=member.user, event=event, body=body, happening=happening, due_at=now)
        for member in members
        if event in member.notices
    ]
    if rows:
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(enqueue_due)
    return len(rows)


def enqueue_due() -> None:
    """A job that sends what is due; without Redis `recover` makes it later."""
    try:
        django_rq.get_queue(QUEUE).enqueue("projects.jobs.send_notices", job_timeout=600, result_ttl=0)
    except RedisError as error:
        logger.warning("Redis is away (%s): notices are sent when it is back.", error)


def due(now=None):
    return Delivery.objects.filter(state=State.WAITING, due_at__lte=now or timezone.now())


def send_due(limit: int = 200) -> int:
    """Send what is due, the oldest first; how many attempts were made. Safe in any number of workers at once."""
    n = 0
    for pk in list(due().order_by("due_at", "pk").values_list("pk", flat=True)[:limit]):
        n += _attempt(pk)
    return n


def send_again(delivery: Delivery) -> None:
    """From the first attempt on, at once."""
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(state=State.WAITING, attempts=0, due_at=timezone.now())
        transaction.on_commit(enqueue_due)


def send_test(webhook) -> Delivery:
    with transaction.atomic():
        now = timezone.now()
        body = {"event": "test", "project": {"id": webhook.project_id, "name": webhook.project.name}, "at": now.isoformat()}
        body["text"] = "A test: if you can read this, the address works."
        delivery = Delivery.objects.create(
            project=webhook.project, webhook=webhook, event="test", body=body, due_at=now, happening=f"test:{now.isoformat()}"
        )
        transaction.on_commit(enqueue_due)
    return delivery


def _attempt(pk: int) -> int:
    """One attempt. The claim is a conditional UPDATE: of two workers one sends; a worker that dies is followed in two minutes."""
    now = timezone.now()
    if due(now).filter(pk=pk).update(due_at=now + CLAIM) != 1:
        return 0
    delivery = Delivery.objects.select_related("webhook", "user", "project").get(pk=pk)
    try:
        sent, answer = _send(delivery)
    except Exception as error:  # noqa: BLE001 - the log says what went wrong, and the next one is sent all the same
        sent, answer = False, f"{type(error).__name__}: {error}"
    attempts = delivery.attempts + 1
    fields = {"attempts": attempts, "answer": answer[:300]}
    if sent:
        fields["state"] = State.SENT
    elif attempts >= ATTEMPTS:
        fields["state"] = State.FAILED
    else:
        fields["due_at"] = timezone.now() + DELAYS[attempts - 1]
    Delivery.objects.filter(pk=pk, state=State.WAITING).update(**fields)
    return 1


def _send(delivery: Delivery) -> tuple[bool, str]:
    if delivery.webhook is not None:
        if not delivery.webhook.active:
            return False, "The webhook is switched off."
        return webhooks.post(delivery.webhook.url, delivery.webhook.secret, delivery.pk, delivery.body)
    if not delivery.user.email or not delivery.user.is_active:
        return False, "The person has no e-mail address, or a closed account."
    subject = " ".join(f"{delivery.project.name}: {EVENTS.get(delivery.event, delivery.event)}".split())
    text = f"{delivery.body.get('text', '')}\n\nYou get this because you chose it on your project's page of notices."
    EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [delivery.user.email]).send()
    return True, "Handed to the mail server."
