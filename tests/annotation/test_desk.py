"""The manager's desk."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import desk, progress, queue
from annotation.models import Annotation
from annotation.queries import ask
from projects import accounts
from projects.models import Membership, User
from tests.annotation.asking import asked, items_of, running

NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.fixture
def items(project):
    found = items_of(project, 40)
    ask(project, running(project), 1, asked(found), wanted=1)
    return found


def answered(project, user, items, at, value=1):
    rows = [
        Annotation(project=project, item=item, user=user, value=value, token=f"{user.pk}-{item.pk}", created_at=at)
        for item in items
    ]
    return Annotation.objects.bulk_create(rows)


def test_who_answered_in_the_last_minutes_or_has_items_on_the_screen_labels_now(project, items, annotator, colleague, reviewer):
    queue.lease_next(annotator, project, 3)
    answered(project, colleague, items[20:21], datetime.now(UTC))
    answered(project, reviewer, items[21:22], datetime.now(UTC) - timedelta(minutes=6))
    facts = desk.desk(project)
    assert [p.membership.user.username for p in facts["people"] if p.working] == ["colleague", "annotator"]
    assert facts["queue"]["open"] == 40 and facts["queue"]["leased"] == 3


def test_answers_per_hour_and_day(project, items, annotator):
    answered(project, annotator, items[:3], NOON)
    answered(project, annotator, items[3:5], NOON - timedelta(hours=2))
    answered(project, annotator, items[5:9], NOON - timedelta(days=1))
    answered(project, annotator, items[9:12], NOON - timedelta(days=7))
    answered(project, annotator, items[12:13], NOON)[0]
    Annotation.objects.filter(item=items[12]).update(current=False)  # undone
    [person] = desk.desk(project, NOON)["people"]
    assert (person.today, person.week, person.per_hour) == (5, 9, 3)
    assert {bar.title: bar.n for bar in person.hours if bar.n} == {"10:00": 2, "12:00": 3}
    assert [bar.n for bar in person.days] == [0, 0, 0, 0, 0, 4, 5]


def test_hours_are_those_of_the_clock_also_where_it_is_half_an_hour_off(project, items, annotator):
    for n, minutes in ((2, 10), (3, 25), (4, 35)):  # 12:40, 12:55 and 13:05 UTC
        answered(project, annotator, items[n * 5 : n * 5 + n], NOON + timedelta(minutes=minutes))
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        [person] = desk.desk(project, NOON + timedelta(hours=1))["people"]
        assert {bar.title: bar.n for bar in person.hours if bar.n} == {"18:00": 9}
    desk.forget()
    [person] = desk.desk(project, NOON + timedelta(hours=1))["people"]
    assert {bar.title: bar.n for bar in person.hours if bar.n} == {"12:00": 5, "13:00": 4}


def test_the_forecast_counts_the_answers_that_are_still_to_come(project, items, annotator):
    project.annotators_per_item, project.overlap = 3, 0.5
    for hour, n in ((1, 8), (2, 12), (26, 10)):
        start = {1: 0, 2: 8, 26: 20}[hour]
        answered(project, annotator, items[start : start + n], NOON - timedelta(hours=hour))
    answered(project, annotator, items[30:35], NOON)  # this hour is not over
    found = desk.desk(project, NOON)["forecast"]
    assert (found.labels, found.answers, found.rate, found.hours) == (100, 200, 10, 20)
    assert found.low < 20 < found.high and found.end_low < found.end < found.end_high
    assert found.end > NOON + timedelta(hours=20)  # nobody works day and night


def test_nothing_is_forecast_from_a_handful_of_answers(project, items, annotator):
    answered(project, annotator, items[:9], NOON - timedelta(hours=1))
    assert desk.desk(project, NOON)["forecast"] is None


def test_agreement_is_of_items_with_several_answers_without_gold(project, items, annotator, colleague):
    answered(project, annotator, items[:4], NOON)
    answered(project, colleague, items[1:3], NOON)
    answered(project, colleague, items[3:4], NOON, value=2)
    answered(project, colleague, items[10:11], NOON, value=2)
    assert desk.desk(project, NOON)["agreement"] == {"items": 3, "alike": 2, "share": 2 / 3}
    Annotation.objects.filter(item=items[3]).update(gold=True)
    desk.forget()
    assert desk.desk(project, NOON)["agreement"]["items"] == 2


def test_the_page_is_sent_again_only_when_something_is_new(project, items, manager, annotator, browse):
    client, url = browse(manager), f"/projects/{project.pk}/desk/"
    page = client.get(url).content.decode()
    again = re.search(r'hx-get="([^"]+)"', page)[1]
    assert client.get(again).status_code == 204
    queue.lease_next(annotator, project, 2)
    changed = client.get(again)
    assert changed.status_code == 200 and "2 on the screen" in changed.content.decode()


def test_a_manager_pauses_takes_back_and_leaves_a_message(project, items, manager, annotator, colleague, browse):
    client, url = browse(manager), f"/projects/{project.pk}/desk/"
    queue.lease_next(annotator, project, 2)
    client.post(url, {"action": "pause", "user": annotator.pk})
    assert len(queue.lease_next(annotator, project, 5)) == 2  # what is on the screen, and nothing new
    client.post(url, {"action": "take_back", "user": annotator.pk, "to": colleague.pk})
    assert annotator.assignments.count() == 0 and colleague.reservations.count() == 2
    client.post(url, {"action": "resume", "user": annotator.pk})
    assert len(queue.lease_next(annotator, project, 5)) == 5
    client.post(url, {"action": "message", "message": " Lunch \n at one "})
    project.refresh_from_db()
    assert project.message == "Lunch at one"
    for wrong in ({"action": "message", "message": "x" * 501}, {"action": "pause", "user": "x"}, {"action": "burn"}):
        assert client.post(url, wrong).status_code == 302
    project.refresh_from_db()
    assert project.message == "Lunch at one"


def test_more_people_and_answers_are_no_more_queries(project, items, annotator):
    def cost():
        desk.forget()
        progress.forget()
        with CaptureQueriesContext(connection) as found:
            desk.desk(project, NOON)
        return len(found)

    answered(project, annotator, items[:5], NOON)
    few = cost()
    for i in range(10):
        person = User.objects.create(username=f"p{i}")
        Membership.objects.create(project=project, user=person, role="annotator")
        answered(project, person, items[i * 3 : i * 3 + 3], NOON)
    assert cost() == few


def test_a_closed_account_keeps_its_answers_and_holds_nothing(project, items, annotator, colleague, admin_user):
    queue.lease_next(annotator, project, 40)
    queue.submit(annotator, project, item=items[0].pk, value="ham", token="t")
    assert queue.lease_next(colleague, project, 40) == []
    accounts.set_active(admin_user, annotator, False)
    assert len(queue.lease_next(colleague, project, 40)) == 39
    assert annotator.annotations.filter(current=True).count() == 1
