"""The labels of a run so far as an analysis of strategies: a draft, with the run's settings, and its bias said."""

import pytest

from learning.models import Run
from tests.learning.runs import fill, finished


@pytest.fixture
def labeled(project) -> Run:
    fill(project, 120, known="half")
    return finished(
        project, oracle="known", batch_size=8, seed_size=10, strategy={"name": "entropy"}, stop=[{"name": "budget", "labels": 30}]
    )


def test_the_button_opens_the_form_of_a_draft_with_the_runs_settings(labeled, client, manager):
    client.force_login(manager)
    page = client.post(f"/distilling/{labeled.pk}/replay/", follow=True)
    draft = Run.objects.get(kind="analysis")
    c = draft.configuration
    assert draft.status == "draft" and page.status_code == 200 and f"from={draft.pk}" in page.redirect_chain[0][0]
    assert [s["name"] for s in c["strategies"]] == ["random", "entropy", "margin"]
    assert (c["learners"], c["features"]) == ([labeled.configuration["learner"]], [labeled.configuration["features"]])
    assert c["leave_out"] is True and c["batch_sizes"] == [4]  # 60 labels: 48 in the pool, 10 of them seed, 8 rounds
    assert "no random sample" in page.content.decode()

    # Again without a new label: the same draft, not another one.
    client.post(f"/distilling/{labeled.pk}/replay/")
    assert Run.objects.filter(kind="analysis").count() == 1


def test_by_rest_it_says_what_it_cannot_tell(labeled, api, manager):
    answer = api(manager).post(f"/api/runs/{labeled.pk}/replay/", {})
    assert answer.status_code == 201 and answer.json()["status"] == "draft" and "no random sample" in answer.json()["note"]


def test_too_few_labels_are_refused_with_a_sentence(make_run, client, api, manager):
    run = make_run()  # three items with a label
    answer = api(manager).post(f"/api/runs/{run.pk}/replay/", {})
    assert answer.status_code == 400 and "needs at least 10" in str(answer.json())
    client.force_login(manager)
    page = client.post(f"/distilling/{run.pk}/replay/", follow=True)
    assert "There is not enough to compare yet." in page.content.decode() and not Run.objects.filter(kind="analysis").exists()
