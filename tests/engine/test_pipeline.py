"""An exported model is one pipeline from raw items to label names; what it says before and after is the same."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image

from learning.engine import EngineError, export, features, fit, learners, load, model_card, predict, trusted_types
from learning.engine.pipeline import assemble
from learning.engine.store import build

N = 60
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
NAMES = ["zeta", "alpha", "mid way", "never seen"]  # not in alphabetical order
ITEMS = {
    "text": [f"word{c} thing{RNG.integers(5)} common other{c}" for c in Y],
    "image": [np.clip(RNG.random((12, 12)) * 0.3 + (np.arange(12)[:, None] % (c + 2) == 0), 0, 1) for c in Y],
    "table": pd.DataFrame(
        {
            "size": [str(v) if i % 9 else "" for i, v in enumerate(Y + RNG.normal(size=N) * 0.1)],
            "color": [["red", "green", "blue"][c] if i % 7 else None for i, c in enumerate(Y)],
            "remark": [f"free text {i} about {c}" if i % 5 else None for i, c in enumerate(Y)],
            "weight": RNG.normal(size=N),
            "bought": [f"{1 + i % 28:02}.{1 + c:02}.2024" if i % 8 else "" for i, c in enumerate(Y)],
        }
    ),
}
POOL = np.arange(40)
_SMALL = {
    "random_forest": {"trees": 10},
    "extra_trees": {"trees": 10},
    "ensemble": {"members": "logistic_regression, naive_bayes"},
}


# Embeddings are an extra that the tests do without.
SETS = [cls for cls in features if not cls.name.endswith("_embeddings")]


@pytest.fixture(scope="module")
def prepared():
    return {cls.name: build({"name": cls.name}, ITEMS[cls.modality], POOL, 0) for cls in SETS}


# Every learner with a set of each kind of items, every set with several learners: all pairs would say no more.
PAIRS = [
    (cls.name, learner)
    for place, learner in enumerate(learners.names())
    for kind in sorted(ITEMS)
    for sets in [[cls for cls in SETS if cls.modality == kind]]
    for cls in [sets[place % len(sets)]]
]


@pytest.mark.parametrize(("feature_set", "learner"), PAIRS)
def test_round_trip(tmp_path, prepared, feature_set, learner):
    X, transformer = prepared[feature_set]
    items = ITEMS[features.get(feature_set).modality]
    model = fit({"name": learner, **_SMALL.get(learner, {})}, X, POOL, Y[:40], 4, 1)
    before = predict(model, X, None, 4)[:, :3]

    files = export(tmp_path / "model.skops", transformer, model, NAMES, {})
    pipeline = load(files[0])

    assert pipeline.classes_.tolist() == NAMES[:3] and model.classes_.tolist() == [0, 1, 2]
    after = pipeline.predict_proba(items)
    assert after == pytest.approx(before, abs=1e-6)
    assert np.array_equal(pipeline.predict(items), pipeline.classes_[after.argmax(axis=1)])
    assert np.mean(pipeline.predict(items) == np.asarray(NAMES)[Y]) > 0.9
    in_memory = assemble(transformer, model, NAMES)
    assert np.array_equal(in_memory.predict_proba(items), after)


def test_a_file_from_a_spreadsheet_gives_the_same_as_the_imported_rows(tmp_path, prepared):
    X, transformer = prepared["columns"]
    model = fit({"name": "logistic_regression"}, X, POOL, Y[:40], 4, 1)
    export(tmp_path / "m.skops", transformer, model, NAMES, {})
    ITEMS["table"].to_csv(tmp_path / "rows.csv", index=False)
    pipeline = load(tmp_path / "m.skops")
    again = pipeline.predict_proba(pd.read_csv(tmp_path / "rows.csv"))
    assert again == pytest.approx(pipeline.predict_proba(ITEMS["table"]), abs=1e-9)


def test_two_classes_of_one_name_are_refused(tmp_path, prepared):
    X, transformer = prepared["tfidf"]
    model = fit({"name": "logistic_regression"}, X, POOL, Y[:40], 3, 1)
    with pytest.raises(EngineError, match="same name"):
        export(tmp_path / "m.skops", transformer, model, ["a", "a", "b"], {})


def facts(modality: str, feature_set: str, path) -> dict:
    return {
        "name": "Questions, run 3",
        "project": "Questions",
        "description": "What people ask.",
        "modality": modality,
        "classes": NAMES,
        "configuration": {"features": {"name": feature_set}, "learner": {"name": "naive_bayes", "alpha": 1.0}, "random_state": 5},
        "metrics": {
            "accuracy": {"value": 0.9123, "low": 0.85, "high": 0.95},
            "roc_auc": {"value": None, "low": None, "high": None},
        },
        "n_labeled": 40,
        "n_test": 20,
        "rounds": 3,
        "fingerprint": "abc123",
        "versions": {"scikit-learn": "1.9"},
        "trusted_types": trusted_types(path),
    }


RUN_EXAMPLES = """
import os, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    sys.path.insert(0, folder)
    exec(open("example.py").read())
