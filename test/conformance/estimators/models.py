"""Estimators and pipelines that people train, each fitted on rows of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import ensemble, linear_model, neighbors, neural_network, preprocessing, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from xgboost import XGBClassifier, XGBRegressor


@dataclass(frozen=True)
class Case:
    """`rows` gives fresh rows of the kind that the model was fitted on."""

    name: str
    model: Any
    train: pd.DataFrame
    rows: Callable[[int, int], pd.DataFrame]


SIZE = 1500


def numbers(seed: int, size: int = SIZE) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "distance": random.gamma(2, 400, size).round(1),
            "delay": random.normal(0, 12, size),
            "fuel": random.uniform(0, 1, size),
            "gap": random.exponential(3, size).round(2),
            "speed": random.normal(430, 40, size),
        }
    )


def with_holes(seed: int, size: int = SIZE) -> pd.DataFrame:
    frame = numbers(seed, size)
    random = np.random.default_rng(seed + 1)
    return frame.mask(random.uniform(size=frame.shape) < 0.08)


def mixed(seed: int, size: int = SIZE) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = with_holes(seed, size)[["distance", "delay"]]
    frame["carrier"] = random.choice(["AA", "UA", "B6", "WN", "DL"], size).astype(object)
    frame["origin"] = random.choice(["JFK", "LGA", "EWR"], size).astype(object)
    return frame


def coded(seed: int, size: int = SIZE) -> pd.DataFrame:
    """Numbers, and a category written as a whole number."""
    frame = numbers(seed, size)[["distance", "delay"]]
    frame["place"] = np.random.default_rng(seed).integers(0, 12, size).astype("float64")
    return frame


def counted(seed: int, size: int = SIZE) -> pd.DataFrame:
    """Whole numbers, a flag and a fraction."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "seats": random.integers(1, 400, size),
            "leg": random.integers(0, 6, size),
            "is_weekend": random.uniform(size=size) < 0.3,
            "fuel": random.uniform(0, 1, size),
        }
    )


def moments(seed: int, size: int = SIZE) -> pd.DataFrame:
    """Numbers so large that a float32 can't tell their differences."""
    random = np.random.default_rng(seed)
    return pd.DataFrame({"at": 1.7e9 + random.uniform(0, 5000, size), "amount": random.gamma(2, 1e6, size)})


WORDS = "late early wind storm gate crew fuel snow clear delay smooth quick slow broken fine bad good rain".split()


def text(seed: int, size: int = SIZE) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    lines = [" ".join(random.choice(WORDS, random.integers(3, 12))) for _ in range(size)]
    return pd.DataFrame({"remark": pd.Series(lines, dtype=object)})


def score(frame: pd.DataFrame) -> np.ndarray:
    """What there is to learn."""
    total = np.zeros(len(frame))
    for at, name in enumerate(frame.columns):
        column = frame[name]
        if column.dtype == object or str(column.dtype) in ("str", "string"):
            total += column.map(lambda value: (sum(map(ord, str(value))) % 7) / 3).to_numpy()
        else:
            values = column.astype("float64")
            spread = values.std() or 1.0
            total += np.sin(at + 1 + ((values - values.mean()) / spread).fillna(0.0)).to_numpy()
    return total + np.random.default_rng(5).normal(0, 0.2, len(frame))


def two(frame: pd.DataFrame) -> np.ndarray:
    values = score(frame)
    return (values > np.median(values)).astype(int)


def three(frame: pd.DataFrame) -> np.ndarray:
    values = score(frame)
    return np.array(["early", "on time", "late"])[np.digitize(values, np.quantile(values, [0.3, 0.7]))]


def amount(frame: pd.DataFrame) -> np.ndarray:
    return score(frame) * 40 + 100


def on_mixed(estimator: Any, encoder: Any = None, number: Any = None) -> Any:
    strings = encoder or preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    figures = number or make_pipeline(SimpleImputer(), preprocessing.StandardScaler())
    features = ColumnTransformer([("s", strings, ["carrier", "origin"]), ("n", figures, ["distance", "delay"])])
    return make_pipeline(features, estimator)


def square(values: Any) -> Any:
    return np.square(values)


