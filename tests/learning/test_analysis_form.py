"""The form of an analysis: its defaults, its messages at their fields, and that it starts what it says."""

import pytest
from django.test import TestCase

from learning import actions, engine
from learning.analysis.estimating import job_id
from learning.analysis.form import AnalysisForm
from learning.analysis.settings import suggest, validate
from learning.configuration import ConfigurationError
from learning.models import Run
from tests.learning.runs import fill
from tests.learning.test_measure import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


@pytest.fixture
def url(project) -> str:
    return f"/projects/{project.pk}/analyses/new/"


def filled(project, configuration: dict | None = None, **changes) -> dict:
    """What a browser posts when nothing is changed, and then these changes (None: left out)."""
    form = AnalysisForm(project, configuration=configuration)
    sent = {}
    for name in form.fields:
        value = form[name].value()
        if value is True:
            sent[name] = "on"
        elif value not in (None, False, []):
            sent[name] = value
    sent.update(changes)
    return {name: value for name, value in sent.items() if value is not None}


def only(project, *names: str, **changes) -> dict:
    """With these strategies ticked and no others."""
    ticked = {f"strategies.{entry.name}.0": "on" if entry.name in names else None for entry in engine.strategies}
    return filled(project, **{**ticked, **changes})


def posted(client, url: str, sent: dict):
    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.post(url, sent)


def saved(browse, manager, url, sent: dict) -> dict:
    response = posted(browse(manager), url, {**sent, "then": "draft"})
    assert response.status_code == 302, list(response.context["form"].problems())
    return Run.objects.latest("pk").configuration


# --- What it offers


def test_every_setting_has_a_line_of_help_or_speaks_for_itself(data):
    form = AnalysisForm(data)
    speaking = {"split", "seed_by", "until"}
    without = [
        name
        for name, field in form.fields.items()
        if not field.help_text and name not in speaking and not name.endswith(".rows") and not name.rsplit(".", 1)[-1].isdigit()
    ]
    assert without == []


def test_the_page_offers_everything_that_the_engine_has_for_these_items(browse, manager, url, data):
    page = browse(manager).get(url).content.decode()
    for section, registry in (("strategies", engine.strategies), ("learners", engine.learners)):
        for entry in registry:
            assert f'name="{section}.{entry.name}.0"' in page
    assert 'name="features.tfidf.0"' in page and 'name="features.pixels.0"' not in page
    assert all(name in page for name in engine.METRICS)
    assert "batch-aware" in page and "30 are advised" in page


def test_the_pages_of_a_project_lead_to_it(browse, manager, viewer, url, data):
    actions.start_run(actions.create_run(manager, data, "analysis", {}), manager)  # until then it says what comes first
    for page in (f"/projects/{data.pk}/", f"/projects/{data.pk}/runs/"):
        assert url in browse(manager).get(page).content.decode()
        assert url not in browse(viewer).get(page).content.decode()


def test_a_split_by_a_column_is_offered_with_the_columns_that_the_data_have(browse, manager, url, data):
    page = browse(manager).get(url).content.decode()
    assert 'value="column"' not in page
    data.items.update(metadata={"part": "train", "source": "web"})
    first = data.items.order_by("pk").values_list("pk", flat=True)[:40]
    data.items.filter(pk__in=list(first)).update(metadata={"part": "test", "source": "web"})
    page = browse(manager).get(url).content.decode()
    assert 'value="column"' in page and '<option value="part"' in page and '<option value="source"' in page
    found = saved(browse, manager, url, filled(data, split="column", split_column="part", test_value="test"))
    assert (found["split"], found["split_column"], found["test_value"]) == ("column", "part", "test")


@pytest.mark.parametrize("person, status", [("manager", 200), ("annotator", 403), ("viewer", 403), ("outsider", 404)])
def test_the_form_is_for_managers(browse, url, data, request, person, status):
    client = browse(request.getfixturevalue(person))
    assert client.get(url).status_code == status
    assert client.post(f"{url}forecast/").status_code == status


# --- From the form to the plan


def test_unchanged_the_form_starts_what_is_suggested(browse, manager, url, data):
    response = posted(browse(manager), url, filled(data))
    run = Run.objects.get()
    assert response["Location"] == f"/distilling/{run.pk}/"
    assert (run.kind, run.status, run.created_by) == ("analysis", "queued", manager)
    assert run.configuration == suggest(data)
    assert run.trials.count() == 75


@pytest.mark.parametrize("then", ["draft", "measure"])
def test_a_draft_starts_nothing_and_is_measured(browse, manager, url, data, then):
    posted(browse(manager), url, filled(data, then=then, name="later"))
    run = Run.objects.get()
    assert (run.status, run.name, run.trials.count()) == ("draft", "later", 0)
    assert jobs() == [job_id(run)]


def test_strategies_are_taken_with_their_own_settings(browse, manager, url, data):
    sent = only(data, "random", "margin", "entropy", **{"strategies.margin.0.batch_mode": "top"})
    found = saved(browse, manager, url, sent)
    assert found["strategy_labels"] == ["random", "margin", "entropy"]
    assert found["strategies"][1]["batch_mode"] == "top" != found["strategies"][2]["batch_mode"]