assert not [name for name in sys.modules if name.split(".")[0] in ("learning", "django")]
"""


def test_the_usage_example_of_the_card_works_without_alambic(tmp_path, prepared):
    """In a fresh interpreter, in a folder with the files alone."""
    for modality, feature_set in (("text", "tfidf"), ("image", "hog"), ("table", "columns")):
        folder = tmp_path / modality
        folder.mkdir()
        X, transformer = prepared[feature_set]
        model = fit({"name": "linear_svm"}, X, POOL, Y[:40], 4, 1)
        files = export(folder / "model.skops", transformer, model, NAMES, {})
        ITEMS["table"].to_csv(folder / "rows.csv", index=False)
        Image.fromarray((ITEMS["image"][0] * 255).astype(np.uint8)).save(folder / "photo.png")
        card = model_card(facts(modality, feature_set, files[0]))
        code = re.search(r"```python\n(.*?)```", card, re.S).group(1)
        assert len(code.strip().splitlines()) == 5
        (folder / "example.py").write_text(code)
    folders = [str(tmp_path / modality) for modality in ITEMS]
    done = subprocess.run(
        [sys.executable, "-c", RUN_EXAMPLES, *folders], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert sum(any(name in line for name in NAMES[:3]) for line in done.stdout.splitlines()) >= 3


def test_the_card_says_what_matters(tmp_path, prepared):
    X, transformer = prepared["tfidf"]
    export(tmp_path / "model.skops", transformer, fit({"name": "naive_bayes"}, X, POOL, Y[:40], 4, 1), NAMES, {})
    card = model_card(facts("text", "tfidf", tmp_path / "model.skops"))
    assert "| Accuracy | 0.912 | 0.850 to 0.950 |" in card and "| ROC AUC | undefined |" in card
    assert "`zeta`, `alpha`, `mid way`, `never seen`" in card and "With 40 labels, in 3 rounds" in card
    assert "naive_bayes (alpha 1.0)" in card and "abc123" in card and "## Limits" in card
    assert "not measured" in model_card({"classes": ["a"]})


def test_only_named_types_are_trusted(tmp_path, prepared):
    X, transformer = prepared["columns"]
    export(tmp_path / "m.skops", transformer, fit({"name": "naive_bayes"}, X, POOL, Y[:40], 4, 1), NAMES, {})
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        skops.io.load(tmp_path / "m.skops", trusted=[])
    assert not [name for name in trusted_types(tmp_path / "m.skops") if name.startswith("learning")]


@pytest.mark.parametrize(
    ("modality", "settings"),
    [
        ("text", {"name": "tfidf", "svd": 5, "analyzer": "word_char", "stop_words": "french"}),
        ("text", {"name": "bag_of_words", "svd": 4}),
        ("text", {"name": "hashing", "bits": 8, "analyzer": "word_char"}),
        ("image", {"name": "hog", "size": 16, "pca": 6}),
        ("image", {"name": "pixels", "size": 8, "color": True, "pca": 100}),
        ("image", {"name": "color_histogram", "bins": 3, "pca": 5}),
    ],
)
def test_reduced_features_are_exported_too(tmp_path, modality, settings):
    X, transformer = build(settings, ITEMS[modality], POOL, 0)
    model = fit({"name": "logistic_regression"}, X, POOL, Y[:40], 4, 1)
    pipeline = load(export(tmp_path / "model.skops", transformer, model, NAMES, {})[0])
    assert pipeline.predict_proba(ITEMS[modality]) == pytest.approx(predict(model, X, None, 4)[:, :3], abs=1e-5)
