import numpy as np
import pytest
from scipy import sparse

from learning.engine import FeatureError, default_for, default_settings, features, learners, prepare, strategies, validate
from learning.engine.errors import UnknownName
from learning.engine.store import build

TEXTS = ["red fish swims", "blue fish sinks", "red bird sings", "a zebra alone"]
POOL = np.array([0, 1, 2])
TEXT_SETS = [cls.name for cls in features if cls.modality == "text"]


@pytest.mark.parametrize("name", TEXT_SETS)
def test_a_set_gives_sparse_single_precision(name):
    X, _ = build({"name": name}, TEXTS, POOL, 0)
    assert sparse.issparse(X) and X.dtype == np.float32 and X.shape[0] == 4 and X.data.min() > 0


def test_fitted_on_the_pool_only():
    _, transformer = build({"name": "tfidf", "ngram_max": 1}, TEXTS, POOL, 0)
    assert "zebra" not in transformer.vocabulary_ and "fish" in transformer.vocabulary_


@pytest.mark.parametrize(
    ("settings", "absent", "present"),
    [
        ({"stop_words": "english"}, "the", "red"),
        ({"max_df": 0.5}, "the", "bird"),
        ({"ngram_max": 1}, "red fish", "red"),
        ({"lowercase": False}, "red", "Red"),
        ({"analyzer": "char"}, "red fish", "r"),
        ({"max_features": 1}, "fish", "the"),
    ],
)
def test_settings_reach_the_vocabulary(settings, absent, present):
    texts = ["the Red fish", "the Red house the", "the bird"]
    if "lowercase" not in settings:
        texts = [text.lower() for text in texts]
    _, transformer = build({"name": "tfidf", "ngram_max": 2, **settings}, texts, np.arange(3), 0)
    assert absent not in transformer.vocabulary_ and present in transformer.vocabulary_


def test_nothing_left_of_the_texts_is_said():
    with pytest.raises(FeatureError, match="cannot be made of these items"):
        build({"name": "tfidf"}, ["?", "!"], np.arange(2), 0)
    with pytest.raises(FeatureError, match="no item in the pool"):
        build({"name": "tfidf"}, TEXTS, np.empty(0, dtype=int), 0)


@pytest.mark.parametrize("modality", ["text", "image", "table"])
def test_defaults_are_complete(modality):
    settings = default_settings(modality)
    assert features.get(default_for(modality)).modality == modality
    for part, registry in (("features", features), ("learner", learners), ("strategy", strategies)):
        assert validate(settings[part], registry.get(settings[part]["name"]).parameters) == settings[part]


def test_an_unknown_modality_is_refused():
    with pytest.raises(UnknownName):
        default_settings("smell")


def test_prepare_takes_a_function_and_calls_it_once(tmp_path):
    calls = []

    def items():
        calls.append(1)
        return TEXTS

    for _ in range(2):
        X, _ = prepare(tmp_path / "a" / "b", {"name": "tfidf"}, items, POOL, 0)
    assert X.shape[0] == 4 and calls == [1]


@pytest.mark.parametrize(("n", "kept"), [(99, True), (100, False)])
def test_rare_words_are_left_out_of_large_pools_only(n, kept):
    _, transformer = build({"name": "tfidf"}, ["once upon"] + ["a common text"] * (n - 1), np.arange(n), 0)
    assert ("once" in transformer.vocabulary_) == kept
