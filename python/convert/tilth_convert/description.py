"""What the outside is told about a model and its graph: schema.json."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .graphs import DATATYPES, Candidate
from .model_folder import Signature
from .original import Original

PACKAGES = (
    "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "torch", "keras", "skl2onnx", "onnxmltools",
    "onnx", "onnxruntime", "mlflow", "mlflow-skinny", "numpy", "pandas",
)


def describe(original: Original | None, signature: Signature, candidate: Candidate | None) -> dict[str, Any]:
    """Without a candidate it describes the Python model, one input per column."""
    own = {"integer": "INT32", "long": "INT64", "boolean": "BOOL", "string": "BYTES", "float": "FP32"}
    return {
        "format": 2,
        "engine": "python" if candidate is None else "onnx",
        "task": "other" if original is None else task_of(original),
        "classes": None if original is None else original.classes,
        "byName": signature.by_name,
        "inputs": [
            {
                "name": one.name,
                "datatype": one.datatype,
                "shape": [-1, len(one.columns)],
                "columns": [{"name": column.name, "type": column.kind} for column in one.columns],
            }
            for one in candidate.plan
        ]
        if candidate is not None
        else [
            {
                "name": column.name,
                "datatype": own.get(column.kind, "FP64"),
                "shape": [-1, 1],
                "columns": [{"name": column.name, "type": column.kind}],
            }
            for column in signature.columns
        ],
        "outputs": [] if candidate is None or original is None else _outputs(candidate.graph, original),
        "versions": versions(),
    }


def task_of(original: Original) -> str:
    """`labels` for what answers labels without saying which there are, such as an outlier detector."""
    if original.is_classifier:
        classes = original.classes
        return "binary-classification" if classes is not None and len(classes) == 2 else "multiclass-classification"
    is_detector = any(hasattr(original.model, name) for name in ("fit_predict", "decision_function"))
    return "labels" if is_detector and original.family == "sklearn" else "regression"


def _outputs(graph: Any, original: Original) -> list[dict[str, Any]]:
    roles = ["label", "probabilities"] if original.has_probabilities else ["prediction"]
    described = []
    for role, output in zip(roles, graph.graph.output, strict=False):
        tensor = output.type.tensor_type
        described.append(
            {
                "name": output.name,
                "datatype": DATATYPES[tensor.elem_type],
                "shape": [dim.dim_value or -1 for dim in tensor.shape.dim],
                "role": role,
            }
        )
    return described


def versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
