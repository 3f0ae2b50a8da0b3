import numpy as np
import pytest
from sklearn.datasets import make_classification

from learning.engine import normalised_area, simulate

LEARNER = {"name": "logistic_regression"}


@pytest.fixture(scope="module")
def easy():
    """Three classes that two of ten columns tell apart, with few items near the borders."""
    X, y = make_classification(
        900, 10, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, class_sep=1.2, flip_y=0, random_state=4
    )
    return X, y


def curve(easy, strategy: str, seed: int, **changes) -> list[dict]:
    X, y = easy
    arguments = {"learner": LEARNER, "batch_size": 5, "seed_size": 10, "max_labels": 60} | changes
    return simulate(X, y, np.arange(600), np.arange(600, 900), strategy={"name": strategy}, seed=seed, **arguments)


def area(history: list[dict]) -> float:
    return normalised_area([r["n_labeled"] for r in history], [r["metrics"]["accuracy"]["value"] for r in history])


def test_margin_beats_random_on_an_easy_set(easy):
    differences = [area(curve(easy, "margin", seed)) - area(curve(easy, "random", seed)) for seed in range(8)]
    assert np.mean(differences) > 2 * np.std(differences, ddof=1) / np.sqrt(8) and np.mean(differences) > 0.005


def test_the_same_seed_gives_the_same_curve_and_the_same_start_to_all(easy):
    first, again, other = curve(easy, "margin", 1), curve(easy, "margin", 1), curve(easy, "entropy", 1)
    assert [r["metrics"] for r in first] == [r["metrics"] for r in again]
    assert all(np.array_equal(a["asked"], b["asked"]) for a, b in zip(first, again, strict=True))
    assert first[0]["metrics"] == other[0]["metrics"]


def test_labels_are_spent_exactly_and_nothing_is_asked_twice(easy):
    seen = []
    history = curve(easy, "k_center", 2, max_labels=57, exploration=0.2, on_round=seen.append)
    assert [r["n_labeled"] for r in history] == [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 57] and seen == history
    asked = np.concatenate([r["asked"] for r in history])
    assert len(set(asked.tolist())) == 47 and asked.max() < 600


def test_the_pool_can_be_emptied(easy):
    X, y = easy
    history = simulate(
        X, y, np.arange(40), np.arange(40, 80), learner=LEARNER, strategy={"name": "margin"}, batch_size=7, seed_size=10,
        max_labels=1000, seed=0,
    )  # fmt: skip
    assert history[-1]["n_labeled"] == 40 and history[-1]["n_pool"] == 0


def test_a_start_of_one_class_goes_on_at_random_until_a_second_is_seen(easy):
    X, _ = easy
    y = (np.arange(900) % 30 == 0).astype(int)
    history = simulate(
        X, y, np.arange(600), np.arange(600, 900), learner=LEARNER, strategy={"name": "margin"}, batch_size=5, seed_size=2,
        max_labels=150, seed=3,
    )  # fmt: skip
    assert history[0]["counts"].tolist() == [2, 0] and history[-1]["metrics"]["accuracy"]["value"] > 0.9


def test_what_one_class_alone_is_worth_is_measured_so_that_every_curve_begins_at_the_seed(easy):
    X, _ = easy
    y = (np.arange(900) % 30 == 0).astype(int)
    first = simulate(
        X, y, np.arange(600), np.arange(600, 900), learner=LEARNER, strategy={"name": "margin"}, batch_size=5, seed_size=2,
        max_labels=10, seed=3,
    )[0]["metrics"]  # fmt: skip
    assert first["accuracy"]["value"] == pytest.approx(290 / 300)
    assert first["balanced_accuracy"]["value"] == first["roc_auc"]["value"] == 0.5
    # Two labels of the class, each class counted once more: 3/4 and 1/4.
    assert first["log_loss"]["value"] == pytest.approx(-(290 * np.log(3 / 4) + 10 * np.log(1 / 4)) / 300)


def test_a_warm_up_waits_for_no_more_of_a_class_than_the_pool_has(easy):
    X, y = easy
    rare = np.flatnonzero(y == 2)
    pool = np.setdiff1d(np.arange(600), rare[1:])
    # The only item of the rare class is in the seed: nothing is left to wait for.
    changed = {"learner": LEARNER, "batch_size": 5, "seed_size": 30, "max_labels": 60, "how_seeded": "stratified", "seed": 1}
    warm_up = {"strategy": {"name": "random"}, "labels_per_class": 3}
    test = np.arange(600, 900)
    warmed = simulate(X, y, pool, test, strategy={"name": "margin"}, warm_up=warm_up, **changed)
    margin = simulate(X, y, pool, test, strategy={"name": "margin"}, **changed)
    assert warmed[0]["counts"][2] == 1 and warmed[0]["counts"].max() > 3
    assert [r["asked"].tolist() for r in warmed] == [r["asked"].tolist() for r in margin]
