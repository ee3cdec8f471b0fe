"""An MLflow model as one thing to ask: columns in, labels and probabilities out.

Runs in the model's own environment and only there: the model file is unpickled in this process.
Needs numpy, pandas, PyYAML and what the model itself needs; mlflow only for flavors other than sklearn.
"""

from __future__ import annotations

import json
import pickle
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

# MLflow's type -> (numpy's, the Open Inference Protocol's)
KINDS = {
    "double": ("float64", "FP64"),
    "float": ("float32", "FP32"),
    "long": ("int64", "INT64"),
    "integer": ("int32", "INT32"),
    "boolean": ("bool", "BOOL"),
    "string": ("object", "BYTES"),
    "datetime": ("datetime64[ns]", "BYTES"),
}
TENSORS = {"float64": "FP64", "float32": "FP32", "int64": "INT64", "int32": "INT32", "bool": "BOOL"}

# predict() of these is their own predict_proba() and the class of the largest, word for word
LABEL_IS_LARGEST = {
    "ForestClassifier.predict",
    "BaggingClassifier.predict",
    "CalibratedClassifierCV.predict",
}

# package -> the module that shows that it is in use
PACKAGES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "mlflow": "mlflow",
    "mlflow-skinny": "mlflow",
    "skops": "skops",
    "xgboost": "xgboost",
    "xgboost-cpu": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "statsmodels": "statsmodels",
}


class UnservableError(Exception):
    """The model can't be asked row by row; the message is for people."""


class Column(NamedTuple):
    name: str
    kind: str  # MLflow's
    is_required: bool


class Signature(NamedTuple):
    """What the model takes: named columns, or one tensor of `dtype` and `shape` (without the rows)."""

    columns: list
    dtype: str | None
    shape: tuple
    tensor: str


class Answer(NamedTuple):
    """`labels` one per row; `probabilities` rows x classes, or None."""

    labels: np.ndarray
    probabilities: np.ndarray | None


def read_mlmodel(folder: Path) -> dict:
    return yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))


def read_signature(mlmodel: dict) -> Signature:
    text = (mlmodel.get("signature") or {}).get("inputs")
    if not text:
        raise UnservableError("The model was logged without a signature: nobody can say which columns it takes.")
    inputs = json.loads(text)
    if inputs[0]["type"] == "tensor":
        spec = inputs[0]["tensor-spec"]
        shape = tuple(spec["shape"][1:])
        if len(inputs) != 1 or not shape or min(shape) < 1 or spec["dtype"] not in TENSORS:
            raise UnservableError(f"The signature takes tensors that can't be given row by row: {inputs}")
        return Signature([], spec["dtype"], shape, inputs[0].get("name") or "input")
    for column in inputs:
        if column["type"] not in KINDS:
            raise UnservableError(f"The column {column.get('name')!r} has the type {column['type']}.")
    columns = [
        Column(column.get("name") or f"x{place}", column["type"], column.get("required", True))
        for place, column in enumerate(inputs)
    ]
    return Signature(columns, None, (), "")


