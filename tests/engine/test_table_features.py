import numpy as np
import pandas as pd
import pytest

from learning.engine import FeatureError
from learning.engine.features.tables import column_kind
from learning.engine.store import build

N = 60
ROWS = np.arange(N)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2, 3] * 20, "number"),
        (["1.5", "2", ""] * 20, "number"),
        (["1"] * 57 + ["2", "3", "x"], "number"),  # 98 % read as numbers
        (["1", "2", "x"] * 20, "category"),
        ([True, False, None] * 20, "category"),
        (["red", "blue", None] * 20, "category"),
        (["same"] * 60, "nothing"),
        ([None] * 60, "nothing"),
        (["same"] * 59 + [None], "category"),  # that it is missing may tell something
        (list(range(60)), "nothing"),  # a counter
        (list(range(60))[::-1], "number"),
        ([f"key{i}" for i in range(60)], "nothing"),
        ([f"a long remark number {i}" for i in range(60)], "text"),
    ],
)
def test_column_kinds(values, kind):
    assert column_kind(pd.Series(values)) == kind


def frame() -> pd.DataFrame:
    return pd.DataFrame({"size": [str(i % 7) for i in ROWS], "color": ["red", "blue", "green"] * 20, "id": ROWS})


def test_numbers_are_scaled_and_categories_one_hot():
    X, _ = build({"name": "columns"}, frame(), ROWS, 0)
    X = np.asarray(X.todense()) if hasattr(X, "todense") else X
    assert X.shape == (N, 4) and X.dtype == np.float32
    assert X[:, 0].mean() == pytest.approx(0, abs=1e-6) and X[:, 0].std() == pytest.approx(1, abs=1e-6)
    assert X[:, 1:].sum(axis=1).tolist() == [1] * N


def test_missing_numbers_become_the_median_and_an_indicator():
    table = pd.DataFrame({"a": ["1", "2", "3", "", None, "no", "inf"] + ["2"] * 53})
    X, transformer = build({"name": "columns"}, table, ROWS, 0)
    X = np.asarray(X.todense()) if hasattr(X, "todense") else X
    assert X.shape == (N, 2)
    assert len(set(X[3:7, 1])) == 1 and X[3, 1] > X[0, 1]
    assert X[3, 0] == X[1, 0]


def test_an_unseen_category_and_a_later_missing_value_do_no_harm():
    table = frame()
    table.loc[55:, "color"] = ["pink", None, "", "red", "red"]
    X, transformer = build({"name": "columns"}, table, np.arange(50), 0)
    assert X.shape[0] == N
    assert np.isfinite(X.data if hasattr(X, "todense") else X).all()


def test_columns_can_be_left_out_and_nothing_left_is_said():
    X, _ = build({"name": "columns", "ignore": "size, missing"}, frame(), ROWS, 0)
    assert X.shape[1] == 3
    with pytest.raises(FeatureError, match="No column tells the rows apart"):
        build({"name": "columns", "ignore": "size,color"}, frame(), ROWS, 0)


def test_typed_by_the_pool_alone():
    table = frame()
    table.loc[50:, "size"] = "large"
    _, transformer = build({"name": "columns"}, table, np.arange(50), 0)
    assert transformer.transformers_[0][0] == "numbers" and transformer.transformers_[0][2] == ["size"]


def test_one_column_of_numbers_as_they_are():
    X, _ = build({"name": "columns"}, pd.DataFrame({"a": np.linspace(5, 1, N)}), ROWS, 0)
    assert X.shape == (N, 1)


def test_a_row_without_a_frame_is_refused():
    with pytest.raises(FeatureError, match="DataFrame"):
        build({"name": "columns"}, [{"a": 1}], np.arange(1), 0)
