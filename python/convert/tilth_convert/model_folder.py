"""An MLflow model folder: what its signature asks for, and the model itself."""

from __future__ import annotations

import importlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import NotConvertibleError

WHOLE = {"integer": "int32", "long": "int64", "boolean": "bool"}
FRACTIONS = {"double", "float"}
NUMBERS = FRACTIONS | set(WHOLE)


@dataclass(frozen=True)
class Column:
    """One column of the model's signature; `kind` is MLflow's type, such as double or string."""

    name: str
    kind: str
    is_optional: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS


@dataclass(frozen=True)
class Signature:
    """`columns` in order; `by_name` is false for a model that takes a bare array of numbers."""

    columns: list[Column]
    by_name: bool


@dataclass(frozen=True)
class Loaded:
    """A model and who made it: sklearn, xgboost, lightgbm, catboost, torch or keras."""

    model: Any
    family: str


def read_signature(mlmodel: dict[str, Any]) -> Signature:
    text = (mlmodel.get("signature") or {}).get("inputs")
    if not text:
        raise NotConvertibleError("NO_SIGNATURE", "The model was logged without a signature.")
    inputs = json.loads(text)
    if inputs[0]["type"] == "tensor":
        spec = inputs[0]["tensor-spec"]
        shape = spec["shape"]
        if len(inputs) != 1 or len(shape) != 2 or shape[1] < 1 or not spec["dtype"].startswith(("float", "int")):
            raise NotConvertibleError(
                "INPUT_TYPE", f"Only one [rows, columns] array of numbers is supported, not {inputs}."
            )
        kind = "float" if spec["dtype"] == "float32" else "double"
        return Signature([Column(f"x{i}", kind) for i in range(shape[1])], by_name=False)
    for column in inputs:
        if column["type"] not in NUMBERS | {"string"}:
            raise NotConvertibleError(
                "INPUT_TYPE", f"Column {column.get('name')!r} has the type {column['type']}."
            )
    names = [column.get("name") for column in inputs]
    return Signature(
        [
            Column(name or f"x{i}", inputs[i]["type"], inputs[i].get("required") is False)
            for i, name in enumerate(names)
        ],
        by_name=all(names),
    )


def load_model(folder: Path, mlmodel: dict[str, Any]) -> Loaded:
    flavors = mlmodel.get("flavors") or {}
    predict_fn = (flavors.get("python_function") or {}).get("predict_fn", "predict")
    if predict_fn != "predict":
        raise NotConvertibleError(
            "PREDICT_FN", f"The model was logged to answer with {predict_fn}, which only Python does."
        )
    try:
        if "sklearn" in flavors:
            return Loaded(_load_sklearn(folder, flavors["sklearn"]), "sklearn")
        for flavor, (family, module) in _BY_MLFLOW.items():
            if flavor in flavors:
                return Loaded(importlib.import_module(module).load_model(str(folder)), family)
    except ModuleNotFoundError as error:
        raise NotConvertibleError(
            "MODULE_MISSING", f"The model needs the module {error.name}, which is not installed here."
        ) from error
    found = ", ".join(sorted(set(flavors) - {"python_function"})) or "none"
    raise NotConvertibleError("NO_CONVERTER", f"There is no converter for its kind of model; found: {found}.")


# flavor of MLflow -> who makes such models, and the module that loads them
_BY_MLFLOW = {
    "xgboost": ("xgboost", "mlflow.xgboost"),
    "lightgbm": ("lightgbm", "mlflow.lightgbm"),
    "catboost": ("catboost", "mlflow.catboost"),
    "pytorch": ("torch", "mlflow.pytorch"),
    "tensorflow": ("keras", "mlflow.tensorflow"),
    "keras": ("keras", "mlflow.keras"),
}


def _load_sklearn(folder: Path, flavor: dict[str, Any]) -> Any:
    file = folder / flavor["pickled_model"]
    if flavor.get("serialization_format") == "skops":
        import skops.io

        return skops.io.load(file, trusted=flavor.get("skops_trusted_types") or [])
    with file.open("rb") as stream:
        return pickle.load(stream)  # cloudpickle's files are read by pickle too
