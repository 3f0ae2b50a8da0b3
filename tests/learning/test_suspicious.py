"""Labels that a model contradicts: what is found, what people make of it, and what a lost worker leaves."""

import django_rq
import pytest
from django.test import TestCase
from django.utils import timezone

from annotation.models import Verdict
from learning import recovery, suspicious
from learning.models import Suspicion, SuspicionSearch
from projects import leases
from projects.models import Project
from tests.learning.runs import fill


def url(project: Project, item: int | None = None) -> str:
    return f"/api/projects/{project.pk}/suspicious/" + (f"{item}/" if item else "")


def jobs():
    return django_rq.get_queue(suspicious.QUEUE)


def begun(project: Project, user) -> SuspicionSearch:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return suspicious.start(project, user)


def look(project: Project, user) -> SuspicionSearch:
    search = begun(project, user)
    suspicious.look(search.pk)
    search.refresh_from_db()
    assert search.status == "finished", search.error
    return search


def listed(project: Project) -> list[int]:
    return list(suspicious.waiting(project).values_list("item", flat=True))


def holds(item: int) -> tuple[int, str]:
    return Verdict.objects.values_list("value", "source").get(item=item, current=True)


@pytest.fixture
def flipped(project) -> set[int]:
    """200 imported texts of two classes; the ids of every tenth, whose label is the other one's."""
    fill(project)
    ham, spam = project.labels.order_by("position").values_list("pk", flat=True)
    wrong = list(project.items.order_by("pk"))[::10]
    for item in wrong:
        item.known = spam if item.known == ham else ham
        Verdict.objects.filter(item=item).update(value=item.known)
    project.items.bulk_update(wrong, ["known"])
    return {item.pk for item in wrong}


def test_most_labels_that_were_flipped_are_found_and_first(project, flipped, manager, api):
    assert api(manager).get(url(project)).json()["search"] is None
    search = look(project, manager)
    found = api(manager).get(url(project)).json()
    items = [row["item"] for row in found["results"]]
    assert len(flipped & set(items)) >= 14 and len(items) <= 30  # of 20, with a tenth of the texts hard to tell
    assert len(flipped & set(items[:10])) >= 9
    assert (search.n_labels, found["search"]["n_all"]) == (200, 200) and 0.05 < search.noise < 0.25
    row = found["results"][0]
    assert row["label"] != row["suggested"] and row["probability"] > row["own_probability"] and row["people"] == []


def test_what_is_called_right_stays_away_until_it_has_another_label(project, flipped, manager, reviewer, api):
    look(project, manager)
    first = listed(project)[0]
    old, _ = holds(first)
    assert api(reviewer).post(url(project, first), {"action": "right"}, format="json").status_code == 200
    assert first not in listed(project)
    assert api(reviewer).post(url(project, first), {"action": "right"}, format="json").status_code == 409
    look(project, manager)
    assert first not in listed(project) and Suspicion.objects.get(item=first, value=old).right_by == reviewer


def test_a_label_that_changed_since_is_gone(project, flipped, manager, browse):
    look(project, manager)
    first = listed(project)[0]
    value, _ = holds(first)
    other = project.labels.exclude(pk=value).get()
    browse(manager).post(f"/projects/{project.pk}/items/{first}/settle/", {"value": other.name})
    assert holds(first) == (other.pk, "adjudicated") and first not in listed(project)


def test_a_killed_worker_is_replaced_once_and_then_the_search_is_over(project, flipped, manager):
    search = begun(project, manager)

    def killed() -> int:
        silent = timezone.now() - 2 * leases.STALE_AFTER
        SuspicionSearch.objects.update(worker="dead", heartbeat_at=silent)
        with TestCase.captureOnCommitCallbacks(execute=True):
            jobs().empty()
            return recovery.recover()

    assert recovery.recover() == 0  # its job stands in the queue
    killed()
    search.refresh_from_db()
    assert search.status == "running" and jobs().count == 1
    killed()
    search.refresh_from_db()
    assert search.status == "failed" and "lost" in search.error
    assert jobs().count == 0
    look(project, manager)  # it can be started again


def test_one_search_at_a_time_and_redis_may_forget_its_job(project, flipped, manager, api):
    assert api(manager).post(url(project)).status_code == 202
    again = api(manager).post(url(project))
    assert again.status_code == 409 and "under way" in again.json()["detail"]
    jobs().connection.flushdb()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert recovery.recover() == 1
    assert jobs().count == 1


def test_too_few_labels_and_other_tasks_are_refused_in_a_sentence(project, manager, api):
    fill(project, 10)
    assert "there are 10, and 20 are the least" in api(manager).post(url(project)).json()["detail"]
    project.task = "multiple"
    project.save()
    refused = api(manager).post(url(project))
    assert refused.status_code == 409 and "one label" in refused.json()["detail"]


def test_with_one_label_alone_the_search_says_what_is_wanting(project, manager, api):
    fill(project, 30)
    Verdict.objects.update(value=project.labels.first().pk)
    suspicious.look(begun(project, manager).pk)
    found = api(manager).get(url(project)).json()
    assert found["search"]["status"] == "failed" and "30 of 1" in found["search"]["error"]
