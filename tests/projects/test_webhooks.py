"""Notices: to real HTTP servers that answer, fail, hang and redirect, and to mailboxes."""

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import django_rq
import pytest
from django.db import transaction
from django.utils import timezone

from annotation import queue
from annotation.queries import ask
from learning.actions import fail_run
from projects import jobs, notices, webhooks
from projects.models import Delivery, Membership, Project, Webhook
from tests.annotation.asking import asked, items_of, running


class Receiver:
    """A server on this machine; `answer` is a status, or "hang"."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict, bytes]] = []
        self.answer: int | str = 200
        self.over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                if receiver.answer == "hang":
                    receiver.over.wait(5)
                    return
                self.send_response(receiver.answer)
                if receiver.answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"thanks")

            do_GET = do_POST

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def receiver(settings):
    settings.ALLOW_PRIVATE_WEBHOOKS = True
    found = Receiver()
    yield found
    found.over.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def hook(project, receiver):
    return Webhook.objects.create(project=project, url=receiver.url, secret="s3cret")


def happened(project, event="run_finished", happening="run 1"):
    with transaction.atomic():
        return notices.notify(project, event, happening, {"text": "Run 1 is finished.", "run": 1})


def later(delivery):
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now())


def test_a_webhook_gets_what_happened_once_and_can_prove_who_sent_it(project, hook, receiver):
    assert happened(project) == 1
    happened(project)
    notices.send_due()
    notices.send_due()
    [(path, headers, body)] = receiver.got
    facts = json.loads(body)
    assert path == "/hook?a=1" and facts["event"] == headers["X-Alambic-Event"] == "run_finished" and facts["run"] == 1
    stamp, given = (part.split("=")[1] for part in headers["X-Alambic-Signature"].split(","))
    assert given == hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert Delivery.objects.get().state == "sent"


def test_only_the_events_that_were_chosen_are_sent(project, hook, receiver):
    Webhook.objects.update(events=["run_failed"])
    assert happened(project) == 0
    Webhook.objects.update(events=[], active=False)
    assert happened(project) == 0


def test_what_is_not_taken_is_tried_again_ever_later_and_given_up(project, hook, receiver):
    receiver.answer = 500
    happened(project)
    waits = []
    for _ in range(notices.ATTEMPTS):
        notices.send_due()
        delivery = Delivery.objects.get()
        waits.append(round((delivery.due_at - timezone.now()) / timedelta(minutes=1)))
        assert notices.send_due() == 0  # not before its time
        later(delivery)
    assert waits[:-1] == [1, 5, 15, 30, 60, 120, 360] and len(receiver.got) == 8
    delivery = Delivery.objects.get()
    assert delivery.state == "failed" and delivery.answer.startswith("500")
    receiver.answer = 204
    notices.send_again(delivery)
    notices.send_due()
    assert Delivery.objects.get().state == "sent"


def test_a_redirect_is_not_followed(project, hook, receiver):
    receiver.answer = 302
    happened(project)
    notices.send_due()
    assert [path for path, _, _ in receiver.got] == ["/hook?a=1"]
    assert "redirects are not followed" in Delivery.objects.get().answer


def test_a_host_that_hangs_is_left(project, hook, receiver, monkeypatch):
    receiver.answer = "hang"
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.2)
    happened(project)
    notices.send_due()
    assert "No answer within 0.2 seconds" in Delivery.objects.get().answer


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1"]
)
def test_a_private_address_is_not_called(project, hook, receiver, settings, host):
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    port = receiver.url.split(":")[2]
    taken, answer = webhooks.post(f"http://{host}:{port}", "s", 1, {})
    assert not taken and ("private" in answer or "not known" in answer) and receiver.got == []


@pytest.mark.parametrize(
    "url", ["ftp://a.org/", "http://", "http://u:p@a.org/", "http://a.org:99999/", "http://a.org/a b", "//a"]
)
def test_an_address_that_cannot_be_called_is_refused(url):
    with pytest.raises(webhooks.Refused):
        webhooks.check_url(url)


def test_mail_goes_to_those_who_chose_it_and_can_still_read_it(project, manager, annotator, colleague, mailoutbox):
    for user, wanted in ((manager, ["run_finished"]), (annotator, ["run_failed"]), (colleague, ["run_finished"])):
        user.email = f"{user.username}@example.org"
        user.save()
        Membership.objects.filter(user=user).update(notices=wanted)
    colleague.is_active = False
    colleague.save()
    happened(project)
    happened(project)
    notices.send_due()
    [mail] = mailoutbox
    assert mail.to == ["manager@example.org"] and "Questions: A run is finished" in mail.subject and "Run 1" in mail.body


def test_what_is_rolled_back_is_told_to_nobody(project, hook):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        notices.notify(project, "run_failed", "x", {"text": "x"})
        1 / 0  # noqa: B018
    assert Delivery.objects.count() == 0


def test_what_is_due_is_sent_even_after_redis_was_lost(project, hook, receiver, redis_server, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        happened(project)
    queue = django_rq.get_queue(notices.QUEUE)
    assert len(queue) == 1
    queue.empty()  # FLUSHALL
    for found in (1, 0):
        with django_capture_on_commit_callbacks(execute=True):
            assert jobs.recover() == found
    [job] = queue.get_jobs()
    job.perform()
    assert len(receiver.got) == 1 and jobs.recover() == 0


def test_a_disagreement_is_told_once_and_a_failed_run_with_its_reason(project, hook, annotator, colleague):
    project.annotators_per_item = 2
    project.save()
    [item] = items_of(project, 1)
    trial = running(project)
    ask(project, trial, 1, asked([item]), wanted=2)
    for user, value in ((annotator, "ham"), (colleague, "spam")):
        queue.lease_next(user, project, 1)
        queue.submit(user, project, item=item.pk, value=value, token=user.username)
    queue.undo(colleague, project)
    queue.submit(colleague, project, item=item.pk, value="spam", token="again")
    fail_run(trial.run, "No memory.", "")
    found = {row.event: row.body["text"] for row in Delivery.objects.all()}
    assert item.key in found.pop("disagreement") and "No memory." in found.pop("run_failed")
    assert Delivery.objects.filter(event="disagreement").count() == 1


def test_whoever_waits_for_the_end_of_a_batch_is_told(project, hook, annotator):
    items = items_of(project, 2)
    trial = running(project)
    ask(project, trial, 1, asked(items), wanted=1)
    for item in items:
        queue.lease_next(annotator, project, 1)
        queue.submit(annotator, project, item=item.pk, value="ham", token=item.key)
    [row] = Delivery.objects.filter(event="batch_done")
    assert "batch 1 is labelled" in row.body["text"] and row.body["run"]["id"] == trial.run_id


def test_a_member_chooses_mails_and_a_manager_adds_tests_and_removes_a_webhook(project, receiver, manager, viewer, browse):
    url = f"/projects/{project.pk}/notices/"
    browse(viewer).post(url, {"action": "mine", "events": ["run_failed", "nonsense"]})
    assert viewer.memberships.get().notices == ["run_failed"]
    page = browse(manager).post(url, {"action": "add", "url": receiver.url, "events": ["disagreement"]}).content.decode()
    hook = project.webhooks.get()
    assert hook.events == ["disagreement"] and hook.secret in page
    assert hook.secret not in browse(manager).get(url).content.decode()
    assert receiver.url not in browse(viewer).get(url).content.decode()
    browse(manager).post(url, {"action": "test", "pk": hook.pk})
    notices.send_due()
    assert json.loads(receiver.got[0][2])["event"] == "test"
    assert "200 OK" in browse(manager).get(url).content.decode()
    browse(manager).post(url, {"action": "again", "pk": Delivery.objects.get().pk})
    notices.send_due()
    assert len(receiver.got) == 2
    refused = browse(manager).post(url, {"action": "add", "url": "ftp://x"})
    assert refused.status_code == 400 and "begins with https" in refused.content.decode()
    browse(manager).post(url, {"action": "remove", "pk": hook.pk})
    assert project.webhooks.count() == 0


def test_a_webhook_of_another_project_is_not_there(project, hook, manager, browse):
    other = Project.objects.create(name="Other")
    Webhook.objects.update(project=other)
    url = f"/projects/{project.pk}/notices/"
    assert browse(manager).post(url, {"action": "remove", "pk": hook.pk}).status_code == 404
    assert Webhook.objects.count() == 1
