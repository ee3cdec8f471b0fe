"""Run in an environment that has scikit-learn, mlflow, skl2onnx, onnx, onnxruntime and pytest."""

import json
import subprocess
import sys
from pathlib import Path

import convert
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from tilth_convert.probe import HUGE

ROWS = 400


@pytest.fixture
def mixed() -> pd.DataFrame:
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "carrier": random.choice(["AA", "UA", "B6"], ROWS),
            "temp": random.normal(50, 20, ROWS).round(2),
            "wind": random.gamma(2, 5, ROWS),
        }
    )
    frame.loc[::17, "wind"] = np.nan
    return frame


def late(frame: pd.DataFrame) -> pd.Series:
    score = frame["temp"] + 3 * frame["wind"].fillna(0) + 20 * (frame["carrier"] == "B6")
    return (score > score.median()).astype(int)


def on_mixed(estimator) -> Pipeline:
    numbers = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())])
    strings = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    features = ColumnTransformer([("s", strings, ["carrier"]), ("n", numbers, ["temp", "wind"])])
    return Pipeline([("features", features), ("model", estimator)])


def save(model, rows, folder: Path, **options) -> Path:
    signature = infer_signature(rows, model.predict(rows))
    options = {"serialization_format": "cloudpickle", "pip_requirements": [], **options}
    mlflow.sklearn.save_model(model, str(folder), signature=signature, **options)
    return folder


def converted(model, rows: pd.DataFrame, folder: Path, **options) -> tuple[dict, dict, dict]:
    """The printed result, schema.json and expected.json."""
    rows.to_parquet(folder / "rows.parquet")
    result = convert.run(
        save(model, rows, folder / "model", **options), folder / "out", folder / "rows.parquet", 10_000
    )
    assert result["converted"], result
    return result, *(json.loads((folder / "out" / n).read_text()) for n in ("schema.json", "expected.json"))


def test_a_linear_model_on_mixed_columns_answers_alike(mixed, tmp_path):
    result, schema, expected = converted(
        on_mixed(LogisticRegression()).fit(mixed, late(mixed)), mixed, tmp_path
    )
    assert result["parity"]["all"]["labelsEqual"] == 1
    assert result["parity"]["all"]["maxError"] < 1e-5
    assert [(i["name"], i["datatype"], i["shape"]) for i in schema["inputs"]] == [
        ("carrier", "BYTES", [-1, 1]),
        ("temp", "FP32", [-1, 1]),
        ("wind", "FP32", [-1, 1]),
    ]
    assert [(o["role"], o["datatype"]) for o in schema["outputs"]] == [
        ("label", "INT64"),
        ("probabilities", "FP32"),
    ]
    assert schema["task"] == "binary-classification"
    assert schema["classes"] == [0, 1]
    assert len(expected["predict"]) == len(expected["predict_proba"]) == expected["count"]
    assert {len(values) for values in expected["columns"].values()} == {expected["count"]}


def test_hostile_rows_are_asked_too(mixed, tmp_path):
    model = on_mixed(HistGradientBoostingClassifier(max_iter=10)).fit(mixed, late(mixed))
    _, _, expected = converted(model, mixed, tmp_path)
    parts = {part["kind"]: range(part["from"], part["to"]) for part in expected["parts"]}
    assert list(parts) == ["given", "crossed", "missing", "unseen", "empty", "text", "zero", "tiny", "huge", "jump"]
    assert all(expected["columns"]["carrier"][row] == "" for row in parts["empty"])
    assert all(
        None in (expected["columns"]["temp"][row], expected["columns"]["wind"][row])
        for row in parts["missing"]
    )
    assert max(expected["columns"]["temp"][row] for row in parts["huge"]) == HUGE


def test_rows_at_a_threshold_are_neighbours_in_float32_and_differ_in_their_answer(mixed, tmp_path):
    numbers = mixed[["temp", "wind"]].fillna(0).astype("float32").astype("float64")
    model = HistGradientBoostingClassifier(max_iter=5).fit(numbers, late(mixed))
    result, _, expected = converted(model, numbers, tmp_path)
    start, end = next((p["from"], p["to"]) for p in expected["parts"] if p["kind"] == "jump")
    for low, high in zip(range(start, end, 2), range(start + 1, end, 2), strict=True):
        assert expected["predict_proba"][low] != expected["predict_proba"][high]
        moved = [
            (np.float32(values[low]), np.float32(values[high]))
            for values in expected["columns"].values()
            if values[low] != values[high]
        ]
        assert [np.nextafter(a, np.float32(np.inf)) == b for a, b in moved] == [True]
    for kind in ("jump", "threshold"):
        assert result["parity"][kind]["labelsEqual"] == 1
        assert result["parity"][kind]["maxError"] < 1e-6


def test_decimal_rows_that_equal_a_threshold_stay_on_their_side(mixed, tmp_path):
    # many distinct values: the trees then split at values of rows, such as 39.02, not between them
    random = np.random.default_rng(3)
    rows = pd.DataFrame({"temp": random.normal(50, 20, 4000).round(2)})
    names = (rows["temp"] + random.normal(0, 20, 4000) > 50).astype(int)
    result, _, _ = converted(HistGradientBoostingClassifier(max_iter=20).fit(rows, names), rows, tmp_path)
    assert result["parity"]["given"]["labelsEqual"] == 1
    assert result["parity"]["given"]["maxError"] < 1e-6


