"""The pages of an analysis: what a user sees while it runs, what it found, and the files to take away."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from django.test import TestCase
from django.urls import reverse

from learning import actions, engine
from learning.analysis import pages, report, report_page
from learning.models import Run, Trial
from learning.phases import Phase
from projects.models import Label, Membership, Project, Role
from tests.learning.runs import fill
from tests.learning.test_analysis import started, work

pytestmark = pytest.mark.django_db
PLAN = {"strategies": ["random", "margin", "entropy"], "batch_sizes": [10, 25], "learner": "naive_bayes"}


@pytest.fixture(autouse=True)
def nothing_kept():
    """Tests are rolled back and use the same ids again, which a real database never does."""
    pages._kept.clear()
    pages.results._kept.clear()
    report._kept.clear()


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


@pytest.fixture(scope="module")
def finished(django_db_setup, django_db_blocker, redis_server) -> list[int]:
    """Two analyses with one plan, each of a project of its own: made once, since these tests only read them."""
    made = []
    with django_db_blocker.unblock():
        for seed, title in enumerate(("Questions", "Other questions")):
            project = Project.objects.create(name=title, modality="text")
            for position, name in enumerate(("ham", "spam"), 1):
                Label.objects.create(project=project, name=name, position=position)
            fill(project, 150, seed=seed)
            made.append(work(started(project, **PLAN)))
        yield [run.pk for run in made]
        for run in made:
            run.project.delete()


@pytest.fixture
def done(finished, viewer, manager) -> Run:
    """A finished analysis that the viewer may see and the manager may do again."""
    run = Run.objects.select_related("project").get(pk=finished[0])
    Membership.objects.create(project=run.project, user=viewer, role=Role.VIEWER)
    Membership.objects.create(project=run.project, user=manager, role=Role.MANAGER)
    return run


@pytest.fixture
def elsewhere(finished) -> Run:
    """The same analysis in another project, of which nobody is a member."""
    return Run.objects.select_related("project").get(pk=finished[1])


def text_of(response) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


class Broken:
    """A user's own strategy that fails where it has more than 30 labels."""

    label, help, reference, parameters, needs_model = "Broken", "", "", (), False
    name = "broken"

    def select(self, context, batch_size):
        if len(context.labeled) > 30:
            raise ZeroDivisionError("my own fault")
        return engine.Selection(context.candidates[:batch_size])


# --- While it runs


def test_the_page_says_how_far_the_trials_are_and_what_each_one_does(data, browse, viewer):
    run = work(started(data, **PLAN), most=5)
    doing = run.trials.exclude(phase=Phase.FINISHED).first()
    Trial.objects.filter(pk=doing.pk).update(phase=Phase.TRAINING, worker="w")
    page = browse(viewer).get(reverse("run", args=[run.pk]))
    text = text_of(page)
    assert "5 of 28" in text and "training 1" in text and "queued 22" in text and "done 5" in text
    cells = re.findall(r'<td class="t t(\w)"[^>]*title="([^"]+)"[^>]*>([^<]*)<', page.content.decode())
    assert len(cells) == 28 and [code for code, _, _ in cells].count("t") == 1
    title, mark = next((title, mark) for code, title, mark in cells if code == "t")
    assert title == f"{doing.strategy}, batch {doing.batch_size}, repeat 1, fold 1: training" and mark == "T"


def test_nothing_is_sent_while_nothing_is_new(data, browse, viewer):
    run, client = work(started(data, **PLAN), most=3), browse(viewer)
    url = reverse("run-state", args=[run.pk])
    first = client.get(url).json()
    again = {"version": first["version"], "metric": "accuracy"}
    assert client.get(url, again).status_code == 204
    assert client.get(url, again | {"metric": "mcc"}).status_code == 200
    work(run, most=1)
    news = client.get(url, again).json()
    assert news["version"] != first["version"] and news["codes"].count("d") == first["codes"].count("d") + 1
    assert len(news["codes"]) == 28 and set(news["panels"]) == {*pages_of_state()}


def pages_of_state() -> tuple:
    from learning.views.analysis import PANELS

    return PANELS


