"""Items that are meant for certain people, work that is taken back or given away, and people who are paused."""

from collections import Counter

import pytest

from annotation import handing_out, queue
from annotation.models import Annotation, Assignment, Query, Reservation
from annotation.progress import why_empty
from annotation.queries import ask
from projects import accounts, project_actions
from projects.errors import WrongState
from projects.models import Membership, Role
from tests.annotation.asking import asked, items_of, running
from tests.annotation.test_concurrency import at_once, people


@pytest.fixture
def items(project):
    """Eight items that a run asks for."""
    found = items_of(project, 8)
    ask(project, running(project), 1, asked(found), wanted=1)
    return found


def some(project, items):
    return handing_out.chosen_items(project, ids=[item.pk for item in items])


def leased(user, project, count=10):
    return [a.item_id for a in queue.lease_next(user, project, count)]


def pks(items):
    return [item.pk for item in items]


def test_a_reserved_item_is_asked_only_of_those_it_is_meant_for(project, items, annotator, colleague):
    handing_out.reserve(project, some(project, items[:3]), [colleague], "all")
    assert leased(annotator, project) == pks(items[3:])
    assert leased(colleague, project) == pks(items[:3])


def test_who_finds_only_what_is_meant_for_others_is_told_so(project, items, annotator, colleague):
    handing_out.reserve(project, some(project, items), [colleague], "all")
    assert leased(annotator, project) == []
    project.role = "annotator"
    assert why_empty(annotator, project)["code"] == "reserved"


def test_items_are_shared_out_evenly_and_the_last_word_holds(project, items, annotator, colleague, reviewer):
    handing_out.reserve(project, some(project, items), [reviewer], "all")
    result = handing_out.reserve(project, some(project, items), [annotator, colleague])
    assert (result.items, result.people) == (8, {"annotator": 4, "colleague": 4})
    mine, theirs = leased(annotator, project), leased(colleague, project)
    assert sorted(mine + theirs) == pks(items)
    assert leased(reviewer, project) == []


def test_with_two_answers_per_item_each_goes_to_two_people_in_turns(project, annotator, colleague, reviewer):
    project.annotators_per_item = 2
    project.save()
    found = items_of(project, 9)
    ask(project, running(project), 1, asked(found), wanted=2)
    result = handing_out.reserve(project, some(project, found), [annotator, colleague, reviewer])
    assert set(result.people.values()) == {6}
    assert set(Counter(Reservation.objects.values_list("item_id", flat=True)).values()) == {2}


@pytest.mark.parametrize("reserved_first", [False, True])
def test_an_item_for_one_person_does_not_wait_for_a_second_answer(project, annotator, colleague, reserved_first):
    project.annotators_per_item = 2
    project.save()
    (item,) = found = items_of(project, 1)
    steps = [
        lambda: ask(project, running(project), 1, asked(found), wanted=2),
        lambda: handing_out.reserve(project, some(project, found), [annotator]),
    ]
    for step in reversed(steps) if reserved_first else steps:
        step()
    queue.submit(annotator, project, item=item, value="ham", token="t")
    assert Query.objects.get().status == "answered"


def test_released_items_are_everybodys_and_want_as_many_answers_as_before(project, annotator, colleague):
    project.annotators_per_item = 2
    project.save()
    found = items_of(project, 2)
    ask(project, running(project), 1, asked(found), wanted=2)
    handing_out.reserve(project, some(project, found), [annotator])
    assert handing_out.release_reserved(project) == 2
    assert set(Query.objects.values_list("wanted", flat=True)) == {2}
    assert leased(colleague, project) == pks(found)


def test_when_all_whom_it_is_meant_for_have_skipped_it_the_loop_goes_on(project, items, annotator, colleague):
    handing_out.reserve(project, some(project, items[:1]), [annotator])
    queue.skip(annotator, project, item=items[0], token="s")
    assert Query.objects.get(item=items[0]).status == "skipped"