def test_one_more_row_of_a_strategy_is_given_without_a_complaint_and_nothing_typed_is_lost(browse, manager, url, data):
    sent = only(data, "margin", folds="none", name="my plan", **{"strategies.margin.0.batch_mode": "top"})
    response = posted(browse(manager), url, sent | {"again": "strategies.margin"})
    page, form = response.content.decode(), response.context["form"]
    assert response.status_code == 200 and not Run.objects.exists()
    assert 'value="my plan"' in page and 'value="none"' in page and 'id="problems"' not in page
    new = {name: form[name].value() or "" for name in form.fields if name.startswith("strategies.margin.1")}
    assert new["strategies.margin.1"] is True and new["strategies.margin.1.batch_mode"] == "top"
    assert 'name="strategies.margin.rows" value="2"' in page
    response = posted(browse(manager), url, sent | new | {"strategies.margin.rows": 2, "again": "strategies.margin"})
    assert 'name="strategies.margin.2"' in response.content.decode()


def test_the_same_strategy_twice_with_other_settings(browse, manager, url, data):
    twice = {"strategies.margin.rows": "2", "strategies.margin.1": "on"}
    modes = {"strategies.margin.0.batch_mode": "top", "strategies.margin.1.batch_mode": "rank"}
    found = saved(browse, manager, url, only(data, "random", "margin", **twice, **modes))
    assert found["strategy_labels"] == ["random", "margin (top)", "margin (rank)"]


def test_random_twice_is_the_check_of_chance_against_chance(browse, manager, url, data):
    found = saved(browse, manager, url, only(data, "random", **{"strategies.random.rows": "2", "strategies.random.1": "on"}))
    assert found["strategy_labels"] == ["random", "random #2"]


def test_settings_of_what_is_not_ticked_are_not_looked_at(browse, manager, url, data):
    sent = only(data, "random", **{"learners.random_forest.0.n_trees": "many", "folds": "x", "split": "holdout"})
    assert saved(browse, manager, url, sent)["split"] == "holdout"


def test_several_learners_batch_sizes_and_metrics(browse, manager, url, data):
    sent = filled(data, batch_sizes="5, 10;15", metrics=["accuracy", "mcc"], metric="mcc", **{"learners.svc.0": "on"})
    found = saved(browse, manager, url, sent)
    assert found["batch_sizes"] == [5, 10, 15]
    assert {learner["name"] for learner in found["learners"]} == {suggest(data)["learners"][0]["name"], "svc"}
    assert (found["metrics"], found["metric"]) == (["accuracy", "mcc"], "mcc")


def test_a_share_as_seed_and_the_empty_pool_as_end(browse, manager, url, data):
    found = saved(browse, manager, url, filled(data, seed_by="share", seed_ratio="0.25", until="empty"))
    assert (found["seed_size"], found["max_labels"]) == (30, 0)  # a quarter of the 120 items that 5 folds leave


# --- What is wrong


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"folds": "1"}, "folds"),
        ({"folds": "90"}, "folds"),
        ({"folds": "five"}, "folds"),
        ({"repeats": "0"}, "repeats"),
        ({"batch_sizes": ""}, "batch_sizes"),
        ({"batch_sizes": "10, x"}, "batch_sizes"),
        ({"batch_sizes": "10, 10"}, "batch_sizes"),
        ({"seed_size": "149"}, "seed_size"),
        ({"seed_by": "share", "seed_ratio": "2"}, "seed_ratio"),
        ({"max_labels": "5"}, "max_labels"),
        ({"metrics": None}, "metrics"),
        ({"split": "holdout", "test_ratio": "5"}, "test_ratio"),
        ({"strategies.margin.0.batch_mode": "best"}, "strategies.margin.0.batch_mode"),
        ({"learners.logistic_regression.0.C": "-1"}, "learners.logistic_regression.0.C"),
        ({"random_state": "-1"}, "random_state"),
    ],
)
def test_a_wrong_value_is_said_at_its_field_and_at_the_top_and_nothing_is_made(browse, manager, url, data, changes, field):
    response = browse(manager).post(url, filled(data, **changes))
    page = response.content.decode()
    assert response.status_code == 422 and not Run.objects.exists()
    assert response.context["form"].errors[field]
    assert f'href="#field-{field}"' in page and f'id="field-{field}"' in page


@pytest.mark.parametrize(
    ("changes", "given", "field"),
    [
        ({"folds": "90"}, {"folds": 90}, "folds"),
        ({"batch_sizes": "500"}, {"batch_sizes": [500]}, "batch_sizes"),
        ({"seed_size": "149"}, {"seed_size": 149}, "seed_size"),
    ],
)
def test_the_words_are_those_of_rest(browse, manager, url, data, changes, given, field):
    with pytest.raises(ConfigurationError) as caught:
        validate(data, {**suggest(data), **given})
    page = browse(manager).post(url, filled(data, **changes))
    assert page.context["form"].errors[field] == caught.value.errors[field]


