"""What each consensus rule of a project makes of several answers."""

import pytest

from annotation import queue
from annotation.models import Annotation, Query, Verdict
from annotation.queries import ask, withdraw_plain
from projects.models import Membership, Role, User
from tests.annotation.asking import asked, items_of, running


def _two_answers(project, rule, people, values=("ham", "spam")):
    project.consensus, project.annotators_per_item = rule, 2
    project.save()
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=2)
    for user, value in zip(people, values, strict=True):
        queue.submit(user, project, item=item, value=value, token=f"{user}-{value}")
    return item


def _verdict(project) -> str | None:
    found = Verdict.objects.filter(current=True).first()
    return project.labels.get(pk=found.value).name if found else None


@pytest.mark.parametrize(
    ("rule", "status", "verdict"),
    [("majority", "open", None), ("first", "answered", "ham"), ("unanimous", "disputed", None), ("weighted", "open", None)],
)
def test_two_people_disagree(project, annotator, colleague, manager, rule, status, verdict):
    _two_answers(project, rule, [annotator, colleague])
    assert (Query.objects.exclude(trial=None).get().status, _verdict(project)) == (status, verdict)


@pytest.mark.parametrize("rule", ["majority", "first", "unanimous", "weighted"])
def test_two_people_who_agree_settle_it_under_every_rule(project, annotator, colleague, rule):
    _two_answers(project, rule, [annotator, colleague], ["spam", "spam"])
    assert ({query.status for query in Query.objects.all()}, _verdict(project)) == ({"answered"}, "spam")


def test_whoever_was_first_may_still_correct_the_answer(project, annotator, colleague):
    item = _two_answers(project, "first", [annotator, colleague], ["ham", "ham"])
    queue.submit(annotator, project, item=item, value="spam", token="corrected")
    assert _verdict(project) == "spam"


def test_a_changed_mind_makes_a_unanimous_item_disputed(project, annotator, colleague):
    item = _two_answers(project, "unanimous", [annotator, colleague], ["ham", "ham"])
    queue.submit(annotator, project, item=item, value="spam", token="corrected")
    assert (Query.objects.get().status, _verdict(project)) == ("disputed", None)


def test_a_reliable_person_outweighs_one_who_guesses(project, annotator, colleague, manager):
    """Three people answered forty items; the colleague said the opposite of what the other two agree on, every second time."""
    third = User.objects.create_user("third")
    Membership.objects.create(project=project, user=third, role=Role.ANNOTATOR)
    ham, spam = project.labels.values_list("pk", flat=True)
    rows = []
    for i, item in enumerate(items_of(project, 40)):
        truth, other = (ham, spam) if i % 4 < 2 else (spam, ham)
        for user, value in [(annotator, truth), (third, truth), (colleague, other if i % 2 else truth)]:
            rows.append(Annotation(project=project, item=item, user=user, value=value, token=f"{i} {user}"))
    Annotation.objects.bulk_create(rows)
    _two_answers(project, "weighted", [colleague, annotator], ["ham", "spam"])
    assert (Query.objects.get().status, _verdict(project)) == ("answered", "spam")


def _first(project, n=2):
    project.consensus, project.annotators_per_item = "first", n
    project.save()
    (item,) = items_of(project, 1)
    trial = running(project)
    ask(project, trial, 1, asked([item]), wanted=n)
    return item, trial


def test_the_first_answer_is_the_label_at_once_and_the_others_are_asked_all_the_same(project, annotator, colleague, manager):
    item, trial = _first(project)
    assert len(queue.lease_next(colleague, project, 1)) == 1  # it is on the colleague's screen already
    queue.submit(annotator, project, item=item, value="ham", token="a")
    assert (trial.queries.get().status, _verdict(project)) == ("answered", "ham")  # the learner need not wait
    assert [lease.item for lease in queue.lease_next(colleague, project, 1)] == [item]
    assert queue.submit(colleague, project, item=item, value="spam", token="b").outcome == "stored"
    assert _verdict(project) == "ham" and not Query.objects.filter(status="open").exists()
    assert queue.lease_next(manager, project, 1) == []


def test_the_first_answer_corrected_or_taken_back_before_the_second(project, annotator, colleague):
    item, trial = _first(project)
    queue.submit(annotator, project, item=item, value="ham", token="a")
    queue.submit(annotator, project, item=item, value="spam", token="c")
    assert _verdict(project) == "spam"
    queue.undo(annotator, project)
    assert (trial.queries.get().status, _verdict(project)) == ("open", None)
    queue.submit(colleague, project, item=item, value="ham", token="b")
    assert _verdict(project) == "ham"
    queue.submit(annotator, project, item=item, value="spam", token="d")
    assert _verdict(project) == "ham" and not Query.objects.filter(status="open").exists()


def test_where_the_others_skip_the_first_answer_still_holds_and_nothing_is_disputed(project, annotator, colleague):
    item, _ = _first(project)
    queue.submit(annotator, project, item=item, value="ham", token="a")
    queue.skip(colleague, project, item=item, token="b")
    assert _verdict(project) == "ham" and set(Query.objects.values_list("status", flat=True)) == {"answered"}


def test_the_start_of_another_run_takes_no_opinion_back(project, annotator, colleague):
    item, _ = _first(project)
    queue.submit(annotator, project, item=item, value="ham", token="a")
    withdraw_plain(project)
    assert [lease.item for lease in queue.lease_next(colleague, project, 1)] == [item]


def test_before_the_first_run_the_first_answer_is_the_label_too(project, annotator, colleague):
    project.consensus, project.annotators_per_item = "first", 2
    project.save()
    items_of(project, 1)
    for user, value in [(annotator, "ham"), (colleague, "spam")]:
        (lease,) = queue.lease_next(user, project, 1)
        queue.submit(user, project, assignment=lease, value=value, token=value)
        assert _verdict(project) == "ham"
    assert Query.objects.get().status == "answered"
