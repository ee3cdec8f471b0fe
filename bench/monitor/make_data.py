"""Two tables of 12 numeric and 8 categorical columns with missing values, half of the columns moved.

    python make_data.py OUT_FOLDER ROWS

OUT_FOLDER afterwards: reference.parquet and current.parquet.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

out, count = Path(sys.argv[1]), int(sys.argv[2])
numeric_kinds = ["normal", "lognormal", "exponential", "uniform", "rounded", "two_peaks"]


def numeric(random: np.random.Generator, kind: str, shift: float) -> np.ndarray:
    match kind:
        case "normal":
            return random.normal(shift, 1 + shift / 2, count)
        case "lognormal":
            return random.lognormal(shift, 0.6, count)
        case "exponential":
            return random.exponential(1 + shift, count)
        case "uniform":
            return random.uniform(-shift, 1 + shift, count)
        case "rounded":
            return random.normal(50 + 20 * shift, 10, count).round()
        case _:
            return np.where(random.random(count) < 0.5 + shift / 3, random.normal(-2, 0.7, count), random.normal(3, 1, count))


def categorical(random: np.random.Generator, sizes: int, shift: float) -> np.ndarray:
    weights = 1 / np.arange(1, sizes + 1) ** (1 + shift)
    return np.array([f"value {index}" for index in range(sizes)])[random.choice(sizes, count, p=weights / weights.sum())]


def table(seed: int, is_current: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    for index in range(12):
        shift = 0.3 * (index // 6) if is_current else 0.0
        columns[f"number_{index}"] = numeric(random, numeric_kinds[index % 6], shift)
    for index, sizes in enumerate([2, 3, 5, 12, 25, 60, 120, 200]):
        columns[f"category_{index}"] = categorical(random, sizes, 0.3 * (index % 2) if is_current else 0.0)
    frame = pd.DataFrame(columns)
    return frame.mask(random.random(frame.shape) < 0.03)


for name, seed, is_current in [("reference", 1, False), ("current", 2, True)]:
    table(seed, is_current).to_parquet(out / f"{name}.parquet", compression="zstd", index=False)
