"""Graphs that a model may be served as, best first."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .boosters import booster_graph, catboost_graph, register_converters, without_names
from .model_folder import WHOLE, Column, Signature
from .networks import keras_graph, torch_graph
from .original import Original
from .refusal import NotConvertibleError, first_line
from .rows import are_float32
from .thresholds import parts_of
from .trees import (
    fill_in_float64,
    reads_float64,
    split_in_float32,
    split_in_float64,
    teach_missing_values,
    with_finite_thresholds,
    with_float32_thresholds,
    with_inferred_outputs,
)

# Within what onnxruntime 1.30 and later load; skl2onnx needs nothing newer for scikit-learn.
TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 9

# Tensor element types: ONNX's number -> the Open Inference Protocol's word.
DATATYPES = {1: "FP32", 6: "INT32", 7: "INT64", 8: "BYTES", 9: "BOOL", 11: "FP64"}


@dataclass(frozen=True)
class Input:
    """One tensor of a graph: a block of columns, or one column."""

    name: str
    datatype: str
    columns: list[Column]


Plan = list[Input]


@dataclass(frozen=True)
class Candidate:
    """A graph that loads; whether it answers alike is not yet known."""

    graph: Any
    plan: Plan


def candidates(original: Original, rows: pd.DataFrame) -> Iterator[Candidate]:
    """Graphs one after the other, each with another layout or precision of its inputs.

    @raises NotConvertibleError when there is not one
    """
    refuse_silent_errors(original.model)
    failures: list[str] = []
    for plan, make in _ways(original, rows):
        try:
            graph = _trimmed(make(), original, rows)
            check_loads(graph)
        except ModuleNotFoundError as error:
            raise NotConvertibleError(
                "MODULE_MISSING", f"The environment of the model lacks {error.name}, which converts it."
            ) from error
        except NotConvertibleError:
            raise
        except Exception as error:  # a converter raises whatever its author chose
            failures.append(f"{type(error).__name__}: {error}")
            traceback.print_exc()
        else:
            yield Candidate(graph, plan)
            failures.append("")
    if all(failures):
        line = first_line(Exception(failures[0])) if failures else "there is no layout of its columns"
        raise NotConvertibleError("NO_CONVERTER", f"No faithful graph: {line}", "\n\n".join(failures))


def refuse_silent_errors(model: Any) -> None:
    """Raises for what skl2onnx converts without complaint into a graph that answers differently."""
    for part in parts_of(model):
        categories = getattr(part, "is_categorical_", None)
        if categories is not None and np.any(categories):
            raise NotConvertibleError(
                "NATIVE_CATEGORIES",
                f"{type(part).__name__} reads categories by itself (categorical_features), which the "
                "converter ignores; use a one-hot encoder before it.",
            )


def _ways(original: Original, rows: pd.DataFrame) -> Iterator[tuple[Plan, Callable[[], Any]]]:
    """Layouts of the inputs with what makes the graph of each."""
    signature, model, family = original.signature, original.model, original.family
    block = [Input("input", "FP32", signature.columns)]
    only_numbers = all(column.is_number for column in signature.columns)
    if family in ("torch", "keras") and only_numbers:
        make = torch_graph if family == "torch" else keras_graph
        yield block, lambda: make(model, len(signature.columns))
    elif family == "catboost":
        if only_numbers:
            yield [Input("features", "FP32", signature.columns)], lambda: catboost_graph(model)
    elif original.is_booster:
        if only_numbers:
            yield block, lambda: booster_graph(model, family, len(signature.columns), TARGET_OPSET)
    else:
        ready = with_finite_thresholds(without_flattening(without_names(model)))
        is_exact = are_float32(rows, signature) and not _transforms_before_trees(model)
        # what stands before trees is better done in float64: its rounding moves rows over thresholds
        is_better = _transforms_before_trees(model) or (reads_float64(model) and not is_exact)
        precisions = ("FP64", "FP32") if is_better else ("FP32", "FP64")
        for plan in _plans(model, signature, precisions):
            yield plan, lambda plan=plan: _sklearn_graph(ready, plan, original.is_classifier, is_exact=is_exact)


def _transforms_before_trees(model: Any) -> bool:
    parts = parts_of(model)
    has_steps = any(hasattr(part, "steps") or hasattr(part, "transformers_") for part in parts)
    names = ("tree_", "_predictors", "get_booster", "booster_")
    return has_steps and any(hasattr(part, name) for part in parts for name in names)


def without_flattening(model: Any) -> Any:
    """A copy whose voters don't say how they transform, which the converter stumbles over and no prediction needs."""
    if not any(getattr(part, "flatten_transform", False) for part in parts_of(model)):
        return model
    model = copy.deepcopy(model)
    for part in parts_of(model):
        if hasattr(part, "flatten_transform"):
            part.flatten_transform = False
    return model


