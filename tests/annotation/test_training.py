"""Before real work: training items with their answers, then a test. What is answered there is no annotation."""

import pytest

from annotation import golds, queue, training
from annotation.models import Annotation, Gold, Verdict
from annotation.queries import ask
from annotation.verdicts import eligible
from projects.models import Membership
from tests.annotation.asking import asked, items_of, running
from tests.annotation.test_concurrency import at_once, people


@pytest.fixture
def course(project):
    """3 training items and 6 of gold (all "ham"), a test of 4 with 3 right, two tries; and real work behind it."""
    items = items_of(project, 9, "gold")
    ham = project.labels.get(name="ham").pk
    Verdict.objects.bulk_create(Verdict(project=project, item=item, value=ham, source="imported") for item in items)
    golds.mark(project, project.items.all(), None)
    golds.share_out(project, 3)
    project.training = {"shown": 3, "test": 4, "pass_mark": 0.75, "tries": 2}
    project.save()
    ask(project, running(project), 1, asked(items_of(project, 5)), wanted=1)
    return project


class Person:
    """Labels by REST, as the page does."""

    def __init__(self, project, client):
        self.url, self.client, self.n = f"/api/projects/{project.pk}/", client, 0

    def next(self, count=50):
        return self.client.post(f"{self.url}next/", {"count": count}, format="json").json()

    def send(self, item, value="ham", *, token=None, **more):
        self.n += 1
        body = {"item": item, "value": value, "token": token or f"t{self.n}", "next": 4} | more
        return self.client.post(f"{self.url}annotations/", body, format="json")

    def answer(self, *values):
        """The next items, one after the other; what was said after the last one."""
        for value in values:
            said = self.send(self.next(1)[0]["item"], value).json()
        return said["training"]

    def empty(self):
        return self.client.get(f"{self.url}progress/?empty=true").json()["empty"]


@pytest.fixture
def person(course, annotator, api):
    return Person(course, api(annotator))


def test_a_new_person_learns_with_the_right_answers_then_is_tested_without_and_then_works(course, annotator, person):
    first = person.next()
    assert [row["purpose"] for row in first] == ["training"] * 3
    assert first[0]["why"] == "Item 1 of 3: the right answer is shown after yours."
    Verdict.objects.filter(item=first[0]["item"]).update(comment="It is pink.")
    said = person.send(first[0]["item"], "spam").json()
    assert (said["outcome"], said["training"]["right"], said["training"]["answer"]) == ("training", False, "ham")
    assert said["training"]["explanation"] == "It is pink."
    assert [row["item"] for row in said["next"]] == [row["item"] for row in first[1:]]
    told = person.answer("ham", "ham")
    assert (told["right"], told["result"]["title"]) == (True, "Now the test")
    test = person.next()
    assert [row["purpose"] for row in test] == ["qualification"] * 4
    assert not {row["item"] for row in test} & {row["item"] for row in first}
    told = person.answer("spam", "ham", "ham")
    assert (told["right"], told["answer"], told["result"]) == (None, None, None)
    told = person.answer("ham")
    assert told["result"]["passed"] and "3 of 4 were right" in told["result"]["text"]
    assert {row["purpose"] for row in person.next()} == {"query"}
    assert Membership.objects.get(user=annotator).qualified_at


def test_what_is_answered_in_the_training_counts_nowhere(course, annotator, manager, api, person):
    person.answer(*["ham"] * 6)
    facts = api(annotator).get(f"{person.url}progress/").json()
    assert (facts["mine_today"], facts["mine_total"], facts["batch"]["answered"]) == (0, 0, 0)
    assert api(manager).get(f"{person.url}annotations/").json()["count"] == 0
    assert not Annotation.objects.filter(current=True).exists()
    assert set(Verdict.objects.values_list("source", flat=True)) == {"imported"}
    assert queue.undo(annotator, course) is None


def test_who_fails_tries_again_with_other_items_and_after_the_last_try_a_manager_decides(course, annotator, manager, api, person):
    person.answer("ham", "ham", "ham")
    first = {row["item"] for row in person.next()}
    told = person.answer("ham", "ham", "spam", "spam")
    assert (told["result"]["passed"], told["result"]["tries_left"]) == (False, 1)
    assert "2 of 4 were right; 3 are needed. You have one more try" in told["result"]["text"]
    person.answer("ham", "ham", "ham")
    second = [row["item"] for row in person.next()]
    assert len(set(second) - first) == 2  # all that there are: 6 of gold
    assert "Try 2 of 2" in person.next()[0]["why"]
    told = person.answer("spam", "spam", "ham", "ham")
    assert told["result"]["tries_left"] == 0
    assert person.next() == []
    assert "let you try again, or let you in" in person.empty()["text"]
    url = f"{person.url}training/"
    assert api(manager).get(url).json()[0]["state"] == "try 2 of 2: 2 of 4 right"
    api(manager).post(url, {"user": "annotator", "qualified": False}, format="json")
    assert person.next()[0]["why"].startswith("Item 1 of 3")
    api(manager).post(url, {"user": "annotator", "qualified": True}, format="json")
    assert {row["purpose"] for row in person.next()} == {"query"}


def test_nobody_gets_real_items_before_whatever_their_role(course, manager, reviewer, api):
    for user in (manager, reviewer):
        assert queue.lease_next(user, course, 5) == []
        assert {row["purpose"] for row in Person(course, api(user)).next()} == {"training"}


