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
