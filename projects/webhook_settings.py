"""A project's webhooks as its managers keep them; how they are called: projects/webhooks.py."""

from collections.abc import Iterable

from django.db import transaction

from projects import notices, webhooks
from projects.models import Project, User, Webhook

MAX_WEBHOOKS = 20


def chosen_events(names: Iterable[str]) -> list[str]:
    """Of these, the ones that there are, in the order of the page."""
    wanted = set(names)
    return [name for name in notices.EVENTS if name in wanted]


def add_webhook(project: Project, user: User, url: str, events: Iterable[str]) -> Webhook:
    """With a new secret, which is shown once. No events: all of them. Raises webhooks.Refused."""
    url = url.strip()
    if len(url) > 500:
        raise webhooks.Refused("The address has more than 500 characters.")
    webhooks.check_url(url)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if project.webhooks.count() >= MAX_WEBHOOKS:
            raise webhooks.Refused(f"A project has at most {MAX_WEBHOOKS} webhooks: remove one first.")
        secret = webhooks.new_secret()
        return Webhook.objects.create(project=project, url=url, secret=secret, events=chosen_events(events), created_by=user)


def switch_webhook(hook: Webhook, active: bool) -> None:
    Webhook.objects.filter(pk=hook.pk).update(active=active)
    hook.active = active


def choose_notices(project: Project, user: User, events: Iterable[str]) -> list[str] | None:
    """What this member is told by mail from now on; None: they are no member."""
    chosen = chosen_events(events)
    return chosen if project.memberships.filter(user=user).update(notices=chosen) else None
