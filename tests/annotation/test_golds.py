"""Items whose answer is known, mixed in unseen: they measure people, and change nothing else."""

from collections import Counter

import pytest

from annotation import golds, queue
from annotation.models import Annotation, Assignment, Gold, Query, Verdict
from annotation.queries import ask
from learning.waiting import must_wait
from projects.models import Membership
from tests.annotation.asking import asked, items_of, running
from tests.annotation.test_concurrency import at_once, people


def known(project, n, label="ham"):
    """Items with an imported label, all of them gold."""
    items = items_of(project, n, "gold")
    value = project.labels.get(name=label).pk
    Verdict.objects.bulk_create(Verdict(project=project, item=item, value=value, source="imported") for item in items)
    golds.mark(project, project.items.filter(pk__in=[item.pk for item in items]), None)
    return {item.pk for item in items}


def mixed(project, share=0.3, n=60, n_gold=30):
    """A run that asks for `n` items, and gold beside it."""
    project.gold_share = share
    project.save()
    gold = known(project, n_gold)
    trial = running(project)
    ask(project, trial, 1, asked(items_of(project, n)), wanted=1)
    return gold, trial


def work(user, project, n, count=1, value="spam"):
    """Label `n` items as they come; which ones."""
    done = []
    while len(done) < n and (leased := queue.lease_next(user, project, count)):
        for place in leased:
            token = f"{user.pk}-{place.item_id}"
            queue.submit(user, project, assignment=place, value=value, token=token)
            done.append(place.item_id)
    return done


def test_about_the_chosen_share_of_everybodys_items_is_gold_and_never_one_twice(project, annotator):
    gold, _ = mixed(project, n=90)
    done = work(annotator, project, 80)
    assert len(set(done)) == len(done)
    assert 12 <= sum(pk in gold for pk in done) <= 36  # 80 draws of 0.3: four standard errors
    assert Annotation.objects.filter(gold=True).count() == sum(pk in gold for pk in done)


def test_gold_changes_no_verdict_and_closes_no_query(project, annotator):
    gold, trial = mixed(project, share=0.5)
    done = work(annotator, project, 20)
    n_gold = sum(pk in gold for pk in done)
    assert n_gold
    assert set(Verdict.objects.filter(item__in=gold, current=True).values_list("source", flat=True)) == {"imported"}
    assert Query.objects.filter(status="answered").count() == 20 - n_gold
    assert must_wait(trial).answered == 20 - n_gold


def test_nothing_tells_gold_from_the_others(project, annotator, api):
    gold, _ = mixed(project, share=0.5)
    url = f"/api/projects/{project.pk}/"
    said = api(annotator).post(f"{url}next/", {"count": 20}, format="json").json()
    assert 1 < sum(row["item"] in gold for row in said) < 19
    assert {(tuple(sorted(row)), row["purpose"]) for row in said} == {(tuple(sorted(said[0])), "query")}
    assert all("by margin, round" in row["why"] for row in said)
    again = api(annotator).post(f"{url}next/", {"count": 20}, format="json").json()
    assert {row["item"] for row in again} == {row["item"] for row in said}
    for row in said:
        body = {"assignment": row["assignment"], "value": "ham", "token": f"t{row['item']}"}
        assert api(annotator).post(f"{url}annotations/", body, format="json").json()["outcome"] == "stored"
    listed = api(annotator).get(f"{url}annotations/").json()["results"]
    assert {(tuple(sorted(row)), row["purpose"]) for row in listed} == {(tuple(sorted(listed[0])), "query")}


def test_a_page_that_is_loaded_again_shows_the_same_gold(project, annotator):
    gold, _ = mixed(project, share=0.5)
    first = [a.item_id for a in queue.lease_next(annotator, project, 10)]
    queue.release(annotator, project)
    again = [a.item_id for a in queue.lease_next(annotator, project, 10)]
    assert [pk for pk in first if pk in gold] == [pk for pk in again if pk in gold]