def _plans(model: Any, signature: Signature, precisions: tuple[str, ...]) -> Iterator[Plan]:
    """One float32 block of numbers where the model does not pick columns by name, else a tensor per column."""
    columns = signature.columns
    picks_by_name = signature.by_name and any(hasattr(part, "transformers_") for part in parts_of(model))
    if all(column.is_number for column in columns) and not picks_by_name:
        for number in precisions:
            yield [Input("input", number, columns)]
        return
    for number in precisions:
        yield [Input(c.name, number if c.is_number else "BYTES", [c]) for c in columns]
    if any(column.kind in WHOLE for column in columns):
        own = {"integer": "INT64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}
        for number in precisions:
            yield [Input(c.name, own.get(c.kind, number), [c]) for c in columns]


def _sklearn_graph(model: Any, plan: Plan, is_classifier: bool, *, is_exact: bool) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common import data_types

    register_converters()
    teach_missing_values()
    is_float64 = any(one.datatype == "FP64" for one in plan)
    if is_exact and not is_float64:
        model = with_float32_thresholds(model)
    tensors = {
        "FP32": data_types.FloatTensorType,
        "FP64": data_types.DoubleTensorType,
        "INT64": data_types.Int64TensorType,
        "BOOL": data_types.BooleanTensorType,
        "BYTES": data_types.StringTensorType,
    }
    types = [(one.name, tensors[one.datatype]([None, len(one.columns)])) for one in plan]
    # without zipmap: probabilities as a tensor, not as a list of maps
    options = {id(model): {"zipmap": False}} if is_classifier else None
    try:
        graph = convert_sklearn(model, "model", types, options=options, target_opset=TARGET_OPSET)
    except NameError:
        # a LinearSVC has no probabilities, so no zipmap to leave out
        options = {id(part): {"raw_scores": True} for part in parts_of(model) if type(part).__name__ == "LinearSVC"}
        graph = convert_sklearn(model, "model", types, options=options, target_opset=TARGET_OPSET)
    graph.ir_version = min(graph.ir_version, IR_VERSION)
    if not is_float64:
        return graph
    graph = fill_in_float64(graph, model)
    return with_inferred_outputs(split_in_float64(graph, model) if reads_float64(model) else split_in_float32(graph))


def _trimmed(graph: Any, original: Original, rows: pd.DataFrame) -> Any:
    """Leaves the outputs that stand for the model's answer: label and probabilities, or one number.

    Scores of a decision function look like probabilities to whoever serves the graph, and are none.
    """
    from onnx import helper

    outputs = graph.graph.output
    if original.has_probabilities:
        del outputs[2:]
        return graph
    is_number = rows.empty or original.predict(rows.iloc[:1]).dtype.kind == "f"
    if is_number and not original.is_classifier and len(outputs) > 1:
        # a booster that answers the probability of the second class, where its graph says label and both
        probabilities = outputs[1].name
        graph.graph.initializer.append(helper.make_tensor("tilth_second", 7, [1], [1]))
        graph.graph.node.append(
            helper.make_node("Gather", [probabilities, "tilth_second"], ["prediction"], axis=1)
        )
        del outputs[:]
        outputs.append(helper.make_tensor_value_info("prediction", 1, [None, 1]))
    else:
        del outputs[1:]
    return graph


def check_loads(graph: Any) -> None:
    if (session := open_session(graph)) is not None:
        session.get_inputs()


def open_session(graph: Any) -> Any | None:
    """A session of Python's onnxruntime, or None where that is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
