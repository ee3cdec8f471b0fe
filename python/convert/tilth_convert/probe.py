"""Rows made to break a careless conversion, and what the Python model answers to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .model_folder import FRACTIONS
from .original import Original, plain
from .refusal import NotConvertibleError, first_line
from .thresholds import NEIGHBOURS, jump_rows, threshold_rows

# Far outside of any training data, yet finite in float32 after a scaler has divided by 1e-7.
HUGE = 1e30
TINY = 1e-30
UNSEEN = "\u2603 never seen in training"
TEXTS = ["na\u00efve caf\u00e9 \u6771\u4eac \U0001f600", "don't under_score 12 3.5 e-mail@host.example", "a b c", " \t\n", "x" * 300]
# Rows of the user that hostile rows are made from.
BASE_ROWS = 8
CROSSED_ROWS = 6_000
KINDS = ["given", "crossed", "missing", "unseen", "empty", "text", "zero", "tiny", "huge", "whole", "threshold", "jump"]


@dataclass
class Part:
    """Rows of one kind; `neighbours` rows in a row lie within a float32 step of one jump (1: none do)."""

    kind: str
    frame: pd.DataFrame
    neighbours: int = 1


@dataclass
class Probe:
    """`refused` holds rows that the Python model turns away: a graph must turn them away too."""

    parts: list[Part] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str, pd.DataFrame]] = field(default_factory=list)


def probe_rows(original: Original, rows: pd.DataFrame) -> Probe:
    """The user's rows, then hostile ones; what the Python model itself refuses is left out with its reason."""
    probe = Probe()
    columns = original.signature.columns
    texts = [column.name for column in columns if not column.is_number]
    has_text = rows[texts].notna().all(axis=1)
    _offer(probe, original, Part("given", rows[has_text]))
    if rows[has_text].empty:
        return probe
    whole = rows[has_text]
    base = whole.iloc[np.linspace(0, len(whole) - 1, min(BASE_ROWS, len(whole))).astype(int)]
    _offer(probe, original, Part("crossed", _crossed(original, whole)))
    for column in columns:
        name = column.name
        if not column.is_number:
            lacks = rows[~rows[name].notna()].iloc[:100]
            if column.is_optional or not lacks.empty:
                _offer(probe, original, Part("missing", pd.concat([lacks, base.assign(**{name: None})])), name)
            _offer(probe, original, Part("unseen", base.assign(**{name: UNSEEN})), name)
            _offer(probe, original, Part("empty", base.assign(**{name: ""})), name)
            _offer(probe, original, Part("text", _texts(base, name)), name)
            continue
        if column.kind in FRACTIONS:
            _offer(probe, original, Part("missing", base.assign(**{name: math.nan})), name)
            for value in (HUGE, -HUGE):
                _offer(probe, original, Part("huge", base.assign(**{name: value})), name)
            for value in (TINY, -TINY):
                _offer(probe, original, Part("tiny", base.assign(**{name: value})), name)
            _offer(probe, original, Part("zero", base.assign(**{name: -0.0})), name)
        elif column.kind != "boolean":
            # past what a float32 counts
            for value in (-1.0, 16_777_217.0):
                _offer(probe, original, Part("whole", base.assign(**{name: value})), name)
        _offer(probe, original, Part("zero", base.assign(**{name: 0.0})), name)
    for kind, neighbours, found in (
        ("threshold", NEIGHBOURS, threshold_rows(original, base)),
        ("jump", 2, jump_rows(original, whole, base)),
    ):
        if not found.empty:
            _offer(probe, original, Part(kind, found, neighbours))
    probe.parts.sort(key=lambda part: KINDS.index(part.kind))
    return probe


