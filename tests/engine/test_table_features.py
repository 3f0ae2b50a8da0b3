import numpy as np
import pandas as pd
import pytest

from learning.engine import FeatureError
from learning.engine.features.tables import column_kind, date_format
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


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["2024-01-31", "2023-12-01"] * 30, "ISO8601"),
        (["2024-01-31T10:00:00Z", "2023-12-01T23:59:59Z"] * 30, "ISO8601"),
        (["31.12.2024", "01.02.2023"] * 30, "%d.%m.%Y"),
        (["12/31/2024", "01/02/2023"] * 30, "%m/%d/%Y"),
        (["31/12/2024", "01/02/2023"] * 30, "%d/%m/%Y"),
        (["3 Mar 2024", "12 Dec 2023"] * 30, "%d %b %Y"),
        (["31.12.2024 08:15", "01.02.2023 17:00"] * 30, "%d.%m.%Y %H:%M"),
        (["31.12.2024"] * 57 + ["01.02.2023", "soon", "later"], None),  # 97 % do: see below
        (["version 1.2", "version 1.3"] * 30, None),
        (["red", "blue"] * 30, None),
    ],
)
def test_dates_are_read_in_the_one_form_in_which_they_are_written(values, written):
    found = date_format(pd.Series(values))
    if "soon" in values:
        assert found == "%d.%m.%Y"
    else:
        assert found == written
    assert column_kind(pd.Series(values)) == ("date" if found else "category")


def test_what_a_date_says_can_be_learnt():
    """Days go up, and the weekday and the season come round."""
    days = pd.date_range("2022-01-01", periods=400, freq="D")
    X, _ = build({"name": "columns"}, pd.DataFrame({"day": days.strftime("%d.%m.%Y")}), np.arange(400), 0)
    X = np.asarray(X.todense()) if hasattr(X, "todense") else X
    assert X.shape == (400, 7) and np.all(np.diff(X[:, 0]) > 0)
    season, week = X[:, [1, 4]], X[:, [2, 5]]
    assert season[0] == pytest.approx(season[365], abs=0.03) and not np.allclose(season[0], season[182], atol=0.5)
    assert week[3] == pytest.approx(week[10], abs=1e-4) and not np.allclose(week[3], week[6], atol=0.5)


def test_a_missing_or_broken_date_is_marked_and_does_no_harm():
    values = [f"{1 + i % 28:02}.03.2024" for i in range(60)]
    values[5], values[6] = "", "some day"
    X, transformer = build(
        {"name": "columns"}, pd.DataFrame({"day": values, "n": np.random.default_rng(0).normal(size=60)}), ROWS, 0
    )
    X = np.asarray(X.todense()) if hasattr(X, "todense") else np.asarray(X)
    assert np.isfinite(X).all()
    fresh = transformer.transform(pd.DataFrame({"day": ["nonsense", None, "30.02.2024"], "n": [0.0, 1.0, 2.0]}))
    assert np.isfinite(np.asarray(fresh.todense()) if hasattr(fresh, "todense") else fresh).all()
