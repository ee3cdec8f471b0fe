"""What the converters of scikit-learn's trees leave out, put right before and after they run."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np

from .thresholds import parts_of

LIMITS = np.finfo("float32")


def with_float32_thresholds(model: Any) -> Any:
    """A copy whose histogram trees split at float32 values, and split every float32 row alike.

    x <= t holds for a float32 x exactly when x <= the largest float32 that is not above t. The
    converter rounds t to the nearest float32, which may lie above it and then takes x along. Where
    rows are not float32 to begin with, the nearest is the better choice: it treats row and threshold
    alike, and a threshold is often the value of a row.
    """
    model = copy.deepcopy(model)
    for part in parts_of(model):
        for trees in getattr(part, "_predictors", []):
            for tree in trees:
                exact = tree.nodes["num_threshold"]
                near = exact.astype("float32")
                below = np.nextafter(near, np.float32(-np.inf))
                tree.nodes["num_threshold"] = np.where(near > exact, below, near)
    return model


def with_finite_thresholds(model: Any) -> Any:
    """A copy whose plain trees have no infinite threshold, such as one that only missing values pass.

    The converter never comes back from one with float64 inputs.
    """
    if not any(np.isinf(part.tree_.threshold).any() for part in parts_of(model) if _is_plain(part)):
        return model
    model = copy.deepcopy(model)
    for part in parts_of(model):
        if _is_plain(part):
            part.tree_.threshold[:] = np.clip(part.tree_.threshold, LIMITS.min, LIMITS.max)
    return model


def _is_plain(part: Any) -> bool:
    return hasattr(getattr(part, "tree_", None), "threshold")


def teach_missing_values() -> None:
    """Lets the converter write where a tree sends a missing value, which it forgets for plain trees."""
    from skl2onnx.common import tree_ensemble

    original = tree_ensemble.add_tree_to_attribute_pairs
    if hasattr(original, "knows_missing_values"):
        return

    def add_tree(attributes: dict[str, list[Any]], is_classifier: bool, tree: Any, *args: Any, **options: Any) -> None:
        flags = attributes["nodes_missing_value_tracks_true"]
        first = len(flags)
        original(attributes, is_classifier, tree, *args, **options)
        goes_left = getattr(tree, "missing_go_to_left", None)
        if goes_left is not None and len(flags) - first == len(goes_left):
            is_split = np.asarray(tree.children_left) >= 0
            flags[first:] = (np.asarray(goes_left).astype(bool) & is_split).astype(int).tolist()

    add_tree.knows_missing_values = True  # type: ignore[attr-defined]
    for module in list(sys.modules.values()):
        if getattr(module, "add_tree_to_attribute_pairs", None) is original:
            module.add_tree_to_attribute_pairs = add_tree  # type: ignore[attr-defined]


def split_in_float32(graph: Any) -> Any:
    """Puts the casts around trees that a float64 graph needs: their operators read and give float32."""
    from onnx import helper

    nodes = []
    for node in graph.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            nodes.append(node)
            continue
        taken, given = node.input[0], node.output[-1]
        node.input[0], node.output[len(node.output) - 1] = f"{given}_asked", f"{given}_float32"
        nodes.append(helper.make_node("Cast", [taken], [f"{given}_asked"], to=1))
        nodes.append(node)
        nodes.append(helper.make_node("Cast", [f"{given}_float32"], [given], to=11))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def reads_float64(model: Any) -> bool:
    """Whether its trees compare rows as they are: histogram trees and lightgbm's do, plain trees and xgboost's don't."""
    parts = parts_of(model)
    has_exact = any(hasattr(part, "_predictors") or hasattr(part, "booster_") for part in parts)
    return has_exact and not any(_is_plain(part) or hasattr(part, "get_booster") for part in parts)


