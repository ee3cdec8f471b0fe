"""How far a graph is from the original in Python's own onnxruntime, where that is installed.

A first look only, to choose among graphs: what counts is the same comparison by the program that serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .graphs import Candidate, open_session

NUMPY = {"FP32": "float32", "FP64": "float64", "INT64": "int64", "BOOL": "bool"}
ROUNDING = 1e-6


@dataclass(frozen=True)
class Criteria:
    """What a graph must hold; `regression_error` is relative where predictions are above 1."""

    labels_equal: float = 0.9999
    max_error: float = 1e-5
    regression_error: float = 1e-4


def compare(candidate: Candidate, task: str, facts: dict[str, Any]) -> dict[str, Any] | None:
    """Rows, share of equal labels and largest error, over all and per kind of row; None without onnxruntime."""
    session = open_session(candidate.graph)
    if session is None or facts["count"] == 0:
        return None
    answers = session.run(None, _feed(candidate, facts["columns"]))
    has_labels = task != "regression"
    predicted = np.asarray(facts["predict"])
    got = np.asarray(answers[0]).reshape(len(predicted))
    rows = np.arange(len(predicted))
    best, is_equal = _errors(facts, predicted, got, answers, has_labels, rows, rows)
    for part in facts["parts"]:
        size = part["neighbours"]
        own = np.arange(part["from"], part["to"])
        for step in range(1, size):
            other = part["from"] + (own - part["from"]) // size * size + (own - part["from"] + step) % size
            error, equal = _errors(facts, predicted, got, answers, has_labels, own, other)
            is_better = (error < best[own]) & (best[own] > ROUNDING)
            best[own] = np.where(is_better, error, best[own])
            is_equal[own] = np.where(is_better, equal, is_equal[own])

    def over(start: int, end: int) -> dict[str, Any]:
        return {
            "rows": end - start,
            "labelsEqual": float(is_equal[start:end].mean()) if has_labels else None,
            "maxError": float(best[start:end].max()),
        }

    return {
        "all": over(0, facts["count"]),
        **{part["kind"]: over(part["from"], part["to"]) for part in facts["parts"]},
    }


def holds(looked: dict[str, Any], task: str, criteria: Criteria) -> bool:
    """On each kind of row."""
    most = criteria.regression_error if task == "regression" else criteria.max_error
    return all(
        one["maxError"] <= most and (one["labelsEqual"] is None or one["labelsEqual"] >= criteria.labels_equal)
        for one in looked.values()
    )


def _errors(
    facts: dict[str, Any],
    predicted: np.ndarray,
    got: np.ndarray,
    answers: list[Any],
    has_labels: bool,
    rows: np.ndarray,
    expected_rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Per row of `rows` its error against the original's answer to `expected_rows`, and whether labels are equal."""
    theirs, ours = got[rows], predicted[expected_rows]
    if not has_labels:
        ours = ours.astype("float64")
        error = np.abs(theirs.astype("float64") - ours) / np.maximum(1.0, np.abs(ours))
        return np.nan_to_num(error, nan=np.inf), np.ones(len(rows), dtype=bool)
    equal = theirs.astype(str) == ours.astype(str) if ours.dtype.kind in "UO" else theirs == ours
    if facts["predict_proba"] is None:
        return np.where(equal, 0.0, 1.0), equal
    probabilities = np.asarray(facts["predict_proba"])
    error = np.abs(np.asarray(answers[1], dtype="float64")[rows] - probabilities[expected_rows]).max(axis=1)
    return np.nan_to_num(error, nan=np.inf), equal


def _feed(candidate: Candidate, columns: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    feed = {}
    for one in candidate.plan:
        cells = [columns[column.name] for column in one.columns]
        if one.datatype == "BYTES":
            texts = ["" if value is None else value for value in cells[0]]
            feed[one.name] = np.array(texts, dtype=object).reshape(-1, 1)
        else:
            numbers = np.array(cells, dtype="float64").T
            with np.errstate(over="ignore"):
                feed[one.name] = numbers.astype(NUMPY[one.datatype])
    return feed