def test_a_large_analysis_costs_as_many_queries_as_a_small_one(data, browse, viewer, django_assert_max_num_queries):
    client = browse(viewer)
    small = work(started(data, **PLAN), most=2)
    large = work(started(data, **PLAN, repeats=6), most=20)
    counts = []
    for run in (small, large):
        client.get(reverse("run-state", args=[run.pk]))
        with django_assert_max_num_queries(40) as asked:
            client.get(reverse("run-state", args=[run.pk]))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_list_of_analyses_costs_as_many_queries_as_one(data, browse, viewer, django_assert_num_queries):
    client = browse(viewer)
    work(started(data, **PLAN), most=3)
    url = reverse("distilling")
    client.get(url)
    with django_assert_num_queries(_queries(client, url)):
        client.get(url)
    one = _queries(client, url)
    for _ in range(3):
        started(data, **PLAN)
    assert _queries(client, url) == one
    text = text_of(client.get(url))
    assert "3 of 28 trials" in text and "0 of 28 trials" in text


def _queries(client, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        client.get(url)
    return len(asked)


def test_the_curves_grow_with_every_committed_round(data, browse, viewer):
    run, client = started(data, **PLAN), browse(viewer)
    url = reverse("run-state", args=[run.pk])
    assert "The curves begin with" in client.get(url).json()["panels"]["curves"]
    work(run, most=12)
    shown = client.get(url).json()["panels"]["curves"]
    assert shown.count('class="chart-svg"') == 2 and "margin" in shown and "Batch size 25" in shown


def test_the_band_is_the_interval_of_the_report(done):
    """While it runs and when it is over a reader sees the same mean and the same corrected interval."""
    frame = pages.results.rounds(done)
    rows = frame[(frame["strategy"] == "margin") & (frame["batch_size"] == 10)]
    ratio = pages.overlap(2)[0]
    curve = pages._curve("margin", 1, rows, "accuracy", ratio)
    cell = next(c for c in report.statistics(done)["cells"] if c["batch_size"] == 10)
    reported = next(row for row in cell["strategies"] if row["name"] == "margin")["curve"]
    assert curve.x == cell["grid"] and curve.mean == pytest.approx(reported["mean"])
    # The report cuts intervals at 1 and knows the exact sizes of the splits; two halves overlap by one to one in both.
    assert [min(1, high) for high in curve.high] == pytest.approx(reported["high"], abs=1e-9)


def test_only_managers_are_offered_the_buttons_that_fit(data, browse, viewer, manager):
    run = work(started(data, **PLAN), most=2)
    assert "Pause" not in text_of(browse(viewer).get(reverse("run", args=[run.pk])))
    page = browse(manager).get(reverse("run", args=[run.pk])).content.decode()
    offered = re.findall(rf'action="/distilling/{run.pk}/(\w+)/"', page)
    assert offered == ["pause", "stop"]
    browse(manager).post(reverse("run-action", args=[run.pk, "stop"]))
    run.refresh_from_db()
    assert run.status == Run.Status.STOPPED
    assert "stopped 26" in text_of(browse(viewer).get(reverse("run", args=[run.pk])))


def test_a_trial_that_failed_shows_why_and_can_be_tried_again_alone(data, browse, viewer, manager):
    with engine.strategies.temporarily("broken", Broken):
        run = work(started(data, strategies=["random", "broken"], batch_sizes=[10]))
    page = browse(viewer).get(reverse("run", args=[run.pk]))
    assert "4 trials failed" in text_of(page) and "my own fault" in text_of(page)
    failed = list(run.trials.filter(phase=Phase.FAILED).order_by("pk"))
    for trial in failed:
        assert f'href="{reverse("trial", args=[run.pk, trial.pk])}"' in page.content.decode()
    url = reverse("trial", args=[run.pk, failed[0].pk])
    seen = text_of(browse(viewer).get(url))
    assert "ZeroDivisionError" in seen and "Traceback" in seen and "Try this one again" not in seen
    assert "Try this one again" in text_of(browse(manager).get(url))
    browse(manager).post(reverse("trial-retry", args=[run.pk, failed[0].pk]))
    assert run.trials.filter(phase=Phase.FAILED).count() == 3
    assert browse(manager).post(reverse("run-action", args=[run.pk, "retry"])).status_code == 302
    assert run.trials.filter(phase=Phase.FAILED).count() == 0


def test_a_trial_of_another_run_is_not_found(done, data, browse, viewer):
    other = started(data, **PLAN)
    assert browse(viewer).get(reverse("trial", args=[done.pk, other.trials.first().pk])).status_code == 404


def test_a_draft_has_its_settings_and_no_grid(data, browse, manager):
    run = actions.create_run(None, data, "analysis", PLAN)
    page = browse(manager).get(reverse("run", args=[run.pk]))
    text = text_of(page)
    assert "Start" in text and "Margin" in text and 'id="trials"' not in page.content.decode()
    assert browse(manager).get(reverse("run-state", args=[run.pk])).status_code == 200


def test_more_trials_than_can_be_seen_are_shown_as_bars(done, browse, viewer, monkeypatch):
    monkeypatch.setattr(pages, "MOST_CELLS", 10)
    page = browse(viewer).get(reverse("run", args=[done.pk])).content.decode()
    assert 'class="t t' not in page.split('id="trials"')[1] and "4 of 4" in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (10, "less than a minute left"),
        (200, "about 3 min left"),
        (9000, "about 2 h left"),
        (4e5, "about 5 days left"),
    ],
)
def test_the_time_left_is_said_no_more_exactly_than_it_is_known(seconds, words):
    assert pages.about(seconds) == words


