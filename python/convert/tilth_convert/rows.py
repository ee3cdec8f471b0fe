"""The rows that a model is compared on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from .model_folder import Signature


def read_rows(file: Path, signature: Signature, max_rows: int) -> pd.DataFrame:
    """The signature's columns of the file, at most `max_rows` rows taken evenly over it.

    JSON is a list of records, or {"columns": [...], "data": [[...]]} as MLflow writes its example.
    A missing text is None; numbers are float64 and a missing one is NaN.
    """
    if file.suffix == ".parquet":
        frame = pd.read_parquet(file)
    else:
        content = json.loads(file.read_text(encoding="utf-8"))
        frame = (
            pd.DataFrame(content["data"], columns=content.get("columns"))
            if isinstance(content, dict)
            else pd.DataFrame(content)
        )
    names = [column.name for column in signature.columns]
    if frame.empty:
        frame = pd.DataFrame(columns=names)
    if not signature.by_name:
        frame.columns = names
    if missing := [name for name in names if name not in frame.columns]:
        raise SystemExit(f"{file.name} lacks the columns {', '.join(missing)}.")
    if len(frame) > max_rows:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, max_rows).astype(int)]
    frame = frame[names].reset_index(drop=True)
    whole = [column.name for column in signature.columns if column.is_number and column.kind not in ("double", "float")]
    # MLflow refuses a whole number that is missing, before the model sees it
    frame = frame[frame[whole].notna().all(axis=1)].reset_index(drop=True)
    for column in signature.columns:
        if column.is_number:
            frame[column.name] = frame[column.name].astype("float64")
        else:
            cells = frame[column.name].astype("object")
            frame[column.name] = cells.where(cells.notna(), None)
    return frame


def are_float32(rows: pd.DataFrame, signature: Signature) -> bool:
    """Whether no number of the rows loses anything as a float32."""
    numbers = rows[[column.name for column in signature.columns if column.is_number]].to_numpy("float64")
    with np.errstate(over="ignore"):
        return bool(np.array_equal(numbers, numbers.astype("float32"), equal_nan=True))
