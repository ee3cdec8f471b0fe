"""Where the answers of a model jump: the thresholds that its trees hold, and jumps found by asking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from .model_folder import FRACTIONS
from .original import Original

# Thresholds of a model that are tried, evenly over all it has, and jumps looked for per column.
MOST_THRESHOLDS = 1000
JUMPS_PER_COLUMN = 4
# A threshold, one float64 step around it, and one float32 step around it.
NEIGHBOURS = 5


def parts_of(model: Any) -> list[Any]:
    """The model and every estimator inside it, fitted where scikit-learn keeps the fitted one."""
    found, queue, seen = [], [model], set()
    while queue:
        part = queue.pop()
        if id(part) in seen or isinstance(part, str | bytes | type(None)):
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            queue.extend(part)
        elif isinstance(part, np.ndarray):
            # GradientBoosting keeps its trees in an array
            if part.dtype == object:
                queue.extend(part.ravel().tolist())
        elif hasattr(part, "get_params"):
            found.append(part)
            queue.extend(value for value in vars(part).values() if not np.isscalar(value))
    return found


def tree_thresholds(original: Original) -> dict[int, np.ndarray]:
    """Column index -> thresholds of the trees that read the columns of the signature as they come."""
    found: dict[int, list[float]] = {}
    try:
        for column, value in _splits(original.model, original.family):
            found.setdefault(column, []).append(value)
    except Exception:
        # a library that keeps its trees otherwise: jumps are still found by asking
        return {}
    return {column: np.unique(np.asarray(values, dtype="float64")) for column, values in found.items()}


def _splits(model: Any, family: str) -> Iterator[tuple[int, float]]:
    """(column, threshold); for whole ensembles one call of their library."""
    kind = type(model).__module__.split(".")[0]
    if kind == "xgboost":
        booster = model if type(model).__name__ == "Booster" else model.get_booster()
        names = booster.feature_names
        table = booster.trees_to_dataframe()
        table = table[table["Feature"] != "Leaf"].dropna(subset=["Split"])
        for name, value in zip(table["Feature"], table["Split"], strict=True):
            yield (names.index(name) if names else int(name[1:])), float(np.float32(value))
    elif kind == "lightgbm":
        booster = getattr(model, "booster_", model)
        names = booster.feature_name()
        table = booster.trees_to_dataframe().dropna(subset=["split_feature"])
        table = table[table["decision_type"] == "<="]
        for name, value in zip(table["split_feature"], table["threshold"], strict=True):
            yield names.index(name), float(value)
    elif kind == "catboost":
        for column, borders in (model.get_borders() or {}).items():
            for value in borders:
                yield int(column), float(value)
    else:
        yield from _sklearn_splits(model)


def _sklearn_splits(model: Any) -> Iterator[tuple[int, float]]:
    # whoever transforms its rows first does not see the columns of the signature
    if hasattr(model, "steps") or hasattr(model, "transformers_"):
        return
    for part in parts_of(model):
        if part is not model and (hasattr(part, "steps") or hasattr(part, "transformers_")):
            return
    for part in parts_of(model):
        tree = getattr(part, "tree_", None)
        if tree is not None and hasattr(tree, "threshold"):
            is_split = tree.feature >= 0
            yield from zip(tree.feature[is_split].tolist(), tree.threshold[is_split].tolist(), strict=True)
        categories = getattr(part, "is_categorical_", None)
        if categories is not None and np.any(categories):
            continue
        for stage in getattr(part, "_predictors", []):
            for one in stage:
                nodes = one.nodes[one.nodes["is_leaf"] == 0]
                yield from zip(nodes["feature_idx"].tolist(), nodes["num_threshold"].tolist(), strict=True)


def threshold_rows(original: Original, base: pd.DataFrame) -> pd.DataFrame:
    """For each threshold NEIGHBOURS rows in a row, in rising order of the one value that differs."""
    columns = original.signature.columns
    pairs = [
        (columns[index].name, value)
        for index, values in sorted(tree_thresholds(original).items())
        if index < len(columns) and columns[index].kind in FRACTIONS
        # its neighbour in float32 must be a number too
        for value in values[np.abs(values) < 1e38].tolist()
    ]
    if not pairs:
        return base.iloc[:0]
    taken = np.linspace(0, len(pairs) - 1, min(MOST_THRESHOLDS, len(pairs))).astype(int)
    pairs = [pairs[at] for at in taken]
    frame = base.iloc[np.repeat(np.arange(len(pairs)) % len(base), NEIGHBOURS)].reset_index(drop=True)
    values = np.array([_around(value) for _, value in pairs]).ravel()
    of_row = np.repeat([name for name, _ in pairs], NEIGHBOURS)
    for name in set(of_row.tolist()):
        cells = frame[name].to_numpy("float64").copy()
        cells[of_row == name] = values[of_row == name]
        frame[name] = cells
    return frame


def _around(value: float) -> list[float]:
    with np.errstate(over="ignore"):
        near = np.float32(value)
        low, high = np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))
    return [float(low), float(np.nextafter(value, -np.inf)), value, float(np.nextafter(value, np.inf)), float(high)]


def jump_rows(original: Original, rows: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Pairs of rows that differ by one float32 step in one column, on both sides of a jump.

    The model is asked, not taken apart: along each numeric column the answer is read at the values
    that the rows hold, and where it moves the place is narrowed down by halving. That finds the
    thresholds of any tree, whatever scaler stands before it.
    """
    starts, low, high, column_of = [], [], [], []
    columns = [c.name for c in original.signature.columns if c.kind in FRACTIONS]
    for name in columns:
        values = np.unique(rows[name].dropna().to_numpy(dtype="float32"))
        if len(values) < 2:
            continue
        values = values[np.linspace(0, len(values) - 1, min(64, len(values))).astype(int)]
        start = base.iloc[[len(column_of) % len(base)]]
        line = start.loc[start.index.repeat(len(values))].assign(**{name: values.astype("float64")})
        try:
            answers = original.score(line)
        except Exception:
            continue
        moves = np.abs(np.diff(answers, axis=0)).max(axis=1)
        for at in np.argsort(-moves, kind="stable")[:JUMPS_PER_COLUMN]:
            if moves[at] > 0:
                starts.append(start)
                low.append(values[at])
                high.append(values[at + 1])
                column_of.append(name)
    if not low:
        return rows.iloc[:0]
    frame = pd.concat(starts, ignore_index=True)
    lower, upper = np.array(low, dtype="float32"), np.array(high, dtype="float32")

    def answers_at(values: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        asked = frame.copy()
        for index, name in enumerate(column_of):
            asked.loc[index, name] = float(values[index])
        return asked, original.score(asked)

    _, answers_low = answers_at(lower)
    # float32 has 2^32 values, so after 64 halvings by value the two are neighbours
    for _ in range(64):
        middle = lower + (upper - lower) / 2
        open_ = (middle > lower) & (middle < upper)
        if not open_.any():
            break
        _, answers = answers_at(middle)
        same = (answers == answers_low).all(axis=1)
        lower = np.where(open_ & same, middle, lower)
        upper = np.where(open_ & ~same, middle, upper)
    below, above = answers_at(lower)[0], answers_at(upper)[0]
    return pd.concat([below, above], ignore_index=True).iloc[
        np.arange(2 * len(below)).reshape(2, -1).T.ravel()
    ].reset_index(drop=True)