# --- The report


def test_the_report_begins_with_what_was_found_in_words(done, browse, viewer):
    page = browse(viewer).get(reverse("run", args=[done.pk]))
    text = text_of(page)
    for cell in report_page.view(done)["facets"][0]["cells"]:
        assert cell["sentence"] in text
    assert text.index("In words") < text.index("Learning curves") < text.index("How these numbers were made")
    assert "Nadeau" in text and "Holm (1979)" in text and "Ash, Zhang" in text


def test_a_long_sentence_is_a_list_of_its_clauses():
    sentence = "margin needed 9 % (95 % interval 4 to 14 %; random missed it in 2 of 4 splits); entropy was worse; no more."
    assert report_page.clauses(sentence) == [
        "margin needed 9 % (95 % interval 4 to 14 %; random missed it in 2 of 4 splits);",
        "entropy was worse;",
        "no more.",
    ]


def test_the_results_of_an_analysis_are_on_its_page(done, browse, viewer):
    response = browse(viewer).get(reverse("results", args=[done.pk]))
    assert response.status_code == 302 and response.url == reverse("run", args=[done.pk])


def test_moving_the_target_counts_the_labels_anew(done, browse, viewer):
    url = reverse("analysis-report", args=[done.pk])
    easy, hard = (
        browse(viewer).get(url, {"metric": "accuracy", "target": target}, headers={"HX-Request": "true"}) for target in (0.6, 2)
    )
    assert "<html" not in easy.content.decode()
    assert "Labels to 0.6" in text_of(easy) and "never in" not in text_of(easy)
    assert text_of(hard).count("never in 4 splits") == 6
    assert text_of(browse(viewer).get(url, {"metric": "mcc"})).count("Matthews correlation") > 3


@pytest.mark.parametrize("query", [{"target": "x"}, {"target": "nan"}, {"metric": "nobody"}, {"metric": "log_loss"}])
def test_nonsense_in_the_address_gives_the_report_as_it_is(done, browse, viewer, query):
    assert "In words" in text_of(browse(viewer).get(reverse("analysis-report", args=[done.pk]), query))


def test_before_anything_can_be_compared_the_report_says_so(data, browse, viewer):
    run = work(started(data, **PLAN), most=1)
    url = reverse("analysis-report", args=[run.pk])
    assert "Nothing can be compared yet" in text_of(browse(viewer).get(url))


def test_learners_and_features_are_reported_apart(data, browse, viewer):
    run = work(started(data, strategies=["random", "margin"], batch_sizes=[25], learners=["logistic_regression", "naive_bayes"]))
    names = pages.results.names(run)["learners"]
    shown = report_page.view(run)
    assert [facet["name"] for facet in shown["facets"]] == sorted(names)
    text = text_of(browse(viewer).get(reverse("run", args=[run.pk])))
    assert all(name in text for name in names)


def test_the_winner_goes_into_the_form_of_a_development_run(done, browse, manager):
    shown = report_page.view(done)
    page = browse(manager).get(reverse("run", args=[done.pk])).content.decode()
    url = shown["winner"]["develop"]
    assert url.replace("&", "&amp;") in page
    form = browse(manager).get(url).context["form"]
    assert form["strategy"].initial == shown["winner"]["name"]
    assert form["batch_size"].initial == shown["winner"]["batch_size"]
    assert form["seed_size"].initial == done.configuration["seed_size"]


@pytest.mark.parametrize("cell", ["", "9-10-0-0", "0-11-0-0", "0-10-1-0", "x", "0-10-0"])
def test_a_cell_that_was_never_tried_cannot_be_developed(done, browse, manager, cell):
    url = reverse("run-new", args=[done.project_id])
    assert browse(manager).get(url, {"from_analysis": done.pk, "cell": cell}).status_code == 404


