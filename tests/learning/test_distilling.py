"""/distilling/ and the page of one run: who sees what, what it says, and what the buttons do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Assignment, Purpose
from learning.models import Event, Run, Trial
from learning.state import live
from learning.waiting import must_wait
from projects.models import Project
from tests.learning.conftest import add_round, answer, ask


@pytest.fixture
def in_queries():
    """How many SQL queries one GET takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(client, url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    return count


def state_of(run: Run) -> dict:
    return live([Run.objects.select_related("project").get(pk=run.pk)])[run.pk]


# --- Who sees what


@pytest.mark.parametrize(
    "person, status", [("manager", 200), ("annotator", 200), ("viewer", 200), ("outsider", 404), ("admin_user", 200)]
)
@pytest.mark.parametrize("page", ["", "state/", "results/", "download/metrics.csv"])
def test_members_see_a_run_and_strangers_do_not(make_run, browse, request, person, status, page):
    run = make_run()
    assert browse(request.getfixturevalue(person)).get(f"/distilling/{run.pk}/{page}").status_code == status


@pytest.mark.parametrize(
    "page", ["/distilling/", "/distilling/1/", "/distilling/1/state/", "/distilling/1/results/", "/projects/1/runs/"]
)
def test_nobody_is_sent_to_log_in(client, db, page):
    response = client.get(page)
    assert response.status_code == 302 and response["Location"].startswith("/login/")


def test_distilling_lists_the_runs_of_my_projects_only(make_run, browse, annotator, outsider):
    make_run(name="Mails by margin")
    assert "Mails by margin" in browse(annotator).get("/distilling/").content.decode()
    assert "Mails by margin" not in browse(outsider).get("/distilling/").content.decode()


@pytest.mark.parametrize("person, status", [("annotator", 403), ("viewer", 403), ("outsider", 404), ("manager", 302)])
def test_only_managers_control_a_run(make_run, browse, request, person, status):
    run = make_run()
    assert browse(request.getfixturevalue(person)).post(f"/distilling/{run.pk}/pause/").status_code == status
    run.refresh_from_db()
    assert run.status == ("paused" if status == 302 else "running")


def test_a_button_is_never_a_link(make_run, browse, manager):
    run = make_run()
    assert browse(manager).get(f"/distilling/{run.pk}/stop/").status_code == 405
    assert browse(manager).post(f"/distilling/{run.pk}/explode/").status_code == 404


def test_a_late_click_is_answered_with_a_sentence(make_run, browse, manager):
    run = make_run(status="finished", phase="finished")
    page = browse(manager).post(f"/distilling/{run.pk}/pause/", follow=True).content.decode()
    assert "The run is finished; it cannot be paused." in page


@pytest.mark.parametrize(
    "status, phase, offered",
    [
        ("draft", "preparing", {"start", "delete"}),
        ("running", "training", {"pause", "stop"}),
        ("paused", "waiting", {"resume", "stop"}),
        ("failed", "failed", {"retry"}),
        ("finished", "finished", set()),
    ],
)
def test_the_buttons_are_those_that_the_status_allows(make_run, browse, manager, viewer, status, phase, offered):
    run = make_run(status=status, phase=phase)
    page = browse(manager).get(f"/distilling/{run.pk}/").content.decode()
    names = {name for name in ("start", "pause", "resume", "stop", "retry", "delete") if f"/distilling/{run.pk}/{name}/" in page}
    assert names == offered
    assert 'method="post" action="/distilling/' not in browse(viewer).get(f"/distilling/{run.pk}/").content.decode()


def test_label_now_is_for_those_who_may_label_and_while_something_is_asked(make_run, browse, annotator, viewer, items):
    run = make_run()
    link = f"/projects/{run.project_id}/label/"
    assert "Label now" not in browse(annotator).get(f"/distilling/{run.pk}/").content.decode()
    ask(run, items[:2])
    assert link in browse(annotator).get(f"/distilling/{run.pk}/").content.decode()
    assert "Label now" not in browse(viewer).get(f"/distilling/{run.pk}/").content.decode()


# --- What it says


def test_labels_so_far_count_answers_that_the_learner_has_not_read_yet(make_run, items, annotator, project):
    run = make_run(rounds=2)
    queries = ask(run, items[10:14]) + ask(run, items[14:16], purpose=Purpose.TEST)
    assert (state_of(run)["labels"], state_of(run)["goal"]) == (10, 20)
    answer(queries[0], annotator, project.labels.first())
    answer(queries[4], annotator, project.labels.first())  # a test item teaches nothing
    assert state_of(run)["labels"] == 11


@pytest.mark.parametrize(
    "mode, oracle, rounds",
    [("continuous", "people", 2), ("strict", "people", 2), ("continuous", "known", 2), ("strict", "people", 0)],
)
@pytest.mark.parametrize("n_answers", [0, 1, 3, 4])
def test_the_page_waits_for_what_the_loop_waits_for(make_run, items, annotator, project, mode, oracle, rounds, n_answers):
    run = make_run(rounds=rounds, configuration={"mode": mode, "oracle": oracle})
    queries = ask(run, items[10:14], purpose=Purpose.QUERY if rounds else Purpose.SEED)
    if rounds:
        ask(run, items[20:24], in_batch=False)
    for query in queries[:n_answers]:
        answer(query, annotator, project.labels.first())
    wait = must_wait(Trial.objects.select_related("run").get(run=run))
    found = state_of(run)["waiting"]
    assert found == (None if wait is None else {"answered": wait.answered, "needed": wait.needed, "what": wait.what})


def test_the_pool_is_what_is_labelled_asked_and_left(make_run, items):
    run = make_run(rounds=2)
    ask(run, items[10:14])
    ask(run, items[14:17], purpose=Purpose.TEST)
    assert state_of(run)["pool"] == {"size": 40, "labeled": 10, "asked": 4, "left": 26, "test": 10}


def test_who_is_labelling_now_is_who_did_something_in_the_last_minutes(make_run, items, annotator, colleague, reviewer, project):
    run = make_run()
    queries = ask(run, items[10:14])
    answer(queries[0], annotator, project.labels.first())
    for query, user, minutes in ((queries[1], colleague, 19), (queries[2], reviewer, 2)):  # the reviewer went for lunch
        until = timezone.now() + timedelta(minutes=minutes)
        Assignment.objects.create(query=query, item=query.item, user=user, slot=0, leased_until=until)
    assert state_of(run)["people"] == [{"name": "annotator", "answers": 1}, {"name": "colleague", "answers": 0}]


def test_no_worker_is_said_where_one_is_needed(make_run, browse, viewer):
    make_run(status="finished", phase="finished")
    client = browse(viewer)
    assert "No worker is running" not in client.get("/distilling/").content.decode()
    run = make_run(status="queued", phase="preparing")
    assert "No worker is running" in client.get("/distilling/").content.decode()
    assert "No worker is running" in client.get(f"/distilling/{run.pk}/").content.decode()


def test_a_silent_worker_is_said(make_run, browse, viewer):
    run = make_run(phase="training")
    Trial.objects.filter(run=run).update(worker="gone", heartbeat_at=timezone.now() - timedelta(minutes=1))
    assert "worker lost" in browse(viewer).get("/distilling/").content.decode()
    assert "no sign of life" in browse(viewer).get(f"/distilling/{run.pk}/").content.decode()


def test_a_failure_shows_its_reason_to_all_and_its_traceback_to_managers(make_run, browse, manager, viewer):
    run = make_run(status="failed", phase="failed", error="The disk is full: free some space.", traceback="Traceback: line 12")
    page = browse(manager).get(f"/distilling/{run.pk}/").content.decode()
    assert "The disk is full" in page and "line 12" in page
    page = browse(viewer).get(f"/distilling/{run.pk}/").content.decode()
    assert "The disk is full" in page and "line 12" not in page


def test_what_people_wrote_is_text_on_the_page(make_run, browse, viewer):
    run = make_run(name="<script>alert(1)</script>")
    Event.objects.create(run=run, message="<b>bold</b>")
    for page in ("/distilling/", f"/distilling/{run.pk}/", f"/distilling/{run.pk}/results/"):
        text = browse(viewer).get(page).content.decode()
        assert "<script>alert" not in text and "<b>bold" not in text


# --- Polling


def test_distilling_costs_the_same_queries_for_one_run_as_for_ten(
    make_run, browse, viewer, items, in_queries, annotator, project
):
    answer(ask(make_run(), items[:1])[0], annotator, project.labels.first())
    client = browse(viewer)
    client.get("/distilling/")
    one = in_queries(client, "/distilling/")
    for _ in range(9):
        make_run()
    assert in_queries(client, "/distilling/") == one
    assert one <= 14


def test_the_list_is_sent_again_only_when_something_changed(make_run, browse, viewer):
    run = make_run()
    client = browse(viewer)
    version = client.get("/distilling/").context["version"]
    assert client.get(f"/distilling/?version={version}").status_code == 204
    Trial.objects.filter(run=run).update(phase="training")
    answer = client.get(f"/distilling/?version={version}")
    assert answer.status_code == 200
    assert "Training" in answer.content.decode() and "<html" not in answer.content.decode()


def test_only_new_rounds_travel(make_run, browse, viewer):
    run = make_run(rounds=2)
    client = browse(viewer)
    first = client.get(f"/distilling/{run.pk}/state/").json()
    assert [row["round"] for row in first["rounds"]] == [1, 2]
    url = f"/distilling/{run.pk}/state/?since=2&version={first['version']}"
    assert client.get(url).status_code == 204
    add_round(run.trials.get(), 3)
    Trial.objects.filter(run=run).update(round_number=3, n_labeled=14)
    news = client.get(url).json()
    assert [row["round"] for row in news["rounds"]] == [3]
    assert news["state"]["round"] == 3 and "of 20" in news["panels"]["facts"]


def test_what_is_over_is_paged_and_what_runs_is_not(make_run, browse, viewer):
    for _ in range(27):
        make_run(rounds=0, status="finished", phase="finished")
    make_run(name="the live one")
    client = browse(viewer)
    for page in (1, 2):
        response = client.get(f"/distilling/?page={page}")
        assert "the live one" in response.content.decode()
        assert len(response.context["over"]) == (25 if page == 1 else 2)


def test_a_projects_list_has_its_own_runs_only(make_run, browse, manager, project):
    make_run(name="mine")
    other = Project.objects.create(name="Other")
    Run.objects.create(project=other, name="foreign")
    page = browse(manager).get(f"/projects/{project.pk}/runs/").content.decode()
    assert "mine" in page and "foreign" not in page and "New run" in page
