"""Loads an MLflow model in its own environment, asks it some rows and says how it wants to be asked.

    python describe.py MODEL_FOLDER ROWS.json OUT.json

ROWS.json is {"columns": [...], "data": [[...]]}, or {"data": [...]} for rows without names.
OUT.json is {"schema", "classes", "takes", "isRowWise", "python", "packages"}, or {"reason"} when the model can't
be served; the exit code is 0 either way.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import model as models
import numpy as np
from model import KINDS, TENSORS, Answer, Model, UnservableError

ROWS = 64
ROWS_ALONE = 12


def rows_of(model: Model, file: Path) -> list | None:
    """One array per column; None when there is no row to ask."""
    content = json.loads(file.read_text(encoding="utf-8"))
    data = content.get("data") or []
    signature = model.signature
    if signature.dtype is not None:
        if not data:
            return None
        block = np.asarray(data[:ROWS], dtype=signature.dtype).reshape(len(data[:ROWS]), -1)
        return list(block.T)
    names = content.get("columns") or [column.name for column in signature.columns]
    places = [names.index(column.name) if column.name in names else -1 for column in signature.columns]
    needed = [place for place, column in zip(places, signature.columns) if column.is_required]
    if -1 in needed:
        return None
    whole = [row for row in data if not any(_is_lost(row, place, column) for place, column in zip(places, signature.columns))]
    return [_column([row[place] if place >= 0 else None for row in whole[:ROWS]], column.kind)
            for place, column in zip(places, signature.columns)] if whole else None


def _is_lost(row: list, place: int, column: models.Column) -> bool:
    """Whole numbers and truths have no missing value."""
    return KINDS[column.kind][1] in ("INT64", "INT32", "BOOL") and (place < 0 or row[place] is None)


def _column(values: list, kind: str) -> np.ndarray:
    if KINDS[kind][1] == "BYTES":
        column = np.empty(len(values), dtype=object)
        column[:] = [None if value is None else str(value) for value in values]
        return column
    return np.asarray([np.nan if value is None else value for value in values], dtype=KINDS[kind][0])


def zeros(model: Model) -> list:
    signature = model.signature
    if signature.dtype is not None:
        return [np.zeros(1, signature.dtype) for _ in range(int(np.prod(signature.shape)))]
    example = {"object": "", "datetime64[ns]": "2000-01-01T00:00:00"}
    return [
        _column([example.get(KINDS[column.kind][0], 0)], column.kind) for column in signature.columns
    ]


def is_same(one: Answer, other: Answer) -> bool:
    if one.labels.dtype.kind == "f":
        if not np.allclose(one.labels, other.labels, rtol=1e-6, atol=1e-9, equal_nan=True):
            return False
    elif one.labels.tolist() != other.labels.tolist():
        return False
    if one.probabilities is None or other.probabilities is None:
        return one.probabilities is other.probabilities
    return bool(np.allclose(one.probabilities, other.probabilities, rtol=1e-6, atol=1e-9, equal_nan=True))


def best_form(model: Model, rows: list) -> tuple[str, Answer]:
    """An array where the model learned from one and answers alike: it spares a data frame per call."""
    model.takes = "frame"
    answer, failure = None, None
    try:
        answer = model.ask(rows)
    except Exception as error:
        failure = error
    kinds = {column.kind for column in model.signature.columns}
    learned_names = hasattr(model.original, "feature_names_in_")
    if model.classes is None and model.original is None or learned_names or kinds & {"string", "datetime"}:
        if answer is None:
            raise failure
        return "frame", answer
    if "sklearn" in model.flavors and len(kinds) == 1:
        model.takes = "array"
        try:
            other = model.ask(rows)
            if answer is None or is_same(answer, other):
                return "array", other
        except Exception:
            traceback.print_exc()
        model.takes = "frame"
    if answer is None:
        raise failure
    return "frame", answer


def takes_rows_apart(model: Model, rows: list, together: Answer) -> bool:
    """Whether the answer to a row is the same with and without other rows beside it."""
    count = min(len(together.labels), ROWS_ALONE)
    for row in range(count):
        try:
            alone = model.ask([column[row : row + 1] for column in rows])
        except Exception:
            return False
        part = together.probabilities
        beside = Answer(together.labels[row : row + 1], None if part is None else part[row : row + 1])
        if not is_same(alone, beside):
            return False
    return True


def may_lack(model: Model, rows: list, place: int) -> bool:
    """Whether the model answers rows that lack this column's value."""
    column = rows[place]
    if column.dtype.kind not in "fO":
        return False
    missing = np.full(len(column), np.nan, column.dtype) if column.dtype.kind == "f" else np.full(len(column), None, object)
    try:
        answer = model.ask([missing if at == place else each for at, each in enumerate(rows)])
    except Exception:
        return False
    return not (answer.labels.dtype.kind == "f" and np.isnan(answer.labels).any())


def schema_of(model: Model, rows: list, answer: Answer) -> dict[str, Any]:
    signature = model.signature
    few = [column[:4] for column in rows]
    if signature.dtype is not None:
        tensor = {"name": signature.tensor, "datatype": TENSORS[signature.dtype], "shape": list(signature.shape)}
        tensor["nullable"] = may_lack(model, few, 0)
        if len(signature.shape) == 1 and signature.shape[0] > 1:
            tensor["columns"] = [f"x{place}" for place in range(signature.shape[0])]
        inputs = [tensor]
    else:
        inputs = [
            {"name": column.name, "datatype": KINDS[column.kind][1], "shape": [1], "nullable": may_lack(model, few, place)}
            for place, column in enumerate(signature.columns)
        ]
    datatype = {"f": {4: "FP32", 8: "FP64"}, "i": {8: "INT64"}, "b": {1: "BOOL"}, "O": {8: "BYTES"}}
    label = datatype[answer.labels.dtype.kind][answer.labels.dtype.itemsize]
    if answer.probabilities is None:
        name = "prediction" if label in ("FP32", "FP64") else "label"
        return {"inputs": inputs, "outputs": [{"name": name, "datatype": label, "shape": [1], "nullable": False}]}
    of_float = "FP32" if answer.probabilities.dtype == np.float32 else "FP64"
    width = len(model.classes)
    outputs = [
        {"name": "label", "datatype": label, "shape": [1], "nullable": False},
        {"name": "probabilities", "datatype": of_float, "shape": [width], "nullable": False},
    ]
    return {"inputs": inputs, "outputs": outputs}


def describe(folder: Path, rows_file: Path) -> dict[str, Any]:
    model = Model(folder)
    rows = rows_of(model, rows_file)
    if rows is None:
        rows = zeros(model)
    takes, answer = best_form(model, rows)
    classes = [int(label) if isinstance(label, bool) else label for label in model.classes or []]
    return {
        "schema": {**schema_of(model, rows, answer), "classes": classes},
        "takes": takes,
        "isRowWise": takes_rows_apart(model, rows, answer),
        "python": models.python_version(),
        "packages": models.versions(in_use=True),
    }


def main() -> int:
    folder, rows_file, out = map(Path, sys.argv[1:4])
    try:
        result = describe(folder, rows_file)
    except UnservableError as error:
        result = {"reason": str(error)}
    except Exception as error:
        traceback.print_exc()
        result = {"reason": f"The model does not answer in its own Python: {models.words_of(error)}"}
    out.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
