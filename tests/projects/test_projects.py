"""Making, changing, archiving and deleting a project."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from annotation.models import Annotation, Assignment, Purpose, Query, Verdict
from learning.models import ModelFile, Round, Run, Trial
from projects.models import Dataset, Item, Label, Membership, Project, Role, User

NEW = {"name": "Reviews", "modality": "text", "task": "single", "annotators_per_item": 1}


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("staff", password="secret", is_staff=True)


def test_staff_make_a_project_and_manage_it(browse, staff):
    answer = browse(staff).post("/projects/new/", NEW | {"labels": "good\n\n bad \n", "guidelines": "**Read** it."})
    project = Project.objects.get()
    assert answer.url == f"/projects/{project.pk}/"
    assert [label.name for label in project.labels.all()] == ["good", "bad"]
    assert len({label.hotkey for label in project.labels.all()}) == len({label.color for label in project.labels.all()}) == 2
    assert Membership.objects.get().role == Role.MANAGER and project.created_by == staff


def test_a_label_that_is_written_twice_is_refused_with_its_name(browse, staff):
    page = browse(staff).post("/projects/new/", NEW | {"labels": "good\nbad\ngood"})
    assert page.status_code == 400 and b"more than once: good" in page.content
    assert not Project.objects.exists()


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("modality", "smell"), ("task", "guess"), ("annotators_per_item", 0)])
def test_what_cannot_be_meant_is_refused_beside_its_field(browse, staff, field, value):
    page = browse(staff).post("/projects/new/", NEW | {field: value})
    assert page.status_code == 400 and b"errorlist" in page.content and not Project.objects.exists()


def test_only_staff_make_projects(browse, manager):
    assert browse(manager).get("/projects/new/").status_code == 403
    assert browse(manager).post("/projects/new/", NEW).status_code == 403


def test_a_new_project_says_what_comes_next(browse, manager, viewer, project):
    page = browse(manager).get(f"/projects/{project.pk}/").content.decode()
    assert "What comes next" in page and 'class="button small">Import items' in page.replace("\n", "")
    assert "What comes next" not in browse(viewer).get(f"/projects/{project.pk}/").content.decode()
    Run.objects.create(project=project, status=Run.Status.RUNNING)
    assert "What comes next" not in browse(manager).get(f"/projects/{project.pk}/").content.decode()


def test_the_overview_counts_labels_by_source(browse, full, viewer):
    page = browse(viewer).get(f"/projects/{full.pk}/").content.decode()
    assert "Imported" in page and "33 % of all" in page


def test_the_overview_costs_the_same_for_many(browse, full, manager, viewer, colleague, django_assert_max_num_queries):
    for n in range(30):
        Label.objects.create(project=full, name=f"label {n}", color="#123456", position=n)
    client = browse(manager)
    with django_assert_max_num_queries(17):
        assert client.get(f"/projects/{full.pk}/").status_code == 200


def test_guidelines_are_cleaned_of_scripts(browse, manager, project):
    hostile = "# Rules\n<script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:alert(1))"
    page = browse(manager).post("/projects/preview/", {"guidelines": hostile}).content.decode()
    assert "<h3>Rules</h3>" in page
    assert "<script" not in page and "onerror" not in page and 'href="javascript' not in page


def test_settings_are_saved(browse, manager, project):
    browse(manager).post(f"/projects/{project.pk}/settings/", {"name": "Renamed", "guidelines": "x", "annotators_per_item": 3})
    project.refresh_from_db()
    assert (project.name, project.guidelines, project.annotators_per_item) == ("Renamed", "x", 3)


def test_refused_settings_leave_the_name_on_the_page(browse, manager, project):
    page = browse(manager).post(f"/projects/{project.pk}/settings/", {"name": "Renamed", "annotators_per_item": 99})
    assert page.status_code == 400 and "<h1>Questions</h1>" in page.content.decode()


def test_an_archived_project_is_read_and_not_changed(browse, manager, project):
    client = browse(manager)
    client.post(f"/projects/{project.pk}/archive/")
    assert client.get(f"/projects/{project.pk}/").status_code == 200
    refused = client.post(f"/projects/{project.pk}/members/", {"action": "add", "username": "x", "role": "viewer"})
    assert refused.status_code == 403 and b"restore it first" in refused.content
    client.post(f"/projects/{project.pk}/archive/", {"restore": "1"})
    project.refresh_from_db()
    assert project.archived_at is None


def test_a_project_with_a_run_under_way_is_not_archived(browse, manager, project):
    Run.objects.create(project=project, status=Run.Status.RUNNING)
    page = browse(manager).post(f"/projects/{project.pk}/archive/", follow=True)
    project.refresh_from_db()
    assert project.archived_at is None and b"stop it first" in page.content


@pytest.fixture
def full(project, annotator) -> Project:
    """A project with one of everything, files too."""
    dataset = Dataset.objects.create(project=project, name="a.csv", file=ContentFile(b"text\nx", name="a.csv"))
    items = [Item.objects.create(project=project, dataset=dataset, key=str(n), content=f"text {n}") for n in range(3)]
    run = Run.objects.create(project=project, status=Run.Status.FINISHED)
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=1)
    Round.objects.create(trial=trial, number=1, n_labeled=1, n_pool=1)
    ModelFile.objects.create(
        trial=trial, round_number=1, file=ContentFile(b"m", name="m.skops"), predictions=ContentFile(b"p", name="p.npz")
    )
    query = Query.objects.create(project=project, item=items[0], trial=trial, round_number=1, purpose=Purpose.QUERY, rank=1)
    Assignment.objects.create(query=query, item=items[0], user=annotator, slot=0, leased_until="2026-01-01T00:00Z")
    label = project.labels.first().pk
    Annotation.objects.create(project=project, item=items[0], user=annotator, query=query, value=label, token="t")
    Verdict.objects.create(project=project, item=items[0], value=label, source="imported", run=run)
    return project


def files_of(project: Project) -> list[str]:
    dataset, model = project.datasets.get(), ModelFile.objects.get()
    return [dataset.file.name, model.file.name, model.predictions.name]


def test_a_project_with_answers_is_never_deleted(browse, manager, full):
    page = browse(manager).post(f"/projects/{full.pk}/delete/", follow=True)
    assert b"archive it instead" in page.content
    assert Project.objects.exists() and Annotation.objects.exists()
    assert b"Delete" in page.content and b"for good" not in page.content


@pytest.mark.django_db(transaction=True)
def test_a_demo_goes_with_all_that_belongs_to_it(browse, manager, full):
    Project.objects.update(is_demo=True)
    files = files_of(full)
    assert all(map(default_storage.exists, files))
    assert browse(manager).post(f"/projects/{full.pk}/delete/").url == "/"
    for model in (
        Project,
        Item,
        Dataset,
        Run,
        Trial,
        Round,
        Query,
        Assignment,
        Annotation,
        Verdict,
        Label,
        Membership,
        ModelFile,
    ):
        assert not model.objects.exists(), model
    assert not any(map(default_storage.exists, files))
    assert User.objects.filter(username="annotator").exists()


def test_deleting_needs_a_post(browse, manager, full):
    assert browse(manager).get(f"/projects/{full.pk}/delete/").status_code == 405
    assert browse(manager).get(f"/projects/{full.pk}/archive/").status_code == 405


def test_what_does_not_exist_is_json_in_rest_and_a_page_elsewhere(browse, manager, project):
    assert browse(manager).get("/api/nothing/").json()["detail"].startswith("There is nothing at this address")
    page = browse(manager).get("/nothing/")
    assert page.status_code == 404 and b"There is nothing here" in page.content