# --- Files


def download(client, run: Run, what: str) -> bytes:
    response = client.get(reverse("run-download", args=[run.pk, what]))
    assert response.status_code == 200 and "attachment" in response["Content-Disposition"]
    return b"".join(response) if response.streaming else response.content


def test_the_summary_has_a_row_per_strategy_and_batch_size(done, browse, viewer):
    rows = list(csv.DictReader(io.StringIO(download(browse(viewer), done, "summary.csv").decode())))
    cells = {(row["strategy"], int(row["batch_size"])) for row in rows}
    assert cells == {(s, b) for s in PLAN["strategies"] for b in PLAN["batch_sizes"]} and len(rows) == 6
    best = max(rows, key=lambda row: float(row["area_mean"]))
    winner = report_page.view(done)["winner"]
    assert (best["strategy"], int(best["batch_size"])) == (winner["name"], winner["batch_size"])
    assert {"saved_share", "difference_p_holm", "deficiency", "seconds_per_round_training", "area_mcc"} <= set(rows[0])


def test_the_rounds_name_their_learner_and_features(done, browse, viewer):
    rows = list(csv.DictReader(io.StringIO(download(browse(viewer), done, "metrics.csv").decode())))
    named = pages.results.names(done)
    assert {row["learner"] for row in rows} == {*named["learners"]}
    assert {row["features"] for row in rows} == {*named["features"]}
    assert len(rows) == sum(trial.rounds.count() for trial in done.trials.all())


def test_the_report_as_json_is_that_of_rest(done, browse, viewer, api):
    file = json.loads(download(browse(viewer), done, "report.json"))
    assert file["results"] == api(viewer).get(f"/api/runs/{done.pk}/report/").json()["results"]


def test_the_report_is_one_file_that_asks_nobody_for_anything(done, browse, viewer):
    page = download(browse(viewer), done, "report.html").decode()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)|@import|url\(""", page)
    assert "<script" not in page and page.count("<svg") > 6
    assert not set(re.findall(r'"(https?://[^"]+)"', page)) - {"http://www.w3.org/2000/svg"}
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)  # noqa: S314 - our own text
    text = re.sub(r"<[^>]+>", " ", page)
    assert "Matthews correlation" in text and '"random_state": 3' in page.replace("&quot;", '"')


@pytest.mark.parametrize("what", ["summary.csv", "report.json", "report.html"])
def test_a_draft_has_no_report_to_take_away(data, browse, viewer, what):
    run = actions.create_run(None, data, "analysis", PLAN)
    assert browse(viewer).get(reverse("run-download", args=[run.pk, what])).status_code == 302


# --- Several analyses


def test_analyses_of_several_projects_are_ranked(done, elsewhere, browse, viewer):
    Membership.objects.create(project=elsewhere.project, user=viewer, role=Role.VIEWER)
    url = reverse("analysis-compare")
    page = browse(viewer).get(url, {"run": [done.pk, elsewhere.pk]})
    text = text_of(page)
    assert "Over 2 data sets" in text and "critical difference" in text and "Other questions" in text
    assert "Only 2 data sets: at least 5 are advised" in text and "of the same project" not in text


def test_two_analyses_of_one_project_are_no_two_data_sets(data, browse, viewer):
    plan = PLAN | {"strategies": ["random", "margin"], "batch_sizes": [25]}
    runs = [work(started(data, **plan, random_state=state)) for state in (1, 2)]
    text = text_of(browse(viewer).get(reverse("analysis-compare"), {"run": [run.pk for run in runs]}))
    assert "one data set cannot count twice" in text


def test_who_may_not_see_one_of_them_sees_no_comparison(done, elsewhere, browse, viewer):
    url = reverse("analysis-compare")
    assert browse(viewer).get(url, {"run": [done.pk, elsewhere.pk]}).status_code == 404
    assert "Other questions" not in text_of(browse(viewer).get(url))


def test_only_analyses_that_were_started_can_be_compared(done, data, browse, viewer):
    draft = actions.create_run(None, data, "analysis", PLAN)
    with TestCase.captureOnCommitCallbacks(execute=True):
        development = actions.create_run(None, data, "development", {})
    for other in (draft, development):
        assert browse(viewer).get(reverse("analysis-compare"), {"run": [done.pk, other.pk]}).status_code == 404
    assert "choose another one" in text_of(browse(viewer).get(reverse("analysis-compare"), {"run": done.pk}))
