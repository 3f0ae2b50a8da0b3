"""REST of runs: submit, control, watch, fetch."""

import io
import zipfile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from learning.models import ModelFile, Run
from projects.models import Item, Project
from tests.learning.conftest import ask

URL = "/api/runs/"


@pytest.fixture
def labeled_items(items, project):
    """Half of the items have an imported label, of both classes."""
    ham, spam = project.labels.values_list("pk", flat=True)
    for i, item in enumerate(items[:26]):
        item.known = ham if i % 2 else spam
    Item.objects.bulk_update(items[:26], ["known"])
    return items


# --- Submit


def test_a_project_alone_makes_a_sensible_draft(api, manager, project, labeled_items):
    answer = api(manager).post(URL, {"kind": "development", "project": project.pk})
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["status"], body["phase"], body["created_by"]) == ("draft", "", "manager")
    assert body["configuration"]["strategy"]["name"] and body["configuration"]["batch_size"] > 0
    assert body["progress"]["labels"] == 0 and body["progress"]["goal"] > 0


def test_start_true_starts_at_once(api, manager, project, labeled_items):
    body = api(manager).post(URL, {"project": project.pk, "start": True, "name": "first"}).json()
    assert (body["status"], body["phase"], body["name"]) == ("queued", "preparing", "first")
    assert body["started_at"]