def cases() -> Iterator[Case]:
    scale = preprocessing.StandardScaler

    def case(name: str, model: Any, rows: Any, target: Any) -> Case:
        train = rows(1)
        return Case(name, model.fit(train, target(train)), train, rows)

    logistic = linear_model.LogisticRegression
    yield case("LogisticRegression", make_pipeline(scale(), logistic()), numbers, two)
    yield case("LogisticRegression, three named classes", make_pipeline(scale(), logistic()), numbers, three)
    yield case("LogisticRegression without a scaler", logistic(max_iter=2000), numbers, two)
    yield case("Ridge", linear_model.Ridge(), numbers, amount)
    yield case("Lasso after RobustScaler", make_pipeline(preprocessing.RobustScaler(), linear_model.Lasso()), numbers, amount)
    yield case("RidgeClassifier", make_pipeline(scale(), linear_model.RidgeClassifier()), numbers, three)
    yield case("SGDClassifier", make_pipeline(scale(), linear_model.SGDClassifier(random_state=0)), numbers, two)
    yield case("PoissonRegressor", make_pipeline(scale(), linear_model.PoissonRegressor()), numbers, lambda f: np.abs(amount(f)))
    yield case("LinearRegression on large magnitudes", linear_model.LinearRegression(), moments, lambda f: (f["at"] - 1.7e9) * 3e5 + f["amount"])
    yield case("RandomForestRegressor on large magnitudes", ensemble.RandomForestRegressor(20, random_state=0), moments, lambda f: (f["at"] - 1.7e9) * 3e5 + f["amount"])
    yield case("HistGradientBoostingRegressor on large magnitudes", ensemble.HistGradientBoostingRegressor(max_iter=30), moments, lambda f: (f["at"] - 1.7e9) * 3e5 + f["amount"])
    yield case("SVC", make_pipeline(scale(), svm.SVC(random_state=0)), numbers, two)
    yield case("SVC, three named classes", make_pipeline(scale(), svm.SVC()), numbers, three)
    yield case("LinearSVC", make_pipeline(scale(), svm.LinearSVC()), numbers, two)
    yield case("SVR", make_pipeline(scale(), svm.SVR()), numbers, amount)
    yield case("KNeighborsClassifier", make_pipeline(scale(), neighbors.KNeighborsClassifier(5)), lambda s, n=400: numbers(s, n), two)
    yield case("KNeighborsRegressor", make_pipeline(scale(), neighbors.KNeighborsRegressor(5)), lambda s, n=400: numbers(s, n), amount)
    yield case("MLPClassifier", make_pipeline(scale(), neural_network.MLPClassifier(hidden_layer_sizes=(16,), max_iter=60, random_state=0)), numbers, three)
    yield case("MLPRegressor", make_pipeline(scale(), neural_network.MLPRegressor(hidden_layer_sizes=(16,), max_iter=60, random_state=0)), numbers, amount)
    yield case("GaussianNB", GaussianNB(), numbers, three)
    yield case("BernoulliNB after Binarizer", make_pipeline(preprocessing.Binarizer(threshold=0.5), BernoulliNB()), numbers, two)
    yield case("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis(), numbers, three)
    yield case("QuadraticDiscriminantAnalysis", QuadraticDiscriminantAnalysis(), numbers, three)
    yield case("GaussianProcessRegressor", make_pipeline(scale(), GaussianProcessRegressor(alpha=0.1)), lambda s, n=150: numbers(s, n), amount)
    yield case("DecisionTreeClassifier", tree.DecisionTreeClassifier(max_depth=8, random_state=0), numbers, two)
    yield case("DecisionTreeRegressor", tree.DecisionTreeRegressor(max_depth=8, random_state=0), numbers, amount)
    yield case("RandomForestClassifier", ensemble.RandomForestClassifier(30, max_depth=10, random_state=0), numbers, three)
    yield case("RandomForestClassifier of full depth", ensemble.RandomForestClassifier(100, random_state=0), numbers, three)
    yield case("RandomForestClassifier with missing values", ensemble.RandomForestClassifier(20, max_depth=8, random_state=0), with_holes, two)
    yield case("RandomForestRegressor", ensemble.RandomForestRegressor(20, max_depth=10, random_state=0), numbers, amount)
    yield case("ExtraTreesClassifier", ensemble.ExtraTreesClassifier(20, max_depth=10, random_state=0), numbers, two)
    yield case("ExtraTreesRegressor", ensemble.ExtraTreesRegressor(20, max_depth=10, random_state=0), numbers, amount)
    yield case("GradientBoostingClassifier", ensemble.GradientBoostingClassifier(n_estimators=30, random_state=0), numbers, three)
    yield case("GradientBoostingRegressor", ensemble.GradientBoostingRegressor(n_estimators=30, random_state=0), numbers, amount)
    yield case("HistGradientBoostingClassifier", ensemble.HistGradientBoostingClassifier(max_iter=30), numbers, two)
    yield case("HistGradientBoostingClassifier with missing values", ensemble.HistGradientBoostingClassifier(max_iter=30), with_holes, three)
    yield case("HistGradientBoostingClassifier with categorical_features", ensemble.HistGradientBoostingClassifier(max_iter=30, categorical_features=["place"]), coded, two)
    yield case("HistGradientBoostingRegressor after StandardScaler", make_pipeline(scale(), ensemble.HistGradientBoostingRegressor(max_iter=30)), numbers, amount)
    yield case("HistGradientBoostingRegressor", ensemble.HistGradientBoostingRegressor(max_iter=30), numbers, amount)
    yield case("AdaBoostClassifier", ensemble.AdaBoostClassifier(n_estimators=15, random_state=0), numbers, two)
    yield case("AdaBoostRegressor", ensemble.AdaBoostRegressor(n_estimators=15, random_state=0), numbers, amount)
    yield case("BaggingClassifier of trees", ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=5), 8, random_state=0), numbers, two)
    yield case("BaggingRegressor of trees", ensemble.BaggingRegressor(tree.DecisionTreeRegressor(max_depth=5), 8, random_state=0), numbers, amount)
    yield case("CalibratedClassifierCV", CalibratedClassifierCV(make_pipeline(scale(), svm.LinearSVC()), cv=3), numbers, two)
    yield case("CalibratedClassifierCV, isotonic", CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3), numbers, two)
    voters = [("lr", make_pipeline(scale(), logistic())), ("nb", GaussianNB()), ("tree", tree.DecisionTreeClassifier(max_depth=4))]
    yield case("VotingClassifier, soft", ensemble.VotingClassifier(voters, voting="soft"), numbers, two)
    yield case("VotingClassifier, hard", ensemble.VotingClassifier(voters, voting="hard"), numbers, two)
    yield case("VotingRegressor", ensemble.VotingRegressor([("r", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=4))]), numbers, amount)
    yield case("StackingClassifier", ensemble.StackingClassifier(voters[:2], logistic(), cv=3), numbers, two)
    yield case("StackingRegressor", ensemble.StackingRegressor([("r", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=4))], cv=3), numbers, amount)
    yield case("OneVsRestClassifier", OneVsRestClassifier(make_pipeline(scale(), logistic())), numbers, three)
    yield case("ColumnTransformer: one-hot and scaled", on_mixed(logistic(max_iter=500)), mixed, two)
    yield case("ColumnTransformer: one-hot that refuses the unseen", on_mixed(logistic(max_iter=500), preprocessing.OneHotEncoder(sparse_output=False)), mixed, two)
    yield case("ColumnTransformer: ordinal with a value for the unseen", on_mixed(ensemble.RandomForestClassifier(15, max_depth=8, random_state=0), preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), mixed, two)
    yield case("ColumnTransformer: ordinal that refuses the unseen", on_mixed(ensemble.RandomForestClassifier(15, max_depth=8, random_state=0), preprocessing.OrdinalEncoder()), mixed, two)
    yield case("ColumnTransformer: target encoder", on_mixed(logistic(max_iter=500), preprocessing.TargetEncoder(random_state=0)), mixed, two)
    yield case("ColumnTransformer: one-hot into HistGradientBoosting", on_mixed(ensemble.HistGradientBoostingClassifier(max_iter=20), number="passthrough"), mixed, two)
    yield case("ColumnTransformer: one-hot into XGBClassifier", on_mixed(XGBClassifier(n_estimators=20, max_depth=4)), mixed, two)
    yield case("ColumnTransformer: one-hot into LGBMClassifier", on_mixed(LGBMClassifier(n_estimators=20, verbose=-1)), mixed, two)
    flags = ColumnTransformer([("h", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["leg"]), ("n", scale(), ["seats", "fuel"])], remainder="drop")
    yield case("ColumnTransformer: whole numbers, one-hot and scaled", make_pipeline(flags, logistic(max_iter=500)), lambda s, n=SIZE: counted(s, n).drop(columns="is_weekend"), two)
    yield case("LogisticRegression on whole numbers and a flag", make_pipeline(scale(), logistic()), counted, two)
    yield case("SplineTransformer", make_pipeline(preprocessing.SplineTransformer(), linear_model.Ridge()), numbers, amount)
    yield case("FunctionTransformer", make_pipeline(preprocessing.FunctionTransformer(square), linear_model.Ridge()), numbers, amount)
    yield case("PolynomialFeatures", make_pipeline(scale(), preprocessing.PolynomialFeatures(2), linear_model.Ridge()), numbers, amount)
    yield case("QuantileTransformer", make_pipeline(preprocessing.QuantileTransformer(n_quantiles=100), logistic()), numbers, two)
    yield case("PowerTransformer", make_pipeline(preprocessing.PowerTransformer(), logistic()), numbers, two)
    yield case("KBinsDiscretizer", make_pipeline(preprocessing.KBinsDiscretizer(8, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), logistic()), numbers, two)
    yield case("PCA", make_pipeline(scale(), PCA(3), linear_model.Ridge()), numbers, amount)
    yield case("FeatureUnion and SelectKBest", make_pipeline(FeatureUnion([("s", scale()), ("p", PCA(2))]), SelectKBest(k=4), logistic(max_iter=500)), numbers, two)
    yield case("KNNImputer", make_pipeline(KNNImputer(), scale(), logistic()), lambda s, n=300: with_holes(s, n), two)
    yield case("SimpleImputer with indicator", make_pipeline(SimpleImputer(add_indicator=True), scale(), logistic()), with_holes, two)
    yield case("TransformedTargetRegressor", TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1), numbers, lambda f: np.abs(amount(f)))
    yield case("Ridge, two targets", linear_model.Ridge(), numbers, lambda f: np.c_[amount(f), score(f)])
    as_text = ColumnTransformer([("t", TfidfVectorizer(), "remark")])
    yield case("TF-IDF and LogisticRegression", make_pipeline(as_text, logistic()), text, two)
    only_ascii = ColumnTransformer([("t", TfidfVectorizer(token_pattern=r"[a-zA-Z]+", lowercase=False), "remark")])
    yield case("TF-IDF of ASCII words and LogisticRegression", make_pipeline(only_ascii, logistic()), text, two)
    train = numbers(1)
    yield Case("IsolationForest", ensemble.IsolationForest(n_estimators=20, random_state=0).fit(train), train, numbers)
    yield Case("KMeans", make_pipeline(scale(), KMeans(4, n_init=1, random_state=0)).fit(train), train, numbers)
    yield case("XGBClassifier", XGBClassifier(n_estimators=30, max_depth=4), numbers, two)
    yield case("XGBClassifier, three classes", XGBClassifier(n_estimators=20, max_depth=4), numbers, lambda f: np.digitize(score(f), [-0.5, 0.5]))
    yield case("XGBClassifier with missing values", XGBClassifier(n_estimators=30, max_depth=4), with_holes, two)
    yield case("XGBRegressor", XGBRegressor(n_estimators=30, max_depth=4), numbers, amount)
    yield case("XGBRegressor with missing values", XGBRegressor(n_estimators=30, max_depth=4), with_holes, amount)
    kinds = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    yield case("XGBClassifier with categories", XGBClassifier(n_estimators=20, max_depth=4, enable_categorical=True, feature_types=["q", "q", "c"]), coded, two)
    yield case("LGBMClassifier", LGBMClassifier(n_estimators=30, verbose=-1), numbers, two)
    yield case("LGBMClassifier, three named classes", LGBMClassifier(n_estimators=20, verbose=-1), numbers, three)
    yield case("LGBMClassifier with missing values", LGBMClassifier(n_estimators=30, verbose=-1), with_holes, two)
    yield case("LGBMRegressor", LGBMRegressor(n_estimators=30, verbose=-1), numbers, amount)
    train = coded(1)
    yield Case("LGBMClassifier with categories", LGBMClassifier(n_estimators=20, verbose=-1).fit(train, two(train), categorical_feature=["place"]), train, coded)
    quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    yield case("CatBoostClassifier", CatBoostClassifier(iterations=30, depth=4, **quiet), numbers, two)
    yield case("CatBoostClassifier, three named classes", CatBoostClassifier(iterations=20, depth=4, **quiet), numbers, three)
    yield case("CatBoostClassifier with missing values", CatBoostClassifier(iterations=30, depth=4, **quiet), with_holes, two)
    yield case("CatBoostRegressor", CatBoostRegressor(iterations=30, depth=4, **quiet), numbers, amount)
    named = on_mixed(CatBoostClassifier(iterations=20, depth=4, **quiet), number=SimpleImputer(), encoder=kinds)
    yield case("CatBoostClassifier after an ordinal encoder", named, mixed, two)
    whole = lambda s, n=SIZE: mixed(s, n).assign(distance=lambda f: f["distance"].fillna(0), delay=lambda f: f["delay"].fillna(0))  # noqa: E731
    yield case("CatBoostClassifier with categories", CatBoostClassifier(iterations=20, depth=4, cat_features=["carrier", "origin"], **quiet), whole, two)