def test_a_column_of_the_data_says_whose_an_item_is_and_who_is_unknown(project, items, annotator, colleague):
    colleague.email = "C@example.org"
    colleague.save()
    for item, who in zip(items, ["annotator", "c@EXAMPLE.org", "annotator; colleague", "nobody", ""], strict=False):
        item.metadata = {"who": who}
        item.save()
    result = handing_out.reserve_by_column(project, project.items.all(), "who")
    assert (result.items, result.unknown) == (3, {"nobody": 1})
    assert leased(annotator, project, 2) == [items[0].pk, items[2].pk]
    assert leased(colleague, project, 1) == [items[1].pk]


def test_items_go_to_those_who_have_the_skill_that_stands_in_a_column(project, items, annotator, colleague, manager, api):
    for item, language in zip(items, ["fr", "de", "FR"], strict=False):
        item.metadata = {"language": language}
        item.save()
    member = project.memberships.get(user=colleague).pk
    url = f"/api/projects/{project.pk}/"
    changed = api(manager).patch(f"{url}members/{member}/", {"skills": ["Fr", "fr "]}, format="json")
    assert changed.json()["skills"] == ["Fr"]
    body = {"filter": {}, "mode": "column", "by": "skill", "column": "language"}
    result = api(manager).post(f"{url}reservations/", body, format="json").json()
    assert (result["items"], result["people"], result["unknown"]) == (2, {"colleague": 2}, {"de": 1})
    assert items[0].pk not in leased(annotator, project)


def test_nobody_gets_an_item_reserved_that_they_have_answered(project, items, annotator):
    queue.submit(annotator, project, item=items[0], value="ham", token="t")
    result = handing_out.reserve(project, some(project, items), [annotator], "all")
    assert (result.items, result.left_out) == (7, 1)


def test_work_that_is_taken_back_is_free_at_once_and_its_late_answer_is_kept(project, items, annotator, colleague):
    mine = leased(annotator, project, 3)
    handing_out.reserve(project, some(project, items[5:]), [annotator])
    taken = handing_out.take_back(project, annotator)
    assert (taken.leases, taken.reserved) == (3, 3)
    assert leased(colleague, project) == pks(items)
    late = queue.submit(annotator, project, item=mine[0], value="ham", token="late")
    assert late.outcome == "extra"
    assert Annotation.objects.filter(current=True).count() == 1


def test_work_that_is_given_to_somebody_else_goes_to_them_alone(project, items, annotator, colleague, reviewer):
    leased(annotator, project, 2)
    handing_out.reserve(project, some(project, items[6:]), [annotator, colleague], "all")
    handing_out.take_back(project, annotator, colleague)
    assert leased(reviewer, project) == pks(items[2:6])
    assert leased(colleague, project) == pks(items[:2] + items[6:])


def test_work_goes_to_nobody_who_cannot_do_it(project, items, annotator, colleague, viewer, outsider):
    handing_out.pause_member(project, colleague)
    for to, said in ((annotator, "where it is"), (viewer, "cannot label"), (outsider, "cannot label"), (colleague, "paused")):
        with pytest.raises(WrongState, match=said):
            handing_out.take_back(project, annotator, to)


@pytest.mark.parametrize("how", ["removed", "viewer", "closed"])
def test_what_was_meant_for_somebody_who_cannot_label_any_more_is_everybodys(
    project, items, annotator, colleague, admin_user, how
):
    handing_out.reserve(project, some(project, items[:4]), [colleague])
    member = project.memberships.get(user=colleague)
    if how == "removed":
        project_actions.remove_member(member)
    elif how == "viewer":
        project_actions.change_role(member, Role.VIEWER)
    else:
        accounts.set_active(admin_user, colleague, False)
    assert leased(annotator, project) == pks(items)


