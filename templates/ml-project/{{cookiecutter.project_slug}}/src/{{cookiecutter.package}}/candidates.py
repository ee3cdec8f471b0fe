"""The models that compete, each a pipeline from the raw feature columns to a probability.

Only parts that convert to ONNX exactly: numbers are floats, strings are one-hot columns. In particular
no estimator reads categories by itself, since that converts wrongly without a warning.
"""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .flights import CATEGORICAL, NUMERIC

ESTIMATORS = {
    "baseline": LogisticRegression,
    "logistic": LogisticRegression,
    "forest": RandomForestClassifier,
    "boosting": HistGradientBoostingClassifier,
}
# A tree only compares: without a scaler its thresholds stay in the units of the column, where
# rounding a row to float32 does not carry it over one.
SCALED = {"baseline", "logistic"}
# What anyone at an airport knows: it gets later as the day goes on.
COLUMNS_OF = {"baseline": ([], ["hour_of_day"])}


def make(name: str, settings: dict[str, Any], seed: int) -> Pipeline:
    """An unfitted candidate; the same settings, seed and rows always fit the same model."""
    categorical, numeric = COLUMNS_OF.get(name, (CATEGORICAL, NUMERIC))
    numbers = [("impute", SimpleImputer(strategy="median"))]
    if name in SCALED:
        numbers.append(("scale", StandardScaler()))
    strings = OneHotEncoder(handle_unknown="ignore", min_frequency=50, sparse_output=False)
    parts = [("strings", strings, categorical), ("numbers", Pipeline(numbers), numeric)]
    return Pipeline(
        [
            ("features", ColumnTransformer([part for part in parts if part[2]])),
            ("model", ESTIMATORS[name](random_state=seed, **settings)),
        ]
    )
