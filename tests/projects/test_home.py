"""The home page: my projects, what waits for me, what runs."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Assignment, Purpose, Query, Verdict
from learning.models import Run, Trial
from projects import summaries
from projects.models import Dataset, Item, Membership, Project, Role, User


@pytest.fixture
def asked(project) -> list[Query]:
    """Three open queries of a run that waits for labels."""
    return ask(project, 3)


def ask(project: Project, n: int, wanted: int = 1) -> list[Query]:
    dataset = Dataset.objects.create(project=project, name="questions.csv")
    items = [Item.objects.create(project=project, dataset=dataset, key=str(i), content=f"text {i}") for i in range(n)]
    run = Run.objects.create(project=project, name="Run to label", status=Run.Status.RUNNING)
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=3, phase="waiting", n_labeled=7)
    return [
        Query.objects.create(
            project=project, item=item, trial=trial, round_number=1, purpose=Purpose.QUERY, rank=i, wanted=wanted, order=i
        )
        for i, item in enumerate(items)
    ]


def lease(query: Query, user: User, minutes: int = 20, state: str = "leased", slot: int | None = 0) -> None:
    until = timezone.now() + timedelta(minutes=minutes)
    Assignment.objects.create(query=query, item=query.item, user=user, slot=slot, state=state, leased_until=until)


def waiting(user: User, project: Project) -> int:
    return summaries.waiting_for(user, [project.pk]).get(project.pk, 0)


def test_what_others_have_on_the_screen_does_not_wait_for_me(asked, project, annotator, colleague):
    assert waiting(annotator, project) == 3
    lease(asked[0], colleague)
    assert (waiting(annotator, project), waiting(colleague, project)) == (2, 3)


def test_a_lease_that_has_run_out_is_free_again(asked, project, annotator, colleague):
    lease(asked[0], colleague, minutes=-1)
    assert waiting(annotator, project) == 3


def test_what_i_have_skipped_does_not_wait_for_me(asked, project, annotator, colleague):
    lease(asked[0], annotator, state="skipped", slot=None)
    assert (waiting(annotator, project), waiting(colleague, project)) == (2, 3)


def test_an_item_that_wants_two_answers_waits_for_the_second_person(project, annotator, colleague):
    [query] = ask(project, 1, wanted=2)
    lease(query, colleague, state="submitted")
    assert (waiting(annotator, project), waiting(colleague, project)) == (1, 0)


def test_an_item_that_two_runs_ask_for_waits_once(asked, project, annotator):
    other = Trial.objects.create(run=Run.objects.create(project=project), strategy="random", batch_size=1)
    Query.objects.create(project=project, item=asked[0].item, trial=other, round_number=1, purpose=Purpose.QUERY, rank=1)
    assert waiting(annotator, project) == 3


def test_home_offers_to_label_what_waits(browse, asked, project, annotator):
    page = browse(annotator).get("/").content.decode()
    assert re.search(rf'href="/projects/{project.pk}/label/">Label 3 items</a>', page)
    assert "Run to label" in page and "Waiting for labels" in page and "7 labels" in page


def test_a_viewer_is_not_asked_to_label(browse, asked, viewer):
    page = browse(viewer).get("/").content.decode()
    assert "Questions" in page and "Label 3 items" not in page


def test_home_says_how_much_is_labelled(browse, asked, project, annotator):
    Verdict.objects.create(project=project, item=asked[0].item, value=project.labels.first().pk, source="people")
    Verdict.objects.create(project=project, item=asked[0].item, value=1, source="imported", current=False)
    assert "1 of 3 labelled (33 %)" in browse(annotator).get("/").content.decode()


def test_a_newcomer_is_told_whom_to_ask(browse, outsider, project):
    page = browse(outsider).get("/").content.decode()
    assert "Ask your manager to add <b>outsider</b>" in page and project.name not in page


def test_staff_without_a_project_are_offered_to_make_one(browse, admin_user):
    assert "No project yet" in browse(admin_user).get("/").content.decode()


def test_an_archived_project_is_out_of_the_way(browse, asked, project, annotator):
    project.archived_at = timezone.now()
    project.save()
    page = browse(annotator).get("/").content.decode()
    assert "1 archived project" in page and "Label 3 items" not in page and "Run to label" not in page


def test_home_costs_the_same_for_many_projects(browse, asked, project, annotator, django_assert_num_queries):
    client = browse(annotator)

    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    one = queries()
    for n in range(6):
        other = Project.objects.create(name=f"Project {n}")
        Membership.objects.create(project=other, user=annotator, role=Role.ANNOTATOR)
        ask(other, 2)
    assert queries() == one <= 11