def test_gold_that_is_undone_or_changed_or_skipped_stays_gold(project, annotator):
    gold, _ = mixed(project, share=0.5)
    places = [a for a in queue.lease_next(annotator, project, 20) if a.item_id in gold]
    first, second = places[:2]
    queue.submit(annotator, project, assignment=first, value="spam", token="a")
    assert queue.undo(annotator, project).item_id == first.item_id
    assert first.item_id in [a.item_id for a in queue.lease_next(annotator, project, 20)]
    queue.submit(annotator, project, assignment=first, value="ham", token="b")
    assert queue.submit(annotator, project, item=first.item_id, value="spam", token="c").outcome == "changed"
    queue.skip(annotator, project, assignment=second, token="d")
    assert all(Annotation.objects.values_list("gold", flat=True))
    assert Verdict.objects.filter(current=True, source="people").count() == 0


def test_gold_answered_after_its_lease_was_given_back_still_changes_nothing(project, annotator):
    gold, _ = mixed(project, share=0.5)
    place = next(a for a in queue.lease_next(annotator, project, 20) if a.item_id in gold)
    queue.release(annotator, project)
    queue.submit(annotator, project, item=place.item_id, value="spam", token="late")
    assert Annotation.objects.get().gold
    assert Verdict.objects.get(item=place.item_id, current=True).source == "imported"


def test_answers_to_gold_do_not_count_when_the_item_is_really_asked(project, annotator, colleague):
    gold, trial = mixed(project, share=0.5)
    place = next(a for a in queue.lease_next(annotator, project, 20) if a.item_id in gold)
    queue.submit(annotator, project, assignment=place, value="spam", token="a")
    ask(project, trial, 2, asked([place.item]), wanted=1)
    queue.submit(colleague, project, item=place.item, value="ham", token="b")
    verdict = Verdict.objects.get(item=place.item, current=True)
    assert (verdict.value, verdict.source) == (project.labels.get(name="ham").pk, "people")


def test_training_items_are_never_mixed_in_and_without_work_there_is_no_gold(project, annotator):
    gold, _ = mixed(project, share=0.5)
    Gold.objects.update(training=True)
    assert not gold & set(work(annotator, project, 30))
    Gold.objects.update(training=False)
    Query.objects.update(status="withdrawn")
    assert queue.lease_next(annotator, project, 5) == []


def test_gold_is_marked_by_a_column_and_what_is_no_answer_is_named(project, manager, api):
    items = items_of(project, 4)
    for item, value in zip(items, ["ham", "spam", "eggs", ""], strict=True):
        item.metadata = {"truth": value}
        item.save()
    url = f"/api/projects/{project.pk}/golds/"
    said = api(manager).post(url, {"filter": {}, "column": "truth"}, format="json").json()
    assert said == {"marked": 2, "without_answer": 0, "unknown": {"eggs": 1}}
    assert [row["value"] for row in api(manager).get(url).json()["results"]] == ["ham", "spam"]
    assert api(manager).delete(url, {"items": [items[0].pk]}, format="json").json() == {"removed": 1}


def test_an_item_without_a_verdict_cannot_be_gold_by_its_verdict(project, manager, api):
    item = items_of(project, 1)[0]
    said = api(manager).post(f"/api/projects/{project.pk}/golds/", {"items": [item.pk]}, format="json").json()
    assert (said["marked"], said["without_answer"]) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_with_overlap_reservations_and_gold_at_once_nobody_is_asked_twice_nor_an_item_too_often(project):
    from annotation import handing_out

    project.annotators_per_item, project.overlap = 2, 0.5
    gold, _ = mixed(project, share=0.3, n=40)
    users = people(project, 4)
    asked_items = project.items.exclude(pk__in=gold).order_by("pk")
    handing_out.reserve(project, project.items.filter(pk__in=list(asked_items.values_list("pk", flat=True)[:10])), users[:2])
    # Two tabs of each of four people.
    done = at_once(8, lambda i: work(users[i // 2], project, 12, count=3))
    held = Assignment.objects.filter(slot__isnull=False).exclude(item__in=gold)
    wanted = dict(Query.objects.values_list("item_id", "wanted"))
    assert all(n <= wanted[pk] for pk, n in Counter(held.values_list("item_id", flat=True)).items())
    current = Annotation.objects.filter(current=True).values_list("item_id", "user_id")
    assert len(current) == len(set(current))
    assert not Annotation.objects.filter(gold=True).exclude(item__in=gold).exists()
    assert not Annotation.objects.filter(gold=False, item__in=gold).exists()
    assert any(set(mine) & gold for mine in done)
    assert Membership.objects.count() == 4