def split_in_float64(graph: Any, model: Any) -> Any:
    """Gives trees over float64 their own thresholds back, which the converter has rounded to float32.

    A decimal such as 100.2 is often a threshold, since it lies in the middle of two decimals of the training rows:
    rounded, it would send every row that holds it the other way.
    """
    from onnx import TensorProto, helper

    exact = _exact_thresholds(model)
    nodes = []
    for node in graph.graph.node:
        nodes.append(node)
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        given = {attribute.name: attribute for attribute in node.attribute}
        columns, values = list(given["nodes_featureids"].ints), list(given["nodes_values"].floats)
        is_split = [mode != b"LEAF" for mode in given["nodes_modes"].strings]
        doubles = {name: list(given[name].floats) for name in DOUBLES if name in given and len(given[name].floats)}
        doubles["nodes_values"] = [
            _nearest(exact.get(column), value) if splits else 0.0
            for column, value, splits in zip(columns, values, is_split, strict=True)
        ]
        kept = [attribute for name, attribute in given.items() if name not in (*DOUBLES, "nodes_hitrates")]
        del node.attribute[:]
        node.attribute.extend(kept)
        for name, numbers in doubles.items():
            tensor = helper.make_tensor(name, TensorProto.DOUBLE, [len(numbers)], numbers)
            node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))
        answer = node.output[-1]
        node.output[len(node.output) - 1] = f"{answer}_float32"
        nodes.append(helper.make_node("Cast", [f"{answer}_float32"], [answer], to=11))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    for entry in graph.opset_import:
        if entry.domain == "ai.onnx.ml":
            entry.version = 3
    return graph


def fill_in_float64(graph: Any, model: Any) -> Any:
    """Puts plain operators where a float64 graph has an imputer, which the runtime has for float32 only."""
    from onnx import TensorProto, helper

    parts = parts_of(model)
    held = [np.ravel(part.statistics_) for part in parts if getattr(part, "statistics_", np.array("")).dtype.kind == "f"]
    exact = np.unique(np.concatenate([np.zeros(0), *held]))
    nodes = []
    for at, node in enumerate(graph.graph.node):
        given = {attribute.name: attribute for attribute in node.attribute}
        replaced = given.get("replaced_value_float")
        if node.op_type != "Imputer" or replaced is None or not np.isnan(replaced.f):
            nodes.append(node)
            continue
        values = [_nearest(exact if len(exact) else None, value) for value in given["imputed_value_floats"].floats]
        name = f"tilth_fill_{at}"
        graph.graph.initializer.append(helper.make_tensor(name, TensorProto.DOUBLE, [1, len(values)], values))
        nodes.append(helper.make_node("IsNaN", [node.input[0]], [f"{name}_lacks"]))
        nodes.append(helper.make_node("Where", [f"{name}_lacks", name, node.input[0]], [node.output[0]]))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def with_inferred_outputs(graph: Any) -> Any:
    """Says of each output what type it has now, where that can be inferred."""
    from onnx import shape_inference

    asked = copy.deepcopy(graph)
    for output in asked.graph.output:
        output.type.tensor_type.elem_type = 0
    inferred = shape_inference.infer_shapes(asked)
    for output, found in zip(graph.graph.output, inferred.graph.output, strict=True):
        if found.type.tensor_type.elem_type != 0:
            output.type.tensor_type.elem_type = found.type.tensor_type.elem_type
    return graph


# Attributes of a tree ensemble that have a form in float64.
DOUBLES = ("nodes_values", "target_weights", "class_weights", "base_values")


def _exact_thresholds(model: Any) -> dict[int, np.ndarray]:
    """Column that a tree sees -> thresholds on it, rising."""
    found: dict[int, list[float]] = {}
    for part in parts_of(model):
        for stage in getattr(part, "_predictors", []):
            for one in stage:
                nodes = one.nodes[one.nodes["is_leaf"] == 0]
                for column, value in zip(nodes["feature_idx"], nodes["num_threshold"], strict=True):
                    found.setdefault(int(column), []).append(float(value))
        booster = getattr(part, "booster_", None)
        if booster is not None:
            names = booster.feature_name()
            table = booster.trees_to_dataframe().dropna(subset=["split_feature"])
            for name, value in zip(table["split_feature"], table["threshold"], strict=True):
                found.setdefault(names.index(name), []).append(float(value))
    return {column: np.unique(values) for column, values in found.items()}


def _nearest(exact: np.ndarray | None, rounded: float) -> float:
    """The threshold that was rounded to this."""
    if exact is None or not np.isfinite(rounded):
        return rounded
    at = int(np.clip(np.searchsorted(exact, rounded), 1, max(len(exact) - 1, 1)))
    near = min(exact[max(at - 1, 0) : at + 1], key=lambda value: abs(value - rounded))
    is_it = abs(near - rounded) <= 2e-7 * abs(rounded)
    return float(near) if is_it else rounded