class Model:
    """@param takes: `frame` for a data frame by name, `array` for a bare array of numbers."""

    def __init__(self, folder: Path, takes: str = "frame") -> None:
        mlmodel = read_mlmodel(folder)
        self.signature = read_signature(mlmodel)
        self.takes = takes
        self.flavors = mlmodel.get("flavors") or {}
        self._whole: Any = None
        self.original = self._load(folder)
        classes = getattr(self.original, "classes_", None)
        is_classifier = hasattr(self.original, "predict_proba") and isinstance(classes, np.ndarray)
        self.classes = classes.tolist() if is_classifier and classes.ndim == 1 else None
        self._steps = self._split()

    def _load(self, folder: Path) -> Any:
        flavor = self.flavors.get("sklearn")
        own_way = (self.flavors.get("python_function") or {}).get("predict_fn", "predict")
        if flavor is not None and own_way == "predict":
            file = folder / flavor["pickled_model"]
            if flavor.get("serialization_format") == "skops":
                import skops.io

                return skops.io.load(file, trusted=flavor.get("skops_trusted_types") or [])
            code = folder / (flavor.get("code") or "code")
            if code.is_dir():
                sys.path.insert(0, str(code))
            with file.open("rb") as stream:
                return pickle.load(stream)  # cloudpickle's files are read by pickle too
        try:
            import mlflow.pyfunc
        except ModuleNotFoundError as error:
            found = ", ".join(sorted(self.flavors)) or "none"
            raise UnservableError(
                f"The model has the flavors {found}, which mlflow loads, and its environment lacks {error.name}."
            ) from error
        self._whole = mlflow.pyfunc.load_model(str(folder))
        raw = getattr(self._whole, "get_raw_model", None)
        try:
            return raw() if raw is not None else None
        except Exception:  # a flavor without one raises whatever its author chose
            return None

    def _split(self) -> tuple | None:
        """(what transforms, what predicts) of a plain pipeline, so that rows are transformed once."""
        if self._whole is not None or self.classes is None:
            return None
        from sklearn.pipeline import Pipeline

        if type(self.original) is not Pipeline:
            return (None, self.original)
        if len(self.original.steps) == 1:
            return (None, self.original.steps[-1][1])
        return (self.original[:-1], self.original.steps[-1][1])

    def given(self, columns: Any) -> Any:
        """The rows as the model takes them, from one array per column (or a matrix of columns)."""
        signature = self.signature
        if signature.dtype is not None:
            block = np.stack(list(columns), axis=1) if not isinstance(columns, np.ndarray) else columns.T
            return np.ascontiguousarray(block, dtype=signature.dtype).reshape(-1, *signature.shape)
        if isinstance(columns, np.ndarray):
            kinds = {column.kind for column in signature.columns}
            dtype = KINDS[signature.columns[0].kind][0]
            if len(kinds) == 1:
                block = np.asarray(columns, dtype=dtype).T
                if self.takes == "array":
                    return np.ascontiguousarray(block)  # row by row, as people have it
                import pandas as pd

                return pd.DataFrame(block, columns=[column.name for column in signature.columns], copy=False)
        typed = [_typed(values, column.kind) for values, column in zip(columns, signature.columns)]
        if self.takes == "array":
            return np.column_stack(typed)
        import pandas as pd

        return pd.DataFrame({column.name: values for column, values in zip(signature.columns, typed)}, copy=False)

    def ask(self, columns: Any) -> Answer:
        rows = self.given(columns)
        count = len(rows)
        if self.classes is None:
            return Answer(_flat((self._whole or self.original).predict(rows), count), None)
        if self._steps is None:
            labels = self._whole.predict(rows)
            probabilities = self.original.predict_proba(rows)
        else:
            transform, final = self._steps
            if transform is not None:
                rows = transform.transform(rows)
            probabilities = final.predict_proba(rows)
            if type(final).predict.__qualname__ in LABEL_IS_LARGEST:
                labels = final.classes_.take(np.argmax(probabilities, axis=1), axis=0)
            else:
                labels = final.predict(rows)
        probabilities = np.asarray(probabilities)
        if probabilities.dtype not in (np.float32, np.float64):
            probabilities = probabilities.astype("float64")
        if probabilities.shape != (count, len(self.classes)):
            raise UnservableError(f"predict_proba gave the shape {probabilities.shape} for {count} rows.")
        return Answer(_flat(labels, count), probabilities)


def _typed(values: np.ndarray, kind: str) -> Any:
    if kind == "datetime":
        import pandas as pd

        return pd.to_datetime(pd.Series(values)).to_numpy(dtype="datetime64[ns]")
    return np.asarray(values, dtype=KINDS[kind][0])


def _flat(answer: Any, rows: int) -> np.ndarray:
    """One value per row: numbers, truths, or text."""
    values = np.asarray(answer.to_numpy() if hasattr(answer, "to_numpy") else answer)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.reshape(-1)
    if values.shape != (rows,):
        raise UnservableError(f"The model gave the shape {values.shape} for {rows} rows, where one value per row is served.")
    if values.dtype.kind == "f":
        return values if values.dtype in (np.float32, np.float64) else values.astype("float64")
    if values.dtype.kind in "iu":
        return values.astype("int64")
    if values.dtype.kind == "b":
        return values
    first = values[0] if rows else ""
    if values.dtype.kind == "O" and isinstance(first, (bool, np.bool_)):
        return values.astype(bool)
    if values.dtype.kind == "O" and isinstance(first, (int, float, np.number)):
        return _flat(np.asarray(values.tolist()), rows)
    return np.array([str(value) for value in values], dtype=object)


def versions(in_use: bool = False) -> dict:
    """Of the packages that decide what a model answers, those that are there; or that it has loaded."""
    found = {}
    for package, module in PACKAGES.items():
        if in_use and module not in sys.modules:
            continue
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def words_of(error: BaseException) -> str:
    """What an error says, in one line, without the places of files."""
    import re

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    text = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+~ -]+){2,}", "…", text)
    return text if len(text) <= 300 else text[:299] + "…"
