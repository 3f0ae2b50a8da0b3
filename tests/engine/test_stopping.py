import pytest

from learning.engine import SettingsError, UnknownName, check_stop, criteria


def history(*accuracies, labels=100, pool=50):
    return [
        {
            "number": i + 1,
            "n_labeled": labels + 10 * i,
            "n_pool": pool,
            "metrics": {} if value is None else {"accuracy": {"value": value, "low": value - 0.1, "high": 1.0}},
            "seconds": 1.0,
        }
        for i, value in enumerate(accuracies)
    ]


@pytest.mark.parametrize(
    ("settings", "rounds", "met", "text"),
    [
        ({"name": "budget", "labels": 110}, history(0.5, 0.6), True, "The budget of 110 labels is spent."),
        ({"name": "budget", "labels": 500}, history(0.5), False, "100 of 500 labels are given."),
        ({"name": "accuracy", "target": 0.9}, history(0.5, 0.91), True, "Accuracy 0.91 reached the target 0.90."),
        ({"name": "accuracy", "target": 0.9}, history(0.95, 0.8), False, "Accuracy 0.80 has not reached the target 0.90."),
        ({"name": "accuracy", "target": 0.9}, history(0.8999), False, "Accuracy 0.8999 has not reached the target 0.9000."),
        ({"name": "accuracy", "target": 0.9}, history(0.9), True, "Accuracy 0.90 reached the target 0.90."),
        ({"name": "accuracy", "target": 0.9}, history(None), False, "Accuracy cannot be measured yet; the target is 0.90."),
        ({"name": "rounds", "rounds": 2}, history(0.5, 0.6), True, "All 2 rounds are done."),
        ({"name": "rounds", "rounds": 1}, history(0.5), True, "All 1 round are done."),
        ({"name": "pool_empty"}, history(0.5, pool=0), True, "Every item of the pool is labelled."),
        ({"name": "pool_empty"}, history(0.5, pool=1), False, "1 item of the pool have no label."),
    ],
)
def test_each_criterion_says_a_sentence(settings, rounds, met, text):
    verdicts, reason = check_stop([settings], rounds)
    assert (verdicts[0]["met"], verdicts[0]["text"]) == (met, text)
    assert reason == (text if met else None)


def test_lower_is_better_for_losses():
    rounds = history(0.5)
    rounds[0]["metrics"]["log_loss"] = {"value": 0.3, "low": None, "high": None}
    settings = {"name": "accuracy", "metric": "log_loss", "target": 0.5}
    assert check_stop([settings], rounds)[1] == "Log loss 0.30 reached the target 0.50."


def test_an_undefined_metric_is_not_reached():
    rounds = history(0.5)
    rounds[0]["metrics"]["roc_auc"] = {"value": None, "low": None, "high": None}
    assert check_stop([{"name": "accuracy", "metric": "roc_auc"}], rounds)[1] is None


def test_any_one_is_enough_and_the_first_met_is_the_reason():
    verdicts, reason = check_stop([{"name": "budget", "labels": 1000}, {"name": "rounds", "rounds": 1}], history(0.5, pool=0))
    assert [v["met"] for v in verdicts] == [False, True, True] and reason.startswith("All 1")
    assert set(verdicts[0]) == {"name", "label", "value", "threshold", "met", "text"}


def test_an_empty_pool_always_ends_a_run():
    assert check_stop([], history(0.5, pool=0))[1] == "Every item of the pool is labelled."
    assert check_stop([], [])[1] is None


def test_wrong_settings_are_refused():
    with pytest.raises(SettingsError):
        check_stop([{"name": "accuracy", "target": 2}], history(0.5))
    with pytest.raises(UnknownName):
        check_stop([{"name": "mood"}], history(0.5))


def test_no_state_is_kept():
    rounds = history(0.95, 0.8)
    first = check_stop([{"name": "accuracy", "target": 0.9}], rounds)
    assert first == check_stop([{"name": "accuracy", "target": 0.9}], rounds) and criteria.get("accuracy")
