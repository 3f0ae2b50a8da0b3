"""The form of a new run: its defaults, its messages, and that it starts what it says."""

import pytest
from django.test import TestCase

from learning import engine
from learning.configuration import suggest
from learning.forms import RunForm, entries
from learning.models import Run
from projects.models import Project


@pytest.fixture
def url(project) -> str:
    return f"/projects/{project.pk}/runs/new/"


def filled(project, **changes) -> dict:
    """What a browser posts when nothing is changed, and then these changes (None: left out)."""
    form = RunForm(project)
    data = {}
    for name, _field in form.fields.items():
        value = form[name].value()
        if value is True:
            data[name] = "on"
        elif value not in (None, False, []):
            data[name] = value
    data.update(changes)
    return {name: value for name, value in data.items() if value is not None}


def test_every_setting_has_a_line_of_help(project, items):
    form = RunForm(project)
    without = [
        name
        for name, field in form.fields.items()
        if not field.help_text and name not in {"features", "learner", "strategy", "mode", "oracle", "disputed", "stop_when"}
    ]
    assert without == []
    sections, texts = ("features", "learner", "strategy"), Project(modality="text")
    assert all(entry.help for section in sections for _, entry in entries(section, texts))


def test_the_page_offers_everything_that_the_engine_has_for_these_items(browse, manager, url, items):
    page = browse(manager).get(url).content.decode()
    for entry in [*engine.learners, *engine.strategies]:
        assert f'value="{entry.name}"' in page
    assert 'value="tfidf"' in page and 'value="pixels"' not in page


def test_unchanged_the_form_starts_what_is_suggested(browse, manager, url, project, items):
    with TestCase.captureOnCommitCallbacks():
        response = browse(manager).post(url, filled(project))
    run = Run.objects.get()
    assert response["Location"] == f"/distilling/{run.pk}/"
    assert (run.status, run.created_by) == ("queued", manager)
    assert run.configuration == suggest(project)


def test_save_as_draft_starts_nothing(browse, manager, url, project, items):
    browse(manager).post(url, filled(project, then="draft", name="later"))
    run = Run.objects.get()
    assert (run.status, run.name, run.trials.count()) == ("draft", "later", 0)


def test_parameters_of_the_chosen_learner_count_and_nonsense_in_the_others_does_not(browse, manager, url, project, items):
    data = filled(project, **{"learner": "random_forest", "learner.logistic_regression.C": "nonsense", "then": "draft"})
    assert browse(manager).post(url, data).status_code == 302
    learner = Run.objects.get().configuration["learner"]
    assert learner["name"] == "random_forest" and "C" not in learner


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"seed_size": "49"}, "seed_size"),
        ({"batch_size": "0"}, "batch_size"),
        ({"batch_size": "ten"}, "batch_size"),
        ({"test_ratio": "2"}, "test_ratio"),
        ({"learner.logistic_regression.C": "-1"}, "learner.logistic_regression.C"),
        ({"stop.budget.labels": "1"}, "stop.budget.labels"),
        ({"oracle": "magic"}, "oracle"),
    ],
)
def test_a_wrong_value_is_said_at_its_field_and_at_the_top_and_nothing_is_made(
    browse, manager, url, project, items, changes, field
):
    response = browse(manager).post(url, filled(project, **changes))
    page = response.content.decode()
    assert response.status_code == 422 and not Run.objects.exists()
    assert response.context["form"][field].errors
    assert f'href="#field-{field}"' in page and f'id="field-{field}"' in page


def test_what_was_typed_is_still_there_beside_the_message(browse, manager, url, project, items):
    page = browse(manager).post(url, filled(project, seed_size="49", name="my run")).content.decode()
    assert 'value="49"' in page and 'value="my run"' in page


def test_a_project_without_items_says_so_instead_of_a_form_that_fails(browse, manager, url, project):
    response = browse(manager).post(url, filled(project))
    assert response.status_code == 422
    assert "Import data first" in response.content.decode()


def test_the_forecast_says_what_will_be_asked(browse, manager, url, project, items):
    client = browse(manager)
    page = client.post(f"{url}forecast/", filled(project, test_ratio="0.2")).content.decode()
    assert "<strong>50</strong> items" in page and "<strong>10</strong> drawn at random" in page
    assert "Not ready to start" in client.post(f"{url}forecast/", filled(project, seed_size="49")).content.decode()
    assert not Run.objects.exists()


@pytest.mark.parametrize("person, status", [("manager", 200), ("annotator", 403), ("viewer", 403), ("outsider", 404)])
def test_the_form_is_for_managers(browse, url, items, request, person, status):
    client = browse(request.getfixturevalue(person))
    assert client.get(url).status_code == status
    assert client.post(f"{url}forecast/").status_code == status


def test_a_new_run_begins_with_the_settings_of_an_earlier_one(browse, manager, url, project, make_run):
    run = make_run(
        status="finished",
        phase="finished",
        name="first",
        configuration={"seed_size": 7, "stop": [{"name": "budget", "labels": 33}]},
    )
    form = browse(manager).get(f"{url}?from={run.pk}").context["form"]
    assert (form["seed_size"].value(), form["stop.budget.labels"].value(), form["name"].value()) == (7, 33, "first")
    assert form["stop.accuracy"].value() is False
    browse(manager).post(f"{url}?from={run.pk}", filled(project, then="draft"))
    assert Run.objects.count() == 2


def test_a_changed_draft_takes_the_place_of_the_draft(browse, manager, url, project, items):
    client = browse(manager)
    client.post(url, filled(project, then="draft"))
    draft = Run.objects.get()
    client.post(f"{url}?from={draft.pk}", filled(project, then="draft", seed_size="5"))
    assert Run.objects.get().configuration["seed_size"] == 5


def test_settings_of_a_foreign_run_are_not_shown(browse, manager, url, items):
    from projects.models import Project

    foreign = Run.objects.create(project=Project.objects.create(name="Other"))
    assert browse(manager).get(f"{url}?from={foreign.pk}").status_code == 404