def test_the_fault_of_the_second_row_is_said_at_the_second_row(browse, manager, url, data):
    rows = {"strategies.margin.rows": "2", "strategies.margin.1": "on", "strategies.margin.1.temperature": "x"}
    (parameter, *_) = [p for p in engine.strategies.get("margin").parameters if p.kind in {"int", "float"}]
    rows = {k: v for k, v in rows.items() if "temperature" not in k} | {f"strategies.margin.1.{parameter.name}": "-5"}
    form = browse(manager).post(url, only(data, "margin", **rows)).context["form"]
    assert list(form.errors) == [f"strategies.margin.1.{parameter.name}"]


def test_no_strategy_and_no_learner_are_said_at_their_sections(browse, manager, url, data):
    sent = only(data)
    learner = suggest(data)["learners"][0]["name"]
    page = browse(manager).post(url, {k: v for k, v in sent.items() if k != f"learners.{learner}.0"}).content.decode()
    assert 'href="#field-strategies"' in page and 'href="#field-learners"' in page and page.count("at least one entry") >= 4


def test_what_was_typed_is_still_there_beside_the_message(browse, manager, url, data):
    page = browse(manager).post(url, filled(data, folds="90", name="my plan")).content.decode()
    assert 'value="90"' in page and 'value="my plan"' in page


def test_a_project_without_labels_says_so_instead_of_a_form_that_fails(browse, manager, url, project):
    response = browse(manager).get(url)
    assert response.status_code == 200
    response = browse(manager).post(url, filled(project))
    assert response.status_code == 422 and "Import labelled data first" in response.content.decode()


def test_items_without_a_label_are_left_out_only_on_the_users_word(browse, manager, url, project):
    fill(project, 150, known="half")
    client = browse(manager)
    page = client.get(url).content.decode()
    assert "Leave out 75 of 150 items" in page and "does not hold for them" in page
    response = client.post(url, filled(project))
    assert response.status_code == 422 and response.context["form"].errors["leave_out"]
    assert saved(browse, manager, url, filled(project, leave_out="on"))["leave_out"] is True


def test_where_every_item_has_its_label_nobody_is_asked_about_leaving_out(browse, manager, url, data):
    assert 'name="leave_out"' not in browse(manager).get(url).content.decode()


# --- What it means


def test_the_forecast_counts_trials_and_rounds_while_one_chooses(browse, manager, url, data):
    client = browse(manager)
    sent = only(data, "random", "margin", folds="2", repeats="2", batch_sizes="10, 25", seed_size="10", max_labels="60")
    page = client.post(f"{url}forecast/", sent).content.decode()
    # per split: 2 strategies x (6 rounds of 10, 3 of 25) and the model of all labels
    assert "<strong>20</strong> trials" in page and "<strong>76</strong> rounds" in page and "2 repeats are few" in page
    assert "Not ready to start" in client.post(f"{url}forecast/", {**sent, "folds": "90"}).content.decode()
    assert not Run.objects.exists()


# --- From an earlier one


def test_a_new_analysis_begins_with_all_settings_of_an_earlier_one(browse, manager, url, data):
    given = {
        "strategies": ["random", {"name": "margin", "batch_mode": "top"}, {"name": "margin", "batch_mode": "rank"}, "entropy"],
        "strategy_labels": ["chance", "greedy", "ranked", "entropy"],
        "batch_sizes": [5, 15],
        "learners": ["svc", "logistic_regression"],
        "split": "holdout",
        "test_ratio": 0.3,
        "repeats": 4,
        "seed_size": 12,
        "max_labels": 0,
        "metrics": ["accuracy", "mcc"],
        "warm_up": {"labels_per_class": 2},
        "full_model": False,
        "random_state": 9,
    }
    run = actions.create_run(None, data, "analysis", given, "first")
    form = browse(manager).get(f"{url}?from={run.pk}").context["form"]
    assert form["name"].value() == "first" and form["strategies.margin.1.batch_mode"].value() == "rank"
    assert saved(browse, manager, f"{url}?from={run.pk}", filled(data, run.configuration)) == run.configuration


def test_a_changed_draft_takes_the_place_of_the_draft(browse, manager, url, data):
    posted(browse(manager), url, filled(data, then="draft"))
    draft = Run.objects.get()
    posted(browse(manager), f"{url}?from={draft.pk}", filled(data, then="draft", repeats="5"))
    run = Run.objects.get()
    assert run.configuration["repeats"] == 5 and run.pk != draft.pk


def test_settings_of_a_foreign_run_or_of_another_kind_are_not_shown(browse, manager, url, data):
    from projects.models import Project

    foreign = Run.objects.create(project=Project.objects.create(name="Other"), kind="analysis")
    other_kind = Run.objects.create(project=data)
    for run in (foreign, other_kind):
        assert browse(manager).get(f"{url}?from={run.pk}").status_code == 404