def _crossed(original: Original, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose columns come each from another row; every second one holds numbers between those of two rows.

    They meet what the user's rows don't hold: ties between classes, numbers that no float32 holds, and decimals
    that are a threshold, since it was put in the middle between two decimals of the training rows.
    """
    random = np.random.default_rng(7)
    size = min(CROSSED_ROWS, max(1000, 20 * len(rows)))
    mixed: dict[str, Any] = {}
    for column in original.signature.columns:
        cells = rows[column.name].to_numpy()
        taken = cells[random.integers(0, len(cells), size)]
        if column.kind in FRACTIONS and np.any(cells != np.round(cells)):
            between = taken + random.uniform(0, 1, size) * (cells[random.integers(0, len(cells), size)] - taken)
            if (places := _decimals(cells)) is not None:
                between = np.round(between, places)
            taken = np.where((np.arange(size) % 2 == 0) | np.isnan(between.astype("float64")), taken, between)
        mixed[column.name] = taken
    return pd.DataFrame(mixed)


def _decimals(cells: np.ndarray) -> int | None:
    """After how many decimals all numbers end; None where they don't."""
    held = cells[~np.isnan(cells)]
    return next((places for places in range(1, 7) if np.array_equal(held, np.round(held, places))), None)


def _texts(base: pd.DataFrame, name: str) -> pd.DataFrame:
    """The user's own texts, changed in ways that readers of text disagree on, and some of ours."""
    own = [str(value) for value in base[name]]
    ways = [str.upper, str.title, lambda text: text + "\u00e9", lambda text: f"  {text}\n{text}", lambda text: f"({text})!"]
    changed = [ways[at % len(ways)](text) for at, text in enumerate(own)]
    frame = base.iloc[np.arange(len(changed) + len(TEXTS)) % len(base)]
    return frame.assign(**{name: changed + TEXTS})


def _offer(probe: Probe, original: Original, part: Part, column: str = "") -> None:
    if part.frame.empty:
        return
    try:
        answers = original.score(part.frame)
        original.predict(part.frame)
    except NotConvertibleError:
        raise
    except Exception as error:
        if part.kind == "given":
            raise NotConvertibleError(
                "ORIGINAL_REFUSES", f"The Python model itself does not take the rows: {first_line(error)}"
            ) from error
        probe.skipped.append({"kind": part.kind, "column": column, "reason": first_line(error)[:200]})
        probe.refused.append((part.kind, column, part.frame.iloc[:1]))
        return
    is_finite = np.isfinite(answers).all(axis=1)
    if not is_finite.all():
        probe.skipped.append({"kind": part.kind, "column": column, "reason": "The answer is not finite."})
        if part.neighbours > 1:
            return
        part.frame = part.frame[is_finite]
    if len(part.frame):
        probe.parts.append(part)


def expected(original: Original, probe: Probe) -> dict[str, Any]:
    """expected.json: columns of values as a client sends them (null is missing), and the answers."""
    names = [column.name for column in original.signature.columns]
    frames = [part.frame for part in probe.parts]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)
    parts: list[dict[str, Any]] = []
    at = 0
    for part in probe.parts:
        if parts and parts[-1]["kind"] == part.kind:
            parts[-1]["to"] += len(part.frame)
        else:
            parts.append({"kind": part.kind, "from": at, "to": at + len(part.frame), "neighbours": part.neighbours})
        at += len(part.frame)
    labels = original.predict(frame) if at else np.array([])
    probabilities = original.predict_proba(frame) if at else None
    return {
        "format": 2,
        "count": at,
        "parts": parts,
        "skipped": probe.skipped,
        "columns": _cells(frame, names),
        "predict": plain(labels),
        "predict_proba": None if probabilities is None else plain(probabilities),
        "refused": [
            {"kind": kind, "column": column, "columns": _cells(row, names)} for kind, column, row in probe.refused
        ],
    }


def _cells(frame: pd.DataFrame, names: list[str]) -> dict[str, list[Any]]:
    return {
        name: [None if isinstance(value, float) and math.isnan(value) else value for value in frame[name].tolist()]
        for name in names
    }
