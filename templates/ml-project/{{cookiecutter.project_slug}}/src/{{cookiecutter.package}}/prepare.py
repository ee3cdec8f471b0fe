"""Splits the raw flights into a training part and, later in time, a hold-out part."""

from pathlib import Path

import pandas as pd

from .flights import FEATURES, TARGET
from .params import load_params

RAW = Path("data/raw")
PREPARED = Path("data/prepared")


def split(rows: pd.DataFrame, holdout_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows with an outcome, cut at one instant: no flight of the hold-out departs before it.

    A random split would test on days that the model has seen, whose storms delay every flight alike.
    """
    known = rows[rows[TARGET].notna()].sort_values(["event_at", "id"])
    if known.empty:
        raise ValueError("No flight in data/raw has an outcome yet; ingest a longer period.")
    cut = known["event_at"].iloc[int(len(known) * (1 - holdout_share))]
    columns = ["id", "event_at", *FEATURES, TARGET]
    known = known[columns].astype({TARGET: "int64"}).reset_index(drop=True)
    return known[known["event_at"] < cut], known[known["event_at"] >= cut]


def read_raw(folder: Path = RAW) -> pd.DataFrame:
    files = sorted(folder.glob("flights-*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder} has no flights; run the ingest command of the README.")
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def main() -> None:
    training, holdout = split(read_raw(), load_params()["prepare"]["holdout_share"])
    PREPARED.mkdir(parents=True, exist_ok=True)
    training.to_parquet(PREPARED / "training.parquet", index=False)
    holdout.to_parquet(PREPARED / "holdout.parquet", index=False)
    print(f"{len(training)} flights to learn from, {len(holdout)} held out")


if __name__ == "__main__":
    main()