def test_a_real_item_cannot_be_answered_before_but_one_on_the_screen_when_it_was_switched_on_can(course, annotator, person):
    real = course.items.exclude(gold__isnull=False)
    refused = person.send(real[0].pk)
    assert refused.status_code == 400 and "First the training" in refused.json()["item"][0]
    wish, course.training = course.training, {}
    course.save()
    held = queue.lease_next(annotator, course, 1)[0]
    course.training = wish
    course.save()
    assert person.send(held.item_id, assignment=held.pk).json()["outcome"] == "stored"
    assert person.send(held.item_id, "spam").json()["outcome"] == "changed"
    assert Verdict.objects.filter(item=held.item_id, current=True).exists()


def test_an_answer_sent_twice_counts_once_also_the_last_one_of_the_test(course, annotator, person):
    first = person.next()[0]["item"]
    told = person.send(first, token="a").json()["training"]
    assert person.send(first, token="a").json()["training"] == told
    assert person.send(first, "spam", token="b").json()["training"]["stale"]  # another tab: the first answer stands
    person.answer("ham", "ham", "ham", "ham", "ham")
    last = person.next()[0]["item"]
    told = person.send(last, token="z").json()["training"]
    assert told["result"]["passed"]
    assert person.send(last, token="z").json()["training"] == told
    assert Annotation.objects.count() == 7
    assert not Annotation.objects.filter(current=True).exists()


def test_an_answer_from_before_the_manager_let_it_begin_anew_is_dropped_and_not_held_against_anybody(course, annotator, person):
    person.answer("ham", "ham", "ham")
    late = person.next()[0]["item"]
    training.begin_anew(course, annotator)
    assert person.send(late, "spam").json()["training"]["stale"]
    assert person.next()[0]["training"] == {"part": "training", "n": 1, "of": 3}


def test_a_skip_is_not_right_and_a_person_who_was_a_member_before_has_still_passed(course, annotator, person):
    person.answer("ham", "ham", "ham")
    for _ in range(2):
        person.send(person.next()[0]["item"], None, skipped=True)
    assert person.answer("ham", "ham")["result"]["right"] == 2
    person.answer(*["ham"] * 7)
    Membership.objects.filter(user=annotator).delete()
    Membership.objects.create(project=course, user=annotator, role="annotator")
    person.next()
    assert {row["purpose"] for row in person.next()} == {"query"}


def test_nobody_waits_for_who_is_in_training_and_everybody_can_be_let_in(course, annotator, colleague, manager, browse, person):
    item = course.items.exclude(gold__isnull=False).first()
    assert not eligible(course, item).exists()
    page = f"/projects/{course.pk}/handing-out/"
    assert b"training not begun" in browse(manager).get(page).content
    browse(manager).post(page, {"action": "qualify_all"})
    assert eligible(course, item).count() == 3
    browse(manager).post(page, {"action": "qualify", "user": annotator.pk, "qualified": "no"})
    assert {row["purpose"] for row in person.next()} == {"training"}


def test_without_a_test_the_training_alone_lets_in_and_without_items_a_sentence_says_what_to_do(course, person):
    Gold.objects.filter(training=False).delete()
    assert person.answer("ham", "ham", "ham")["result"]["text"].startswith("There are no test items yet")
    assert person.next() == [] and "A manager can mark some" in person.empty()["text"]
    course.training = {"shown": 4, "test": 0}
    course.save()
    Gold.objects.update(training=True)
    assert person.next() or True
    assert {row["purpose"] for row in person.next()} == {"query"}


def test_settings_want_no_more_items_than_there_are_and_are_the_same_on_the_page_and_by_rest(course, manager, browse, api):
    page, url = f"/projects/{course.pk}/settings/", f"/api/projects/{course.pk}/"
    sent = {"name": "P", "annotators_per_item": 1, "shown": 4, "test": 2, "pass_mark": "0.5", "tries": 1}
    said = browse(manager).post(page, sent)
    assert said.status_code == 400 and b"the project has 3 training items, and this wants 4" in said.content
    assert browse(manager).post(page, sent | {"shown": 2}).status_code == 302
    assert api(manager).get(url).json()["training"] == {"shown": 2, "test": 2, "pass_mark": 0.5, "tries": 1}
    for bad in ({"test": 7}, {"shown": -1}, {"pass_mark": 2}, {"sown": 1}, [], "x", {"tries": True}):
        assert api(manager).patch(url, {"training": bad}, format="json").status_code == 400, bad
    assert api(manager).patch(url, {"training": {}}, format="json").json()["training"] == {}


def test_training_items_are_drawn_from_gold_and_stay_as_long_as_they_can(course, manager, browse):
    page = f"/projects/{course.pk}/handing-out/"
    before = set(Gold.objects.filter(training=True).values_list("pk", flat=True))
    browse(manager).post(page, {"action": "share_gold", "n_training": "5"})
    assert before < set(Gold.objects.filter(training=True).values_list("pk", flat=True))
    said = browse(manager).post(page, {"action": "share_gold", "n_training": "10"}, follow=True)
    assert b"The project has 9 gold items in all" in said.content
    assert Gold.objects.filter(training=True).count() == 5


@pytest.mark.django_db(transaction=True)
def test_in_two_tabs_at_once_each_item_is_answered_once(course):
    (user,) = people(course, 1)
    items = [item.pk for item, _ in training.next_items(user, course, 3)]

    def tab(i):
        return [queue.submit(user, course, value="ham", item=item, token=f"{i}-{item}").training["stale"] for item in items]

    said = at_once(4, tab)
    assert sorted(sum(said, [])).count(False) == 3
    assert Annotation.objects.count() == 3
