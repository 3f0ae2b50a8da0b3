"""Table rows to numbers. Pure scikit-learn and pandas, so that an exported model needs nothing else and takes a raw DataFrame."""

from operator import methodcaller
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from learning.engine.errors import FeatureError
from learning.engine.features.registry import FeatureSet, features
from learning.engine.parameters import Parameter

NUMERIC_SHARE = 0.95
WORDS_OF_A_TEXT = 3
FEATURES_OF_A_TEXT = 2000
FEW_VALUES = 50
ROWS_OF_A_COUNTER = 20
DATES_LOOKED_AT = 2000
DATE_FORMATS = (
    "ISO8601", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M %p", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y%m%dT%H%M%S", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y", "%d.%m.%y", "%m/%d/%y",
)  # fmt: skip


def column_kind(values: pd.Series) -> str:
    """What a column is good for: "number", "date", "category", "text", or "nothing" (constant, a counter, a key of its rows)."""
    present = _as_text(values).replace("", None).dropna()
    distinct = present.nunique()
    if distinct == 0 or (distinct == 1 and len(present) == len(values)):
        return "nothing"
    numbers = pd.to_numeric(present, errors="coerce").replace([np.inf, -np.inf], np.nan)
    if numbers.notna().mean() >= NUMERIC_SHARE:
        steps = np.diff(numbers.to_numpy(dtype=float))
        is_counter = len(numbers) >= ROWS_OF_A_COUNTER and bool(np.all(steps > 0) and np.all(numbers == numbers.round()))
        return "nothing" if is_counter else "number"
    if date_format(present):
        return "date"
    if distinct > FEW_VALUES and distinct > 0.5 * len(present):
        return "text" if present.str.split().str.len().mean() >= WORDS_OF_A_TEXT else "nothing"
    return "category"


