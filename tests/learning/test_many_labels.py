"""A run on items with any number of labels: from the first question to a model that is good, and what is refused on the way."""

import io

import numpy as np
import pandas as pd
import pytest
from django.test import TestCase
from django.utils import timezone

import learning.loop
from annotation.models import Query, Verdict
from annotation.queue import lease_next, submit
from learning import actions, engine
from learning.configuration import ConfigurationError, suggest
from learning.finishing import read_predictions
from learning.forms import RunForm
from learning.jobs import advance
from learning.live import live_facts
from learning.models import ModelFile, Run, Trial
from learning.reports import report
from projects import leases
from projects.models import Dataset, Item, Label
from tests.learning.runs import NOISE, curve, finished, started

WORDS = {"card": ["card", "plastic"], "lost": ["lost", "stolen"], "new": ["new", "fresh"], "open": ["open", "start"]}
KNOWN = {"oracle": "known", "seed_size": 15, "batch_size": 15, "stop": [{"name": "budget", "labels": 90}]}


@pytest.fixture
def several(project):
    """A project of any number of labels per item: each of four labels is there where one of its words is."""
    project.task = "multiple"
    project.save()
    project.labels.all().delete()
    for position, name in enumerate(WORDS, 1):
        Label.objects.create(project=project, name=name, hotkey=str(position), position=position)
    return project


def fill(project, n: int = 220, *, known: bool = True) -> list[list[str]]:
    """Items, and the names of the labels of each; some have none."""
    rng = np.random.default_rng(0)
    ids = dict(project.labels.values_list("name", "pk"))
    dataset = Dataset.objects.create(project=project, name="data.csv", status=Dataset.Status.FINISHED)
    names, items = [], []
    for i in range(n):
        mine = [name for name in WORDS if rng.random() < 0.35]
        words = [*rng.choice(NOISE, 3), *(rng.choice(WORDS[name]) for name in mine)]
        stored = sorted(ids[name] for name in mine)
        content = f"{' '.join(rng.permutation(words))} {i}"
        items.append(Item(project=project, dataset=dataset, key=f"k{i}", content=content, known=stored if known else None))
        names.append(mine)
    Item.objects.bulk_create(items)
    if known:
        imported = [Verdict(project=project, item=item, value=item.known, source="imported") for item in project.items.all()]
        Verdict.objects.bulk_create(imported)
    return names


def test_known_labels_lead_to_a_model_that_is_better_with_every_batch_of_labels(several, manager, browse, api, tmp_path):
    names = fill(several)
    run = finished(several, **KNOWN, random_state=2, exploration=0.3)
    assert (run.status, run.stop_reason) == ("finished", "The budget of 90 labels is spent.")
    rounds = list(run.trials.get().rounds.order_by("number"))
    curve = [row.metrics["f1_micro"]["value"] for row in rounds]
    assert [row.n_labeled for row in rounds] == [15, 30, 45, 60, 75, 90]
    assert curve[-1] > curve[0] + 0.2 and curve[-1] > 0.85
    assert all(m["low"] <= m["value"] <= m["high"] for row in rounds for m in row.metrics.values())

    # What was asked, by which strategy, and what the learner expected in the batch.
    query = run.trials.get().queries.filter(round_number=2, purpose="query").first()
    assert (query.strategy, query.prediction) == ("mean_entropy", None) and query.score is not None
    assert sum(rounds[2].batch["predicted"]) > 0 and sum(rounds[2].batch["arrived"]) > 0

    # The results: each label by itself, and no matrix of confusions.
    found = report(run)
    assert (found["main_metric"], found["confusion"], found["top_confusions"]) == ("f1_micro", [], [])
    assert [row["name"] for row in found["per_class"]] == list(WORDS)
    assert all(row["support"] > 0 and row["f1"] > 0.7 for row in found["per_class"])
    page = browse(manager).get(f"/distilling/{run.pk}/results/").content.decode()
    assert "All labels right" in page and "Hamming loss" in page and "Confusions" not in page and "Label the rest" not in page

    # Beside labels that chance drew, by the share of test items of which every label is right.
    live = live_facts(run)
    last = next(row for row in rounds if row.number == live["arms"]["round"])
    assert live["metric"] == "subset_accuracy" and 0 <= live["arms"]["random"]["value"] <= 1
    assert {"labels": last.n_labeled, **last.metrics["subset_accuracy"]} in live["curve"]
    page = browse(manager).get(f"/distilling/{run.pk}/").content.decode()
    assert "All labels right with the strategy and at random" in page and "Other strategies on these labels" not in page

    # The model file predicts from raw texts, and says which column is which label.
    path = tmp_path / "model.skops"
    path.write_bytes(ModelFile.objects.get(trial__run=run).file.read())
    model = engine.load(path)
    assert model.classes_.tolist() == list(WORDS)
    assert model.predict(["my plastic was stolen today", "hello there"]).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]

    card = ModelFile.objects.get(trial__run=run).card
    assert "any number of 4 labels" in card and "F1 (micro)" in card and "Ranking precision" in card

    # The predictions, in the form of the task: most sets of labels are right.
    frame = read_predictions(run.trials.get())
    by_id = dict(several.labels.values_list("pk", "name"))
    predicted = [sorted(by_id[pk] for pk in value) for value in frame["prediction"]]
    assert np.mean([p == sorted(n) for p, n in zip(predicted, names, strict=True)]) > 0.7
    rows = pd.read_csv(io.BytesIO(api(manager).get(f"/api/runs/{run.pk}/data/").getvalue()))
    assert set("|".join(rows["prediction"].fillna("")).replace(" ", "").split("|")) >= set(WORDS)


