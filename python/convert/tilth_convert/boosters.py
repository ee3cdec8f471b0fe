"""Graphs of xgboost, lightgbm and catboost models."""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import Any

from .thresholds import parts_of


def register_converters() -> None:
    """Teaches skl2onnx the estimators of xgboost and lightgbm that are loaded, where onnxmltools is installed."""
    if not {"xgboost", "lightgbm"} & set(sys.modules):
        return
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes as classes,
    )
    from skl2onnx.common.shape_calculator import (
        calculate_linear_regressor_output_shapes as numbers,
    )

    ways = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    if xgboost := sys.modules.get("xgboost"):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

        for name in ("XGBClassifier", "XGBRFClassifier"):
            update_registered_converter(getattr(xgboost, name), name, classes, convert_xgboost, options=ways)
        for name in ("XGBRegressor", "XGBRFRegressor"):
            update_registered_converter(getattr(xgboost, name), name, numbers, convert_xgboost)
    if lightgbm := sys.modules.get("lightgbm"):
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        update_registered_converter(
            lightgbm.LGBMClassifier, "LGBMClassifier", classes, convert_lightgbm, options=ways
        )
        update_registered_converter(
            lightgbm.LGBMRegressor, "LGBMRegressor", numbers, convert_lightgbm, options={"split": None}
        )


def without_names(model: Any) -> Any:
    """A copy whose xgboost parts know their columns by number, which is all that the converter reads."""
    if not any(hasattr(part, "get_booster") for part in parts_of(model)):
        return model
    model = copy.deepcopy(model)
    for part in parts_of(model):
        if hasattr(part, "get_booster"):
            part.get_booster().feature_names = None
    return model


def booster_graph(booster: Any, family: str, width: int, opset: dict[str, int]) -> Any:
    """Of xgboost's or lightgbm's own Booster."""
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, width]))]
    opset_version = min(opset[""], 15)
    if family == "xgboost":
        booster = booster.copy()
        booster.feature_names = None
        return convert_xgboost(booster, initial_types=types, target_opset=opset_version)
    return convert_lightgbm(booster, initial_types=types, target_opset=opset_version, zipmap=False)


def catboost_graph(model: Any) -> Any:
    """By catboost itself; numeric columns only."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        model.save_model(str(file), format="onnx")
        graph = onnx.load(str(file))
    nodes = [node for node in graph.graph.node if node.op_type == "ZipMap"]
    for node in nodes:
        (output,) = [one for one in graph.graph.output if one.name == node.output[0]]
        graph.graph.node.remove(node)
        output.CopyFrom(onnx.helper.make_tensor_value_info(node.input[0], 1, [None, None]))
    if not any(entry.domain in ("", "ai.onnx") for entry in graph.opset_import):
        graph.opset_import.append(onnx.helper.make_opsetid("", 18))
    return graph
