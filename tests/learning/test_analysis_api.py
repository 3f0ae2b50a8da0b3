"""REST of analyses, and the same from the command line."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from learning import actions
from learning.models import Run
from learning.phases import Phase
from projects.models import Project
from tests.learning.runs import fill
from tests.learning.test_analysis import SMALL, work

pytestmark = pytest.mark.django_db
URL = "/api/runs/"


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


def submit(api, user, project, **given):
    body = {"kind": "analysis", "project": project.pk, "start": True, "configuration": {**SMALL, **given}}
    with TestCase.captureOnCommitCallbacks(execute=True):
        return api(user).post(URL, body)


@pytest.fixture
def done(api, manager, data):
    return work(Run.objects.get(pk=submit(api, manager, data).json()["id"]))


def test_submitted_once_watched_and_reported(api, manager, viewer, data):
    answer = submit(api, manager, data)
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["kind"], body["status"]) == ("analysis", "queued")
    trials = api(viewer).get(f"{URL}{body['id']}/trials/").json()
    assert trials["progress"]["trials"] == 20 and {t["state"] for t in trials["trials"]} == {"queued"}
    work(Run.objects.get(pk=body["id"]))
    report = api(viewer).get(f"{URL}{body['id']}/report/").json()
    assert report["status"] == "finished" and report["progress"]["share"] == 1.0
    cells = report["results"]["cells"]
    assert [cell["batch_size"] for cell in cells] == [10, 25]
    by_name = {row["name"]: row for row in cells[0]["strategies"]}
    assert set(by_name) == {"random", "margin"} and by_name["random"]["difference"] is None
    assert cells[0]["ceiling"]["mean"] > 0.5 and cells[0]["sentence"].endswith(".")
    assert cells[0]["n_splits"] == 4 and cells[0]["complete"]


def test_everything_to_repeat_it_is_in_the_report(api, manager, viewer, data, done):
    report = api(viewer).get(f"{URL}{done.pk}/report/").json()
    assert report["fingerprint"] and report["versions"]["scikit-learn"]
    again = work(Run.objects.get(pk=submit(api, manager, data, **report["configuration"]).json()["id"]))
    second = api(viewer).get(f"{URL}{again.pk}/report/").json()
    for cell, other in zip(report["results"]["cells"], second["results"]["cells"], strict=True):
        for row, twin in zip(cell["strategies"], other["strategies"], strict=True):
            assert (row["curve"], row["area"], row["difference"]) == (twin["curve"], twin["area"], twin["difference"])


def test_another_metric_and_another_target(api, viewer, done):
    report = api(viewer).get(f"{URL}{done.pk}/report/?metric=f1_macro&target=0.6").json()["results"]
    assert (report["metric"], report["target"]) == ("f1_macro", 0.6)
    for wrong, field in (("metric=speed", "metric"), ("target=high", "target")):
        answer = api(viewer).get(f"{URL}{done.pk}/report/?{wrong}")
        assert answer.status_code == 400 and field in answer.json()


def test_a_row_per_round_as_csv(api, viewer, done):
    rows = list(csv.DictReader(io.StringIO(api(viewer).get(f"{URL}{done.pk}/rounds/?format=csv").content.decode())))
    assert len(rows) == 4 * (6 + 6 + 3 + 3 + 1)
    first = next(row for row in rows if row["strategy"] == "margin")
    assert {"trial", "fold", "repeat", "learner", "features", "labels", "accuracy", "seconds_training"} <= set(first)
    assert first["learner"] == "Logistic regression"


def test_a_failed_trial_is_tried_again_alone(api, manager, annotator, done):
    trial = done.trials.last()
    trial.rounds.all().delete()
    done.trials.filter(pk=trial.pk).update(phase=Phase.FAILED, error="my own fault", round_number=0)
    assert api(annotator).post(f"{URL}{done.pk}/retry/?trial={trial.pk}").status_code == 403
    assert api(manager).post(f"{URL}{done.pk}/retry/?trial={done.trials.first().pk}").status_code == 409
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert api(manager).post(f"{URL}{done.pk}/retry/?trial={trial.pk}").json()["status"] == "queued"
    assert work(done).status == "finished" and trial.rounds.count() > 0
    assert api(manager).post(f"{URL}{done.pk}/retry/").status_code == 409


def test_several_analyses_side_by_side(api, manager, outsider, data, done):
    other = Project.objects.create(name="Other", modality="text", created_by=manager)
    other.memberships.create(user=manager, role="manager")
    for name in ("ham", "spam"):
        other.labels.create(name=name)
    fill(other, 150, seed=7)
    second = work(Run.objects.get(pk=submit(api, manager, other).json()["id"]))
    body = api(manager).get(f"{URL}compare/?run={done.pk}&run={second.pk}").json()
    assert [entry["dataset"] for entry in body["runs"]] == ["Questions", "Other"]
    assert body["results"]["across"]["n"] == 2
    assert api(manager).get(f"{URL}compare/?run={done.pk}").status_code == 400
    assert api(outsider).get(f"{URL}compare/?run={done.pk}&run={second.pk}").status_code == 404


def test_a_fault_of_the_plan_is_named_with_its_place(api, manager, data):
    answer = submit(api, manager, data, folds=1)
    assert answer.status_code == 400 and "configuration.folds" in answer.json()
    assert not Run.objects.exists()


# --- The command line


def test_from_the_command_line(data, tmp_path, transactional_db):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(SMALL | {"repeats": 1}))
    out = io.StringIO()
    call_command("analyse", str(plan), project=data.pk, processes=1, stdout=out)
    run = Run.objects.get()
    assert run.status == "finished" and "10/10 trials" in out.getvalue() and "All 10 trials are done." in out.getvalue()
    with pytest.raises(CommandError, match="nothing is left to do"):
        call_command("analyse", run=run.pk)


@pytest.mark.parametrize(
    ("plan", "words"),
    [("{}{", "is no JSON"), ('{"folds": 1}', "folds: Must be"), ("missing.json", "cannot be read"), ("[1]", "must be an object")],
)
def test_a_plan_that_cannot_be_run_is_refused_in_words(data, plan, words):
    with pytest.raises(CommandError, match=words):
        call_command("analyse", plan, project=data.pk)
    assert not Run.objects.exists()


def test_a_paused_analysis_goes_on(data, transactional_db):
    run = actions.create_run(None, data, "analysis", SMALL | {"repeats": 1})
    actions.start_run(run, None)
    work(run, most=4)
    actions.pause_run(run, None)
    call_command("analyse", run=run.pk, processes=2, stdout=io.StringIO())
    run.refresh_from_db()
    assert run.status == "finished" and run.trials.filter(phase=Phase.FINISHED).count() == 10
