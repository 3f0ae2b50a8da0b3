"""Labels that a model contradicts: what is found, what people make of it, and what a lost worker leaves."""

import django_rq
import pytest
from django.test import TestCase
from django.utils import timezone

from annotation import queue, rechecking
from annotation.models import Purpose, Query, Verdict
from annotation.reasons import why
from annotation.review import waiting
from annotation.verdicts import adjudicate
from learning import recovery, suspicious
from learning.models import Suspicion, SuspicionSearch
from projects import leases
from projects.models import Item, Project
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


def answered(project: Project, user) -> list[int]:
    """The two labels that are contradicted most are this person's answers from now on."""
    look(project, user)
    names = dict(project.labels.values_list("pk", "name"))
    items = listed(project)[:2]
    for rank, item in enumerate(items, 1):
        Query.objects.create(project=project, item_id=item, round_number=0, purpose=Purpose.PLAIN, rank=rank)
    for lease in queue.lease_next(user, project, 2):
        value = names[holds(lease.item_id)[0]]
        queue.submit(user, project, assignment=lease, value=value, token=f"{lease.item_id}")
    assert {holds(item)[1] for item in items} == {"people"}
    return items


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
    assert row["source"] == "imported"


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


def test_an_imported_label_counts_beside_the_new_answers(project, flipped, manager, annotator, colleague, api):
    look(project, manager)
    first, second = listed(project)[:2]
    old, _ = holds(first)
    label = project.labels.exclude(pk=old).get()
    assert api(manager).post(url(project, first), {"action": "ask"}, format="json").status_code == 200
    assert api(manager).post(url(project, first), {"action": "ask"}, format="json").status_code == 409
    (lease,) = queue.lease_next(annotator, project, 1)
    assert lease.item_id == first and "Another opinion" in why(lease.query)
    queue.submit(annotator, project, assignment=lease, value=label.name, token="1")
    assert holds(first) == (old, "imported") and first in listed(project)  # one against one
    (lease,) = queue.lease_next(colleague, project, 1)
    assert lease.item_id == first
    queue.submit(colleague, project, assignment=lease, value=label.name, token="2")
    assert holds(first) == (label.pk, "people") and first not in listed(project)


def test_nobody_left_after_one_against_one_a_reviewer_settles_it(project, flipped, annotator, reviewer, browse):
    look(project, annotator)
    first = listed(project)[0]
    old, _ = holds(first)
    project.memberships.filter(user=reviewer).update(paused_at=timezone.now())  # decides, and labels nothing
    assert rechecking.ask_again(project, [first]) == 1
    other = project.labels.exclude(pk=old).get().name
    queue.submit(annotator, project, item=first, value=other, token="1")
    assert holds(first) == (old, "imported")
    assert list(waiting(project, "disputed").values_list("pk", flat=True)) == [first]
    page = browse(reviewer).get(f"/projects/{project.pk}/review/").content.decode()
    assert f"imported as “{project.labels.get(pk=old).name}”" in page


def test_what_people_answered_is_asked_of_others_and_is_gone_when_they_confirm_it(
    project, flipped, manager, annotator, colleague, reviewer, api
):
    items = answered(project, annotator)
    look(project, manager)
    found = {row["item"]: row for row in api(manager).get(url(project)).json()["results"]}
    assert found[items[0]]["people"] == ["annotator"] and not found[items[0]]["asked"]
    assert rechecking.ask_again(project, items) == 2
    assert not {lease.item_id for lease in queue.lease_next(annotator, project, 5)} & set(items)
    leases = {lease.item_id: lease for lease in queue.lease_next(colleague, project, 2)}
    assert set(leases) == set(items)
    queue.submit(colleague, project, assignment=leases[items[0]], value=found[items[0]]["label"], token="same")
    queue.submit(colleague, project, assignment=leases[items[1]], value=found[items[1]]["suggested"], token="other")
    queue.submit(reviewer, project, item=items[1], value=found[items[1]]["suggested"], token="other too")
    assert holds(items[0])[0] == Item.objects.get(pk=items[0]).known  # two say the same
    assert holds(items[1])[0] != Item.objects.get(pk=items[1]).known  # two against one
    assert not set(items) & set(listed(project))
    look(project, manager)
    assert items[0] not in listed(project)  # people were asked about it, and have answered


def test_the_first_of_the_list_are_asked_in_one_go_and_settled_ones_left_out(project, flipped, manager, annotator, api):
    look(project, manager)
    first, second, third = listed(project)[:3]
    adjudicate(manager, project, Item.objects.get(pk=first), holds(first)[0])
    assert api(manager).post(url(project), {"ask_first": 2}, format="json").json()["message"].startswith("2 items are asked")
    assert set(Query.objects.filter(project=project).values_list("item", flat=True)) == {second, third}
    assert "reviewer" in api(manager).post(url(project, first), {"action": "ask"}, format="json").json()["detail"]


def test_where_names_are_hidden_a_reviewer_sees_letters(project, flipped, reviewer, annotator, api):
    item, _ = answered(project, annotator)
    project.hide_names = True
    project.save()
    look(project, reviewer)
    (row,) = [row for row in api(reviewer).get(url(project)).json()["results"] if row["item"] == item]
    assert row["people"][0].startswith("Person ")