def test_a_model_of_numbers_alone_takes_one_block(tmp_path):
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(ROWS, 3)), columns=list("abc"))
    model = Pipeline([("scale", StandardScaler()), ("model", LinearRegression())])
    result, schema, expected = converted(model.fit(rows, rows["a"] - rows["b"]), rows, tmp_path)
    assert [(i["name"], i["shape"]) for i in schema["inputs"]] == [("input", [-1, 3])]
    assert [column["name"] for column in schema["inputs"][0]["columns"]] == list("abc")
    assert schema["task"] == "regression"
    assert expected["predict_proba"] is None
    assert result["parity"]["all"]["maxError"] < 1e-5
    # what the Python model refuses is told, not hidden
    assert {(s["kind"], s["column"]) for s in expected["skipped"]} >= {("missing", "a")}


def test_a_model_without_column_names_converts(tmp_path):
    values = np.random.default_rng(1).normal(size=(ROWS, 2))
    model = HistGradientBoostingRegressor(max_iter=5).fit(values, values[:, 0])
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps({"columns": [0, 1], "data": values.tolist()}))
    result = convert.run(save(model, values, tmp_path / "model"), tmp_path / "out", rows, 100)
    assert result["converted"]
    assert result["parity"]["given"]["maxError"] < 1e-5
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    assert schema["byName"] is False


def test_string_classes_come_back_as_strings(mixed, tmp_path):
    names = late(mixed).map({0: "on time", 1: "late"})
    result, schema, expected = converted(on_mixed(LogisticRegression()).fit(mixed, names), mixed, tmp_path)
    assert schema["classes"] == ["late", "on time"]
    assert schema["outputs"][0]["datatype"] == "BYTES"
    assert set(expected["predict"]) <= {"late", "on time"}
    assert result["parity"]["all"]["labelsEqual"] == 1


def test_a_model_kept_by_skops_converts(mixed, tmp_path):
    result, _, _ = converted(
        on_mixed(LogisticRegression()).fit(mixed, late(mixed)),
        mixed,
        tmp_path,
        serialization_format="skops",
        skops_trusted_types=["numpy.dtype"],
    )
    assert result["parity"]["all"]["labelsEqual"] == 1


def test_the_same_model_and_rows_give_the_same_bytes(mixed, tmp_path):
    model = on_mixed(LogisticRegression()).fit(mixed, late(mixed))
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        converted(model, mixed, tmp_path / name)
        out = tmp_path / name / "out"
        written.append([file.read_bytes() for file in sorted(out.iterdir())])
    assert written[0] == written[1]


def refused(model_dir: Path, folder: Path, rows: Path) -> dict:
    """What failure.json says; asked through the command line."""
    done = subprocess.run(
        [sys.executable, convert.__file__, model_dir, folder / "out", "--rows", rows],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == convert.EXIT_NOT_CONVERTIBLE, done.stderr
    assert not (folder / "out" / "model.onnx").exists()
    assert not (folder / "out" / "expected.json").exists()
    return json.loads((folder / "out" / "failure.json").read_text())


def test_native_categories_are_refused_since_they_would_convert_wrongly(mixed, tmp_path):
    rows = mixed[["temp", "wind"]].assign(place=(mixed["temp"] % 5).round())
    model = HistGradientBoostingClassifier(categorical_features=["place"], max_iter=5)
    rows.to_parquet(tmp_path / "rows.parquet")
    saved = save(model.fit(rows, late(mixed)), rows, tmp_path / "model")
    failure = refused(saved, tmp_path, tmp_path / "rows.parquet")
    assert failure["code"] == "NATIVE_CATEGORIES"
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    assert schema["engine"] == "python"
    assert [i["name"] for i in schema["inputs"]] == ["temp", "wind", "place"]


def test_a_step_without_converter_is_refused_by_name(mixed, tmp_path):
    rows = mixed[["temp"]]
    model = Pipeline([("f", FunctionTransformer(np.log1p)), ("model", LogisticRegression())])
    rows = rows.abs()
    rows.to_parquet(tmp_path / "rows.parquet")
    saved = save(model.fit(rows, late(mixed)), rows, tmp_path / "model")
    failure = refused(saved, tmp_path, tmp_path / "rows.parquet")
    assert failure["code"] == "NO_CONVERTER"
    assert "FunctionTransformer" in failure["detail"]


@pytest.mark.parametrize(
    ("mlmodel", "code"),
    [
        ('flavors: {python_function: {}}\nsignature: {inputs: \'[{"type": "double"}]\'}\n', "NO_CONVERTER"),
        ("flavors: {sklearn: {}}\n", "NO_SIGNATURE"),
    ],
)
def test_what_is_not_a_signed_sklearn_model_is_refused(mlmodel, code, tmp_path):
    (tmp_path / "MLmodel").write_text(mlmodel)
    assert refused(tmp_path, tmp_path, tmp_path / "none.json")["code"] == code