def test_who_is_paused_gets_nothing_new_and_is_not_waited_for(project, items, annotator, colleague):
    assert handing_out.pause_member(project, annotator)
    assert not handing_out.pause_member(project, annotator)
    assert leased(annotator, project) == []
    queue.skip(colleague, project, item=items[0], token="s")
    assert Query.objects.get(item=items[0]).status == "skipped"
    assert handing_out.resume_member(project, annotator)
    assert leased(annotator, project, 1) == [items[1].pk]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("reservations", {"users": ["annotator"]}, "items"),
        ("reservations", {"filter": {}, "users": ["stranger"]}, "users"),
        ("reservations", {"filter": {}, "users": [True]}, "users"),
        ("reservations", {"filter": {}, "users": []}, "users"),
        ("reservations", {"filter": {}, "users": ["viewer"]}, "users"),
        ("reservations", {"filter": {}, "users": ["annotator"], "mode": "some"}, "mode"),
        ("reservations", {"filter": {"state": "new"}, "users": ["annotator"]}, "filter"),
        ("reservations", {"filter": {"dataset": "a"}, "users": ["annotator"]}, "filter"),
        ("reservations", {"filter": {"age": 3}, "users": ["annotator"]}, "filter"),
        ("reservations", {"items": [987654321], "users": ["annotator"]}, "items"),
        ("reservations", {"filter": {}, "mode": "column"}, "column"),
        ("reservations", {"filter": {}, "mode": "column", "column": "who", "by": "age"}, "by"),
        ("reservations", {"filter": {}, "user": "annotator"}, "user"),
        ("take-back", {}, "user"),
        ("take-back", {"user": "stranger"}, "user"),
        ("pause-member", {"user": "annotator"}, "paused"),
        ("golds", {"column": "gold"}, "items"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_the_field_and_a_sentence(
    project, manager, annotator, viewer, api, path, body, field
):
    answer = api(manager).post(f"/api/projects/{project.pk}/{path}/", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


def test_reserving_costs_the_same_statements_however_many_items(project, annotator, colleague, django_assert_max_num_queries):
    found = items_of(project, 500)
    with django_assert_max_num_queries(12):
        handing_out.reserve(project, some(project, found), [annotator, colleague])


@pytest.mark.django_db(transaction=True)
def test_with_overlap_and_reservations_at_once_nobody_gets_more_than_wanted_or_what_is_not_theirs(project):
    project.annotators_per_item, project.overlap = 2, 0.5
    project.save()
    found = items_of(project, 40)
    ask(project, running(project), 1, asked(found), wanted=2)
    users = people(project, 6)
    handing_out.reserve(project, some(project, found[:20]), users[:3])
    at_once(6, lambda i: [queue.lease_next(users[i], project, n) for n in (3, 6)])
    held = Counter(Assignment.objects.values_list("item_id", flat=True))
    wanted = dict(Query.objects.values_list("item_id", "wanted"))
    assert all(n <= wanted[pk] for pk, n in held.items())
    meant = set(Reservation.objects.values_list("item_id", "user_id"))
    reserved = {pk for pk, _ in meant}
    assert len(reserved) == 20
    assert all(place in meant for place in Assignment.objects.values_list("item_id", "user_id") if place[0] in reserved)
    assert Membership.objects.filter(user__assignments__isnull=False).distinct().count() == 6


def test_the_page_reserves_takes_back_pauses_and_gives_skills(project, items, manager, annotator, colleague, browse):
    url = f"/projects/{project.pk}/handing-out/"

    def do(**fields) -> str:
        return browse(manager).post(url, fields, follow=True).content.decode()

    assert "Nothing is reserved" in browse(manager).get(url).content.decode()
    assert "8 items reserved: 4 for annotator, 4 for colleague." in do(action="reserve", users=[annotator.pk, colleague.pk])
    assert "Choose at least one person." in do(action="reserve", mode="all")
    assert "annotator: fr, de." in do(action="skills", user=annotator.pk, skills="fr, de, FR")
    assert "Taken back from annotator: 0 on the screen, 4 reserved. It is colleague&#x27;s now." in do(
        action="take_back", user=annotator.pk, to=colleague.pk
    )
    assert "annotator is paused" in do(action="pause", user=annotator.pk, paused="yes")
    assert "8 reservations ended" in do(action="release")
    assert "no member of the project" in do(action="pause", user="x")


def test_a_labeled_item_becomes_gold_on_its_page(project, items, manager, annotator, browse):
    url = f"/projects/{project.pk}/items/{items[0].pk}/"
    assert "has no label yet: settle it first" in browse(manager).post(f"{url}gold/", follow=True).content.decode()
    queue.submit(annotator, project, item=items[0], value="ham", token="t")
    assert "is gold: its label is known" in browse(manager).post(f"{url}gold/", follow=True).content.decode()
    assert "Gold no more" not in browse(annotator).get(url).content.decode()
    assert "is gold no more" in browse(manager).post(f"{url}gold/", {"gold": "no"}, follow=True).content.decode()