def date_format(present: pd.Series) -> str | None:
    """The one of DATE_FORMATS that 95 % of the values (none missing) are written in, or None. Day before month where both fit."""
    texts = present.astype("str")
    digits = texts.str.count(r"\d")
    if len(texts) == 0 or (digits < 4).mean() > 1 - NUMERIC_SHARE:
        return None
    sample = texts.iloc[:: -(-len(texts) // DATES_LOOKED_AT)]
    for written in DATE_FORMATS:
        if pd.to_datetime(sample, format=written, errors="coerce", utc=True).notna().mean() >= NUMERIC_SHARE:
            return written
    return None


def _as_text(values: pd.Series) -> pd.Series:
    return values.astype("str").where(values.notna(), None).astype(object).map(lambda v: v.strip() if isinstance(v, str) else v)


def _numbers() -> Pipeline:
    return make_pipeline(
        # By position (axis, raw, result_type, args), as skops keeps no keywords of a methodcaller: what is no number is missing.
        FunctionTransformer(methodcaller("apply", pd.to_numeric, 0, False, None, ("coerce",))),
        FunctionTransformer(np.nan_to_num, kw_args={"nan": np.nan, "posinf": np.nan, "neginf": np.nan}),
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
    )


def _dates(written: str) -> Pipeline:
    """Days since 1970 (standardised) and where in the year, the week and the day: sine and cosine; missing ones are marked."""
    to_days = [
        # By position, as skops keeps no keywords of a methodcaller: what is no such date is missing.
        FunctionTransformer(methodcaller("apply", pd.to_datetime, 0, False, None, ("coerce", False, False, True, written))),
        FunctionTransformer(methodcaller("astype", "datetime64[s, UTC]")),
        FunctionTransformer(methodcaller("astype", "int64")),
        FunctionTransformer(methodcaller("astype", "float64")),
        FunctionTransformer(methodcaller("replace", float(np.iinfo(np.int64).min), np.nan)),
        FunctionTransformer(methodcaller("__truediv__", 86_400.0)),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
    ]
    angles = 2 * np.pi / np.array([365.2425, 7.0, 1.0])
    cycles = [
        FunctionTransformer(np.take, kw_args={"indices": [0], "axis": 1}),
        FunctionTransformer(np.dot, kw_args={"b": angles[None, :]}),
        FeatureUnion([("sine", FunctionTransformer(np.sin)), ("cosine", FunctionTransformer(np.cos))]),
    ]
    return make_pipeline(*to_days, FeatureUnion([("trend", StandardScaler()), ("cycles", make_pipeline(*cycles))]))


def _categories(missing: str, max_categories: int, min_frequency: int) -> Pipeline:
    # As strings, so that 1 and "1" are the same; an empty cell is missing, however it was written.
    steps = [
        FunctionTransformer(methodcaller("astype", "str")),
        FunctionTransformer(methodcaller("astype", "object")),
        SimpleImputer(missing_values=np.nan, strategy="constant", fill_value="nan"),
        SimpleImputer(missing_values="", strategy="constant", fill_value="nan"),
    ]
    if missing == "most_frequent":
        steps.append(SimpleImputer(missing_values="nan", strategy="most_frequent"))
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=max_categories, min_frequency=min_frequency, dtype=np.float32
    )
    return make_pipeline(*steps, encoder)


def _words() -> Pipeline:
    return make_pipeline(
        FunctionTransformer(methodcaller("fillna", "")),
        FunctionTransformer(methodcaller("astype", "str")),
        TfidfVectorizer(sublinear_tf=True, max_features=FEATURES_OF_A_TEXT, dtype=np.float32),
    )


@features.register("columns")
class Columns(FeatureSet):
    """Numbers: median where missing, an indicator of that, standardised. Dates: days, season, weekday, hour. Categories: one-hot.
    Long texts: TF-IDF.

    What a column is follows from the pool: numeric if at least 95 % of its values that are there read as numbers. Constant
    columns, counters and keys (nearly every row another word) are left out.
    """

    label = "Columns"
    help = "Every column as numbers or categories, as its values suggest; missing values are filled in and marked."
    modality = "table"
    requires = "pandas"
    parameters = (
        Parameter(
            "ignore", "text", "", label="Leave out", help="Names of columns that the learner must not see, with commas between."
        ),
        Parameter(
            "missing",
            "choice",
            "own",
            choices=(("own", "A category of its own"), ("most_frequent", "The most frequent category")),
            label="Missing category",
            help="What an empty cell of a category column counts as.",
        ),
        Parameter(
            "max_categories",
            "int",
            50,
            minimum=2,
            maximum=1000,
            label="Categories",
            help="Per column; the rarest are put together.",
        ),
        Parameter(
            "min_frequency",
            "int",
            2,
            minimum=1,
            maximum=1000,
            label="Least rows",
            help="Categories with fewer rows are put together.",
        ),
    )

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        if not isinstance(items, pd.DataFrame):
            raise FeatureError("Table features follow from the columns: give the pool's rows as a DataFrame.")
        ignored = {name.strip() for name in s["ignore"].split(",")}
        kinds: dict[str, list[str]] = {}
        for name in items.columns:
            if str(name) not in ignored:
                kinds.setdefault(column_kind(items[name]), []).append(name)
        steps = []
        if "number" in kinds:
            steps.append(("numbers", _numbers(), kinds["number"]))
        for name in kinds.get("date", []):
            written = date_format(_as_text(items[name]).replace("", None).dropna())
            steps.append((f"date {name}", _dates(written), [name]))
        if "category" in kinds:
            categories = _categories(s["missing"], s["max_categories"], s["min_frequency"])
            steps.append(("categories", categories, kinds["category"]))
        steps += [(f"text {name}", _words(), name) for name in kinds.get("text", [])]
        if not steps:
            raise FeatureError("No column tells the rows apart: all are constant, left out, or different in every row.")
        return ColumnTransformer(steps)
