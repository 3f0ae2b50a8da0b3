"""Label the rest at the accuracy that the user specified: the whole way, and what must never happen on it."""

import pytest
from django.test import TestCase

from annotation.models import Purpose, Query, Verdict
from learning import engine
from learning.actions import create_run, start_run, stop_run
from learning.configuration import ConfigurationError
from learning.jobs import advance
from learning.labeling import actions as labeling
from learning.labeling.facts import audit_facts
from learning.labeling.settings import spent_on
from learning.models import Audit, Run
from projects.errors import WrongState
from projects.labels import add_label, merge_label
from tests.learning.runs import answer_open, fill, finished

pytestmark = pytest.mark.django_db
N = 400


def go_on(run: Run) -> Run:
    """What a worker does when it is woken."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)
    run.refresh_from_db()
    return run


@pytest.fixture
def source(project, settings, tmp_path) -> Run:
    """A finished run over 400 items, half of them labelled beforehand."""
    settings.MEDIA_ROOT, settings.FEATURES_DIR = tmp_path / "media", tmp_path / "features"
    project.classes_of_items = fill(project, N, known="half")
    run = finished(project, test_ratio=0, stop=[{"name": "rounds", "rounds": 1}], oracle="people")
    assert run.status == "finished" and run.trials.get().model_file.classes
    run.classes_of_items = project.classes_of_items
    return run


@pytest.fixture
def ask_for(source, manager):
    def ask(**asked) -> Run:
        given = {"source": source.pk, "accuracy": 0.6, "checks": 60, "audit": "uniform", **asked}
        run = create_run(manager, source.project, "labeling", given)
        with TestCase.captureOnCommitCallbacks(execute=True):
            start_run(run, manager)
        return go_on(run)

    return ask


def answer(run: Run, user, source: Run, **how) -> Run:
    answer_open(run, source.classes_of_items, user, **how)
    return go_on(run)


def model_verdicts(project):
    return Verdict.objects.filter(project=project, source="model", current=True)


def test_nothing_is_written_before_it_is_proven_and_accepted(source, ask_for, manager):
    run = ask_for()
    assert run.status == "running" and run.trials.get().phase == "waiting"
    checks = Query.objects.filter(trial__run=run)
    assert checks.count() == 60 and set(checks.values_list("purpose", flat=True)) == {Purpose.CHECK}
    labeled = set(Verdict.objects.filter(current=True).values_list("item", flat=True))
    assert not labeled & set(checks.values_list("item", flat=True))  # only what has no label is checked
    with pytest.raises(WrongState, match="Not all checks are answered"):
        labeling.accept(run, manager)

    answer(run, manager, source, limit=30)
    assert audit_facts(run)["state"] == "checking" and audit_facts(run)["checks"] == {"asked": 60, "answered": 30}

    run = answer(run, manager, source)
    facts = audit_facts(run)
    assert facts["state"] == "proven" and run.status == "running"
    decision = facts["decision"]
    assert decision["accepted"] and decision["n_checked"] == 60 and decision["bound"] <= 0.4
    assert not model_verdicts(source.project).exists()


def test_who_declines_before_the_last_check_has_spent_the_risk_too(source, ask_for, manager):
    """The answers are there to be seen: stopping an audit that goes badly, and trying again, must not be free."""
    run = ask_for(accuracy=0.9)
    answer_open(run, [1 - c for c in source.classes_of_items], manager, limit=1)
    with TestCase.captureOnCommitCallbacks(execute=True):
        stop_run(run, manager)
    assert go_on(run).status == "stopped" and spent_on(source) == pytest.approx(0.05)
    with pytest.raises(ConfigurationError, match="have spent a risk of 0.05"):
        ask_for()


def test_who_declines_before_any_check_is_answered_has_spent_nothing(source, ask_for, manager):
    run = ask_for()
    with TestCase.captureOnCommitCallbacks(execute=True):
        stop_run(run, manager)
    assert go_on(run).status == "stopped" and spent_on(source) == 0
    assert ask_for().status == "running"


def test_a_draft_takes_what_is_left_of_the_risk_when_it_starts(source, manager):
    def draft(risk: str) -> Run:
        given = {"source": source.pk, "accuracy": 0.6, "checks": 60, "audit": "uniform", "risk": risk}
        return create_run(manager, source.project, "labeling", given)

    whole, half = draft("whole"), draft("half")
    for run in (half, whole):
        start_run(run, manager)
    whole.refresh_from_db()
    assert whole.configuration["delta"] == half.configuration["delta"] == pytest.approx(0.025)
    assert spent_on(source) == pytest.approx(0.05)
    with pytest.raises(WrongState):
        start_run(whole, manager)


def test_a_model_that_gives_a_label_that_was_merged_labels_nothing(source, ask_for, project):
    ham, spam = project.labels.order_by("position")
    merge_label(spam, add_label(project, "junk"))
    with pytest.raises(ConfigurationError, match="'spam', which was merged or retired since"):
        ask_for()


def test_accepted_labels_say_where_they_come_from_and_the_rest_goes_back_to_people(source, ask_for, manager):
    run = answer(ask_for(audit="targeted", accuracy=0.85, checks=60), manager, source)
    if audit_facts(run)["state"] != "proven":
        pytest.fail(str(audit_facts(run)["decision"]))
    promised = audit_facts(run)["decision"]["n_labels"]
    with TestCase.captureOnCommitCallbacks(execute=True):
        labeling.accept(run, manager)
    run = go_on(run)
    assert run.status == "finished" and audit_facts(run)["state"] == "labeled"
    written = model_verdicts(source.project)
    assert written.count() == promised > 0
    first = written.first()
    assert (first.run, first.round_number, first.accuracy, first.certainty) == (run, 1, 0.85, 0.95)
    assert 0.5 <= first.probability <= 1
    # Everybody has a label now, or is asked, most uncertain first.
    asked = Query.objects.filter(trial__run=run, purpose=Purpose.QUERY, status="open").order_by("rank")
    assert Verdict.objects.filter(current=True).count() + asked.count() == N
    scores = list(asked.values_list("score", flat=True))
    assert scores == sorted(scores, reverse=True)
    assert not set(written.values_list("item", flat=True)) & set(asked.values_list("item", flat=True))
    # A model's labels are no labels to learn from.
    assert not set(written.values_list("item", flat=True)) & set(
        Verdict.objects.filter(current=True).exclude(source="model").values_list("item", flat=True)
    )


def test_one_click_takes_it_all_back_and_people_keep_their_word(source, ask_for, manager):
    run = answer(ask_for(), manager, source)
    with TestCase.captureOnCommitCallbacks(execute=True):
        labeling.accept(run, manager)
    go_on(run)
    corrected = model_verdicts(source.project).first().item
    from annotation.verdicts import adjudicate

    adjudicate(manager, source.project, corrected, source.classes[0])
    count = model_verdicts(source.project).count()
    assert labeling.undo(run, manager) == count
    assert not model_verdicts(source.project).exists()
    assert Verdict.objects.get(item=corrected, current=True).source == "adjudicated"
    assert audit_facts(run)["state"] == "undone"
    with pytest.raises(WrongState, match="nothing to undo"):
        labeling.undo(run, manager)


def test_a_promise_that_is_not_proven_is_refused_with_what_would_help(source, ask_for, manager):
    run = ask_for(accuracy=0.97, checks=110, audit="uniform")
    wrong = [1 - c for c in source.classes_of_items]
    answer_open(run, wrong, manager)
    run = go_on(run)
    facts = audit_facts(run)
    assert (run.status, facts["state"]) == ("finished", "refused") and run.stop_reason.startswith("Refused")
    assert facts["decision"]["best_accuracy"] < 0.97 and facts["decision"]["more_flawless"] > 0
    assert not model_verdicts(source.project).exists()
    with pytest.raises(WrongState, match="do not prove"):
        labeling.accept(run, manager)


def test_the_risk_is_spent_once(source, ask_for, manager):
    """All audits of a model together break a promise with probability 1 - certainty at most."""
    first = ask_for(risk="half", accuracy=0.97, checks=130)
    assert first.configuration["delta"] == pytest.approx(0.025)
    answer_open(first, [1 - c for c in source.classes_of_items], manager)
    go_on(first)
    second = ask_for(risk="whole", checks=20)
    assert second.configuration["delta"] == pytest.approx(0.025)
    with pytest.raises(ConfigurationError, match="have spent a risk of 0.05"):
        ask_for()
    assert ask_for(certainty=0.9, checks=20).configuration["delta"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"accuracy": 0.99, "checks": 298}, "checks", "needs at least 299"),
        ({"accuracy": 1.0}, "accuracy", "from 0.5 to 0.999"),
        ({"source": 10**6}, "source", "a run of this project that has a model"),
        ({"mood": 1}, "mood", "Unknown setting"),
        ({"audit": "none"}, "audit", "one of targeted, uniform"),
    ],
)
def test_what_cannot_be_promised_is_said_before_anything_is_asked(ask_for, asked, field, words):
    with pytest.raises(ConfigurationError) as error:
        ask_for(**asked)
    assert words in error.value.errors[field][0]
    assert not Query.objects.filter(purpose=Purpose.CHECK).exists()


def test_checks_that_nobody_could_answer_count_as_wrong(source, ask_for, manager):
    run = ask_for()
    answer(run, manager, source, limit=50)
    Query.objects.filter(trial__run=run, status="open").update(status="skipped")
    run = go_on(run)
    decision = audit_facts(run)["decision"]
    assert decision["unanswered"] == 10 and decision["n_wrong"] >= 10


def test_a_worker_that_dies_at_any_step_changes_nothing(source, ask_for, manager, monkeypatch):
    """The first attempt at each step ends in the middle of its transaction; the next one does the same work."""
    steps = {"_freeze": 0, "_decide": 0, "_apply": 0}

    class PowerCut(BaseException):
        pass

    from learning.labeling import worker

    real = worker.log

    def dies_once(run, text, **kwargs):
        real(run, text, **kwargs)
        for step, words in (("_freeze", "are checked"), ("_decide", "are answered"), ("_apply", "labelled by the model")):
            if words in text and not steps[step]:
                steps[step] += 1
                raise PowerCut

    monkeypatch.setattr(worker, "log", dies_once)

    def again(run: Run) -> None:
        run.trials.update(worker="", heartbeat_at=None)
        for _ in range(2):
            try:
                go_on(run)
            except PowerCut:
                run.trials.update(worker="", heartbeat_at=None)

    run = create_run(manager, source.project, "labeling", {"source": source.pk, "accuracy": 0.6, "checks": 60})
    with TestCase.captureOnCommitCallbacks(execute=True):
        start_run(run, manager)
    again(run)
    assert Query.objects.filter(trial__run=run).count() == 60
    answer_open(run, source.classes_of_items, manager)
    again(run)
    with TestCase.captureOnCommitCallbacks(execute=True):
        labeling.accept(run, manager)
    again(run)
    run.refresh_from_db()
    assert steps == {"_freeze": 1, "_decide": 1, "_apply": 1} and run.status == "finished"
    audit = Audit.objects.get(run=run)
    assert model_verdicts(source.project).count() == audit.n_labeled == audit.decision["n_labels"]


def test_declining_writes_nothing(source, ask_for, manager):
    run = answer(ask_for(), manager, source)
    with TestCase.captureOnCommitCallbacks(execute=True):
        stop_run(run, manager)
    run = go_on(run)
    assert run.status == "stopped" and run.stop_reason.startswith("Declined")
    assert not model_verdicts(source.project).exists()


def test_a_run_of_an_older_version_knows_its_classes_by_name(source, ask_for):
    source.trials.get().model_file.__class__.objects.update(classes=[])
    assert ask_for().trials.get().phase == "waiting"


def test_who_labels_meanwhile_is_not_overruled(source, ask_for, manager):
    run = answer(ask_for(), manager, source)
    free = source.project.items.exclude(verdicts__current=True)
    mine = free.first()
    Verdict.objects.create(project=source.project, item=mine, value=source.classes[1], source="people", user=manager)
    with TestCase.captureOnCommitCallbacks(execute=True):
        labeling.accept(run, manager)
    go_on(run)
    assert Verdict.objects.get(item=mine, current=True).source == "people"


def test_by_rest(source, manager, client):
    client.force_login(manager)

    def call(path: str, data: dict | None = None):
        return client.post(f"/api/runs/{path}", data or {}, content_type="application/json")

    wanted = {"source": source.pk, "accuracy": 0.99, "checks": 100}
    refused = call("", {"project": source.project_id, "kind": "labeling", "configuration": wanted})
    assert refused.status_code == 400 and "needs at least 299" in str(refused.json()["configuration.checks"])
    wanted = {"source": source.pk, "accuracy": 0.6, "checks": 40}
    made = call("", {"project": source.project_id, "kind": "labeling", "configuration": wanted, "start": True})
    assert made.status_code == 201
    run = go_on(Run.objects.get(pk=made.json()["id"]))
    assert call(f"{run.pk}/accept/").status_code == 409
    answer(run, manager, source)
    report = client.get(f"/api/runs/{run.pk}/report/").json()
    assert report["state"] == "proven" and report["decision"]["n_labels"] > 0
    assert call(f"{run.pk}/accept/").status_code == 200
    go_on(run)
    assert client.get(f"/api/runs/{run.pk}/").json()["status"] == "finished"
    exported = client.get(f"/api/projects/{source.project_id}/export/?format=csv")
    assert ",model," in b"".join(exported.streaming_content).decode()
    assert call(f"{run.pk}/undo/").status_code == 200
    assert not model_verdicts(source.project).exists()


def test_the_pages_lead_through_it(source, ask_for, manager, client):
    client.force_login(manager)
    results = client.get(f"/distilling/{source.pk}/results/").content.decode()
    assert f"/distilling/{source.pk}/label-the-rest/" in results
    form = client.get(f"/distilling/{source.pk}/label-the-rest/").content.decode()
    assert "at least <strong>59</strong> checks" in form
    few = {"accuracy": "0.99", "certainty": "0.95", "checks": "10"}
    needs = client.post(f"/distilling/{source.pk}/label-the-rest/needs/", few)
    assert "<strong>299</strong>" in needs.content.decode() and "cannot prove it" in needs.content.decode()
    wrong = client.post(f"/distilling/{source.pk}/label-the-rest/", few)
    assert wrong.status_code == 422 and "can prove nothing" in wrong.content.decode()
    run = ask_for()
    page = client.get(f"/distilling/{run.pk}/").content.decode()
    assert "Nobody sees what the model says" in page
    answer(run, manager, source)
    page = client.get(f"/distilling/{run.pk}/").content.decode()
    assert "What the checks prove" in page and "Is the confidence true?" in page and "<svg" in page
    assert client.get(f"/distilling/{run.pk}/results/").status_code == 302


def test_the_confidence_is_calibrated_on_labels_that_the_models_had_not_seen(source, ask_for):
    audit = Audit.objects.get(run=ask_for())
    calibrator = engine.Calibrator.from_json(audit.calibration["calibrator"])
    assert calibrator.method == "temperature" and calibrator.temperature > 0
    assert sum(b["n"] for b in audit.calibration["reliability"]["after"]) == 200
