"""Which words a text learner finds telling: those of the largest weight, and none where a weight says nothing of a word."""

import numpy as np
import pytest

from learning import engine

TEXTS = [
    "a sweet red apple",
    "the red sweet cherry",
    "one fast loud train",
    "the loud train is fast",
    "grey stone",
    "old grey stone",
]
CODES = np.array([0, 0, 1, 1, 2, 2])


def prepared(tmp_path, **settings):
    features = {"name": "tfidf", **settings}
    X, transformer = engine.prepare(tmp_path / "features", features, lambda: TEXTS, np.arange(6), 0)
    return X, transformer


def told(tmp_path, learner, codes=CODES, per_class=30, **settings):
    X, transformer = prepared(tmp_path, **settings)
    model = engine.fit({"name": learner}, X, np.arange(6), codes, int(codes.max()) + 1, 0)
    return engine.telling_words(transformer, model, per_class)


@pytest.mark.parametrize("learner", ["logistic_regression", "linear_svm", "sgd"])
def test_words_of_each_class_and_not_those_that_all_have(tmp_path, learner):
    found = told(tmp_path, learner, per_class=2)
    assert {"sweet", "loud", "stone"} & set(found) and "the" not in found and found == sorted(found) and len(found) <= 6


def test_of_two_classes_both_have_words(tmp_path):
    found = told(tmp_path, "logistic_regression", np.array([0, 0, 1, 1, 1, 1]), per_class=3)
    assert {"sweet", "red"} <= set(found) and {"loud", "stone", "fast", "train", "grey"} & set(found)


def test_only_whole_words_count(tmp_path):
    assert not any(" " in word for word in told(tmp_path, "logistic_regression", ngram_max=2))
    both = told(tmp_path, "logistic_regression", analyzer="word_char", per_class=2)
    assert both and set(both) <= {word for text in TEXTS for word in text.split()}


@pytest.mark.parametrize(
    ("learner", "settings"),
    [("random_forest", {}), ("logistic_regression", {"analyzer": "char_wb"}), ("logistic_regression", {"svd": 2})],
)
def test_where_a_weight_is_no_words_there_are_none(tmp_path, learner, settings):
    assert told(tmp_path, learner, **settings) == []


def test_several_labels_per_item(tmp_path):
    X, transformer = prepared(tmp_path)
    Y = np.column_stack([CODES == 0, CODES != 2])
    model, _ = engine.multilabel.fit({"name": "logistic_regression"}, X, np.arange(6), Y, 0)
    assert {"sweet", "loud"} & set(engine.telling_words(transformer, model, 3))
