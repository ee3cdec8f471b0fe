"""Messages between the data plane and a worker: a header, a table of columns, the columns.

    header   4 x u32, little-endian: id, op, rows, columns
    table    columns x (kind, bytes), u32 each
    columns  raw values, little-endian; each begins at a multiple of 8 bytes

A text column is u32 offsets[rows + 1], then UTF-8; a text column that may lack values has one byte per
row behind that, 0 where the row has none. The other side is src/deploy/serving/engines/python-frames.ts.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np

HELLO, SCORE, PING, ANSWER, REFUSED, FAILED = 1, 2, 3, 4, 5, 6
FLOAT64, FLOAT32, INT64, BOOL, TEXT, NULLABLE_TEXT = 1, 2, 3, 4, 5, 6

NUMBERS = {FLOAT64: np.dtype("<f8"), FLOAT32: np.dtype("<f4"), INT64: np.dtype("<i8"), BOOL: np.dtype("?")}


class Frame(NamedTuple):
    id: int
    op: int
    rows: int
    columns: list


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None when the other side has gone. Numbers are views of what was read."""
    header = stream.read(16)
    if len(header) < 16:
        return None
    number, op, rows, count = struct.unpack("<4I", header)
    table = struct.unpack(f"<{2 * count}I", stream.read(8 * count))
    padded = sum(-(-size // 8) * 8 for size in table[1::2])
    body = stream.read(padded)
    if len(body) < padded:
        return None
    block = _block(body, table, rows)
    if block is not None:
        return Frame(number, op, rows, block)
    columns, at = [], 0
    for kind, size in zip(table[::2], table[1::2]):
        columns.append(_read_column(kind, rows, body, at, size))
        at += -(-size // 8) * 8
    return Frame(number, op, rows, columns)


def _block(body: bytes, table: tuple, rows: int) -> Any | None:
    """All columns as the rows of one matrix, when they are numbers of one kind without gaps."""
    dtype = NUMBERS.get(table[0]) if table else None
    if dtype is None or rows * dtype.itemsize % 8 or any(kind != table[0] for kind in table[::2]):
        return None
    return np.frombuffer(body, dtype).reshape(len(table) // 2, rows)


def _read_column(kind: int, rows: int, body: bytes, at: int, size: int) -> Any:
    if kind in NUMBERS:
        return np.frombuffer(body, NUMBERS[kind], rows, at)
    offsets = np.frombuffer(body, "<u4", rows + 1, at).tolist()
    first = at + 4 * (rows + 1)
    texts = [body[first + start : first + end].decode() for start, end in zip(offsets, offsets[1:])]
    if kind == NULLABLE_TEXT:
        present = body[at + size - rows : at + size]
        texts = [text if there else None for text, there in zip(texts, present)]
    column = np.empty(rows, dtype=object)
    column[:] = texts
    return column


def frame(number: int, op: int, rows: int, columns: list) -> bytes:
    """`columns` are arrays of numbers or truths, or lists of text."""
    table, pieces = [], []
    for column in columns:
        kind, raw = _raw(column)
        table += [kind, len(raw)]
        pieces += [raw, b"\0" * (-len(raw) % 8)]
    return b"".join([struct.pack(f"<{4 + len(table)}I", number, op, rows, len(columns), *table), *pieces])


def _raw(column: Any) -> tuple[int, bytes]:
    if isinstance(column, np.ndarray):
        for kind, dtype in NUMBERS.items():
            if column.dtype == dtype:
                return kind, np.ascontiguousarray(column).tobytes()
        raise TypeError(f"no kind of column holds {column.dtype}")
    encoded = [text.encode() for text in column]
    offsets = np.zeros(len(encoded) + 1, "<u4")
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return TEXT, offsets.tobytes() + b"".join(encoded)