@pytest.mark.parametrize(
    "configuration, field",
    [
        ({"batch_size": 0}, "configuration.batch_size"),
        ({"seed_size": 49}, "configuration.seed_size"),
        ({"learner": {"name": "nonsense"}}, "configuration.learner"),
        ({"learner": {"name": "logistic_regression", "C": -1}}, "configuration.learner.C"),
        ({"stop": [{"name": "budget", "labels": "many"}]}, "configuration.stop.0.labels"),
        ({"colour": "red"}, "configuration.colour"),
        ({"datasets": 7}, "configuration.datasets"),
        ({"datasets": [[1]]}, "configuration.datasets"),
        ({"datasets": [0]}, "configuration.datasets"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(api, manager, project, labeled_items, configuration, field):
    answer = api(manager).post(URL, {"project": project.pk, "configuration": configuration})
    assert answer.status_code == 400
    assert answer.json()[field][0] and all(name.startswith("configuration.") for name in answer.json())
    assert not Run.objects.exists()


def test_an_unknown_kind_is_refused_with_those_there_are(api, manager, project, labeled_items):
    answer = api(manager).post(URL, {"project": project.pk, "kind": "magic"})
    assert answer.status_code == 400
    assert "analysis" in answer.json()["kind"][0]


@pytest.mark.parametrize("body", [{}, {"project": "x"}, {"project": None}, {"project": 1, "configuration": [1]}, [1, 2], "text"])
def test_a_wrong_body_is_a_400(api, manager, body):
    assert api(manager).post(URL, body).status_code == 400


@pytest.mark.parametrize("person, status", [("annotator", 403), ("viewer", 403), ("outsider", 404), ("manager", 201)])
def test_only_managers_submit(api, project, labeled_items, request, person, status):
    assert api(request.getfixturevalue(person)).post(URL, {"project": project.pk}).status_code == status


def test_nobody_is_asked_for_a_token(api, db):
    assert api(None).get(URL).status_code == 401


# --- Control


@pytest.mark.parametrize(
    "action, before, after",
    [
        ("pause", "running", "paused"),
        ("resume", "paused", "queued"),
        ("stop", "running", "queued"),
        ("retry", "failed", "queued"),
    ],
)
def test_managers_control(api, manager, make_run, action, before, after):
    run = make_run(status=before, phase="failed" if before == "failed" else "waiting")
    answer = api(manager).post(f"{URL}{run.pk}/{action}/")
    assert (answer.status_code, answer.json()["status"]) == (200, after)


@pytest.mark.parametrize("action", ["start", "pause", "resume", "stop", "retry"])
def test_in_the_wrong_state_it_is_409_with_a_sentence(api, manager, make_run, action):
    run = make_run(status="finished", phase="finished")
    answer = api(manager).post(f"{URL}{run.pk}/{action}/")
    assert answer.status_code == 409
    assert "The run is finished" in answer.json()["detail"]


@pytest.mark.parametrize("person, status", [("annotator", 403), ("viewer", 403), ("outsider", 404)])
@pytest.mark.parametrize("action", ["start", "pause", "resume", "stop", "retry"])
def test_others_do_not_control(api, make_run, request, person, status, action):
    run = make_run()
    assert api(request.getfixturevalue(person)).post(f"{URL}{run.pk}/{action}/").status_code == status
    run.refresh_from_db()
    assert run.status == "running"


# --- Watch


@pytest.mark.parametrize("path", ["", "rounds/", "report/", "model/", "data/"])
@pytest.mark.parametrize("person, status", [("viewer", 200), ("annotator", 200), ("outsider", 404), (None, 401)])
def test_members_read_and_strangers_do_not(api, make_run, with_model, request, person, status, path):
    run = make_run(status="finished", phase="finished")
    with_model(run)
    user = request.getfixturevalue(person) if person else None
    answer = api(user).get(f"{URL}{run.pk}/{path}")
    answer.close()
    assert answer.status_code == status


def test_a_run_says_its_phase_progress_and_score(api, viewer, make_run, items):
    run = make_run(rounds=2, phase="waiting")
    ask(run, items[10:14])
    body = api(viewer).get(f"{URL}{run.pk}/").json()
    assert body["progress"] == {"labels": 10, "goal": 20, "share": 0.5, "round": 2}
    assert (body["phase"], body["detail"]) == ("waiting", "0 of 4 answers since round 2")
    assert body["score"]["metric"] == "accuracy" and body["score"]["value"] == pytest.approx(0.7)
    assert body["score"]["low"] < 0.7 < body["score"]["high"]


def test_the_list_has_my_projects_runs_and_can_be_filtered(api, manager, make_run, project):
    make_run(), make_run(status="finished", phase="finished")
    other = Project.objects.create(name="Other")
    Run.objects.create(project=other)
    client = api(manager)
    assert client.get(URL).json()["count"] == 2
    assert client.get(f"{URL}?status=finished").json()["count"] == 1
    assert client.get(f"{URL}?project={other.pk}").json()["count"] == 0
    assert client.get(f"{URL}?project=x").status_code == 400


def test_the_list_costs_the_same_queries_for_one_run_as_for_ten(api, viewer, make_run):
    client = api(viewer)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(URL)
        return len(captured)

    make_run()
    one = queries()
    for _ in range(9):
        make_run()
    assert queries() == one


def test_rounds_are_one_flat_row_each(api, viewer, make_run):
    run = make_run(rounds=3)
    body = api(viewer).get(f"{URL}{run.pk}/rounds/?page_size=2").json()
    assert body["count"] == 3 and len(body["results"]) == 2
    row = body["results"][1]
    assert (row["round"], row["labels"], row["strategy"], row["batch_size"], row["fold"], row["repeat"]) == (
        2,
        10,
        "margin",
        4,
        0,
        0,
    )
    assert (row["accuracy"], row["seconds_training"]) == (pytest.approx(0.7), 0.2)
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]


def test_rounds_as_csv_has_the_same_columns(api, viewer, make_run):
    run = make_run(rounds=3)
    answer = api(viewer).get(f"{URL}{run.pk}/rounds/?format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    head, *rows = answer.content.decode().splitlines()
    row = api(viewer).get(f"{URL}{run.pk}/rounds/").json()["results"][0]
    assert head.split(",") == list(row) and len(rows) == 3


def test_an_unknown_format_names_the_known_ones(api, viewer, make_run):
    answer = api(viewer).get(f"{URL}{make_run().pk}/rounds/?format=xlsx")
    assert answer.status_code == 400 and "csv" in answer.json()["format"][0]


def test_the_report_is_there_for_a_running_run_too(api, viewer, make_run):
    body = api(viewer).get(f"{URL}{make_run(rounds=2).pk}/report/").json()
    assert (body["final"], body["last"]["round"], body["has_model"]) == (False, 2, False)
    assert [row["name"] for row in body["per_class"]] == ["ham", "spam"]


# --- Fetch


def test_a_model_that_is_not_there_yet_is_409_with_a_sentence(api, viewer, make_run):
    answer = api(viewer).get(f"{URL}{make_run().pk}/model/")
    assert answer.status_code == 409 and "no model file yet" in answer.json()["detail"]


def test_the_model_its_card_and_the_bundle(api, viewer, make_run, with_model):
    run = make_run(status="finished", phase="finished")
    with_model(run)
    client = api(viewer)
    answer = client.get(f"{URL}{run.pk}/model/")
    assert b"".join(answer.streaming_content) == b"the model"
    assert f'run-{run.pk}.skops"' in answer["Content-Disposition"]
    assert client.get(f"{URL}{run.pk}/model/?format=card").content.decode().startswith("# A model card\n")
    with zipfile.ZipFile(io.BytesIO(client.get(f"{URL}{run.pk}/model/?format=zip").content)) as archive:
        names = set(archive.namelist())
        assert {"model.skops", "README.md", "example.py", "requirements.txt", "configuration.json"} <= names
        assert "scikit-learn==" in archive.read("requirements.txt").decode()
        assert archive.read("example.py").decode() == "import skops.io\n"


def test_an_image_models_bundle_has_the_module_that_it_imports(api, viewer, make_run, with_model, project):
    Project.objects.filter(pk=project.pk).update(modality="image")
    run = make_run(status="finished", phase="finished", configuration={"features": {"name": "hog"}})
    with_model(run)
    body = api(viewer).get(f"{URL}{run.pk}/model/?format=zip").content
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert b"class" in archive.read("alambic_images.py")
    assert ModelFile.objects.count() == 1


def test_the_schema_describes_runs_without_a_warning(client, db, capsys):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    with GENERATOR_STATS.silence():
        schema = SchemaGenerator().get_schema(request=None, public=True)
    assert {f"/api/runs/{{id}}/{name}/" for name in ("start", "pause", "rounds", "report", "model")} <= set(schema["paths"])
    told = [str(text) for kind in (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache) for text in kind]
    assert [text for text in told if "learning" in text] == []