def test_people_are_asked_and_their_labels_are_learnt(several, annotator):
    names = fill(several, 120, known=False)
    budget = [{"name": "budget", "labels": 45}]
    run = started(several, oracle="people", mode="strict", seed_size=15, batch_size=15, test_ratio=0.2, quorum=1.0, stop=budget)
    trial = run.trials.get()
    for _ in range(4):
        with TestCase.captureOnCommitCallbacks(execute=True):
            advance(trial.pk)
        while assignments := lease_next(annotator, several, 10):
            for one in assignments:
                value = names[int(one.item.key[1:])]
                submit(annotator, several, assignment=one, value=value, seconds=1.0, token=f"t{one.item_id}")
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(trial.pk)
    run.refresh_from_db()
    last = trial.rounds.order_by("number").last()
    assert (run.status, last.n_labeled, last.n_test) == ("finished", 45, 24)
    assert last.metrics["f1_micro"]["value"] > trial.rounds.get(number=1).metrics["f1_micro"]["value"]
    assert not Query.objects.filter(trial=trial, status="open").exists()


def test_as_long_as_all_answers_are_alike_chance_asks(several):
    """But for one item, which is in the test set."""
    fill(several, 60)
    several.items.update(known=[])
    test = engine.draw_test(60, 0.2, engine.generator(1, "test", 0, 0))
    several.items.filter(key=f"k{test[0]}").update(known=[several.labels.first().pk])
    budget = [{"name": "budget", "labels": 20}]
    run = finished(several, oracle="known", seed_size=5, batch_size=5, stop=budget, exploration=0.0)
    assert (run.status, ModelFile.objects.filter(trial__run=run).exists()) == ("finished", False)
    assert set(run.trials.get().queries.filter(purpose="query").values_list("strategy", flat=True)) == {"random"}


def test_a_label_that_is_made_while_the_run_goes_on_is_learnt_too(several):
    fill(several, 160)
    run = started(several, **(KNOWN | {"stop": [{"name": "budget", "labels": 60}]}))
    late = Label.objects.create(project=several, name="late", position=5)
    for item in several.items.filter(content__contains="card"):
        item.known = sorted([*item.known, late.pk])
        item.save()
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)
    run.refresh_from_db()
    assert (run.status, run.classes[-1]) == ("finished", late.pk)
    assert report(run)["per_class"][-1]["name"] == "late" and report(run)["per_class"][-1]["f1"] > 0.5


