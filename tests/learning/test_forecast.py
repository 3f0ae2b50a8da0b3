"""The forecast of a run: what it says in words, and the pace without the breaks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Query
from learning.forecast import duration, forecast_of, pace_of
from learning.models import Round
from tests.learning.conftest import ask, score


def with_curve(run, values):
    trial = run.trials.get()
    trial.rounds.all().delete()
    rounds = [
        Round(trial=trial, number=i, n_labeled=40 * i, n_pool=5000 - 40 * i, n_test=400, metrics={"accuracy": score(value)})
        for i, value in enumerate(values, 1)
    ]
    return forecast_of(run, trial, Round.objects.bulk_create(rounds))


def labels_at(run, items, seconds):
    """One label per entry, so many seconds after the one before."""
    now, queries = timezone.now() - timedelta(hours=20), ask(run, items[: len(seconds)], status="answered")
    for query, gap in zip(queries, seconds, strict=True):
        now += timedelta(seconds=gap)
        query.closed_at = now
    Query.objects.bulk_update(queries, ["closed_at"])


CURVE = [0.9 - 0.5 * i**-0.5 for i in range(1, 13)]


def test_it_says_how_many_labels_and_how_long(make_run, items):
    run = make_run()
    labels_at(run, items, [0] + [36] * 20)
    found = with_curve(run, CURVE)
    words = found["text"]
    assert words.startswith("About ") and "for +1 point in accuracy (" in words and "; at the team's pace about " in words
    assert found["pace"] == pytest.approx(100) and found["hours"] == pytest.approx(found["more"] / 100)
    # The curve says so: 0.5 * (12**-0.5 - (12 + k)**-0.5) = 0.01, with k = 1.83 batches of 40.
    assert found["more"] == pytest.approx(73, rel=0.3) and found["more_low"] <= found["more"] <= found["more_high"]


def test_breaks_are_no_work(make_run, items):
    run = make_run()
    labels_at(run, items, [0, *[36] * 10, 3 * 3600, *[36] * 10])
    assert pace_of(run.trials.get()) == pytest.approx(100)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_of_too_few_labels_no_pace_is_told(make_run, items, n):
    run = make_run()
    labels_at(run, items, [10] * n)
    found = with_curve(run, CURVE)
    assert found["pace"] is None and found["more"] and "pace" not in found["text"]


@pytest.mark.parametrize(
    "values, words",
    [
        (CURVE[:3], "cannot be said yet. It takes 6 measured rounds; there are 3."),
        ([0.7, 0.72, 0.69, 0.71, 0.7, 0.68, 0.71, 0.7, 0.69], "cannot be said yet. The curve does not rise clearly"),
        ([0.5, *[1.0] * 9], "The curve is flat"),
    ],
)
def test_it_says_when_it_cannot_be_said_yet(make_run, values, words):
    found = with_curve(make_run(), values)
    assert words in found["text"] and found["more"] is None and found["hours"] is None


def test_a_forecast_beyond_the_pool_is_told_as_such(make_run):
    run = make_run()
    trial = run.trials.get()
    trial.rounds.all().delete()
    rounds = [
        Round(trial=trial, number=i, n_labeled=40 * i, n_pool=500 - 40 * i, n_test=400, metrics={"accuracy": score(value)})
        for i, value in enumerate(CURVE, 1)
    ]
    assert "more than the pool has left" in forecast_of(run, trial, rounds)["text"]


@pytest.mark.parametrize(
    "hours, words",
    [(0.01, "a few minutes"), (0.1, "about 6 minutes"), (0.7, "about 40 minutes"), (1, "about an hour"), (2.02, "about 2 hours"),
     (2.5, "about 2.5 hours"), (9, "about 9 hours"), (40, "about 5 days of 8 hours")],
)  # fmt: skip
def test_a_duration_is_no_more_exact_than_it_is(hours, words):
    assert duration(hours) == words
