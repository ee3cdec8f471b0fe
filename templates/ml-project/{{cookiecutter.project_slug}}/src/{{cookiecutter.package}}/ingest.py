"""Writes the flights of a period to data/raw, one Parquet file a month.

python -m {{ cookiecutter.package }}.ingest --from 2013-01-01 --to 2013-03-01

Without --from and --to it is the period of params.yaml.
"""

import argparse
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from . import flights
from .period import add_period

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("event_at", pa.timestamp("ms", tz="UTC"), nullable=False),
        *[pa.field(name, pa.string(), nullable=False) for name in flights.CATEGORICAL],
        *[pa.field(name, pa.float64()) for name in flights.NUMERIC],
        pa.field("late", pa.int8()),
        pa.field("observed_at", pa.timestamp("ms", tz="UTC")),
    ]
)


def write(rows: pd.DataFrame, path: Path) -> None:
    """One Parquet file; the same rows always give the same bytes."""
    table = pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    # without pandas' own metadata, which names the versions that wrote the file
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")


def as_known_at(rows: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """The rows with every outcome that was not yet observed at the instant left open."""
    known = rows["observed_at"] < instant
    return rows.assign(late=rows["late"].where(known), observed_at=rows["observed_at"].where(known))


def ingest(start: pd.Timestamp, end: pd.Timestamp, folder: Path) -> list[Path]:
    """Makes the folder hold the flights of [start, end) and nothing else; returns its files."""
    rows = as_known_at(flights.load(start, end), end)
    written = []
    for month, part in rows.groupby(rows["event_at"].dt.strftime("%Y-%m")):
        path = folder / f"flights-{month}.parquet"
        write(part, path)
        written.append(path)
    for path in folder.glob("flights-*.parquet"):
        if path not in written:
            path.unlink()
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_period(parser)
    parser.add_argument("--out", type=Path, default=Path("data/raw"))
    options = parser.parse_args()
    for path in ingest(options.start, options.end, options.out):
        print(path)


if __name__ == "__main__":
    main()