def test_a_run_that_was_killed_ends_with_the_same_curve(several, monkeypatch):
    """Also the training, which begins where the last round ended."""
    fill(several, 120)
    given = KNOWN | {"stop": [{"name": "budget", "labels": 60}]}
    undisturbed = curve(finished(several, **given))
    run = started(several, **given)
    trial, real = run.trials.get(), learning.loop.move

    def move_and_die(trial, target, **kwargs):
        real(trial, target, **kwargs)
        if target == "selecting" and trial.round_number == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(learning.loop, "move", move_and_die)
    with pytest.raises(KeyboardInterrupt):
        advance(trial.pk)
    monkeypatch.undo()
    Trial.objects.filter(pk=trial.pk).update(worker="dead", heartbeat_at=timezone.now() - 2 * leases.STALE_AFTER)
    advance(trial.pk)
    run.refresh_from_db()
    assert (run.status, curve(run)) == ("finished", undisturbed)


def test_the_form_offers_what_can_be_done_with_several_labels(several, manager, browse):
    fill(several, 120)
    form = RunForm(several)
    assert form.start_from["strategy"]["name"] == "mean_entropy"
    assert form.fields["learner.logistic_regression.class_weight"].initial == "balanced"
    strategies = {name for name, _ in form.fields["strategy"].choices}
    assert strategies >= {"mean_entropy", "bin_min", "mmc", "adaptive", "cvirs", "random"} and "margin" not in strategies
    assert [name for name, _ in form.fields["stop.accuracy.metric"].choices] == ["f1_macro", "f1_micro"]
    assert (
        "second_opinions" not in form.fields
        and "stop.accuracy.certainty" not in form.fields
        and "stop.margin_exhaustion" not in form.fields
    )
    assert "stratified" not in dict(form.fields["seed_strategy"].choices)
    url = f"/projects/{several.pk}/runs/new/"
    assert "Least sure label" in browse(manager).get(url).content.decode()
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False, "")}
    response = browse(manager).post(url, sent | {"oracle": "known", "stop.budget.labels": 60, "then": "draft"})
    run = Run.objects.get()
    assert response["Location"] == f"/distilling/{run.pk}/"
    assert (run.configuration["strategy"]["name"], run.configuration["stop"][1]["metric"]) == ("mean_entropy", "f1_micro")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"strategy": "margin"}, "strategy", "mean_entropy"),
        ({"stop": [{"name": "accuracy", "metric": "accuracy"}]}, "stop.0.metric", "choose f1_micro or f1_macro"),
        ({"stop": [{"name": "accuracy", "certainty": 0.9}]}, "stop.0.certainty", "choose 0"),
        ({"stop": ["margin_exhaustion"]}, "stop.0", "not measured"),
        ({"second_opinions": 0.2}, "second_opinions", "choose 0"),
        ({"seed_strategy": "stratified"}, "seed_strategy", "Must be one of random"),
        ({"warm_up": {"strategy": "mmc", "labels_per_class": 2}}, "warm_up.strategy", "needs no model"),
    ],
)
def test_what_is_not_there_for_several_labels_is_refused_at_its_field(several, given, field, says):
    fill(several, 40)
    with pytest.raises(ConfigurationError) as refused:
        actions.create_run(None, several, "development", given)
    assert says in refused.value.errors[field][0]


def test_what_only_one_label_allows_is_refused_in_words(several, manager, browse, api):
    fill(several, 80)
    run = finished(several, **(KNOWN | {"stop": [{"name": "budget", "labels": 30}]}))
    for path in (f"/projects/{several.pk}/", f"/projects/{several.pk}/runs/"):
        page = browse(manager).get(path).content.decode()
        assert "/runs/new/" in page and "/analyses/new/" not in page
    page = browse(manager).get(f"/projects/{several.pk}/analyses/new/", follow=True).content.decode()
    assert "An analysis compares strategies for one label per item" in page
    for kind in ("analysis", "labeling"):
        response = api(manager).post(
            "/api/runs/", {"project": several.pk, "kind": kind, "configuration": {"source": run.pk}}, format="json"
        )
        assert response.status_code == 400 and "one label per item" in str(response.json())
    assert "one label per item" in browse(manager).get(f"/distilling/{run.pk}/label-the-rest/", follow=True).content.decode()
    response = api(manager).post(f"/api/runs/{run.pk}/replay/")
    assert response.status_code == 409 and "one label per item" in str(response.json())


def test_the_suggestion_of_a_project_with_one_label_is_what_it_was(project):
    assert (suggest(project)["strategy"]["name"], suggest(project)["stop"][1]["metric"]) == ("margin", "accuracy")
