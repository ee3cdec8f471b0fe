"""The data of params.yaml as a version: ingested, held to its contract by tilth, written down in data/raw.dvc.

python -m {{ cookiecutter.package }}.dataset

With tilth or else dvc; with neither the data is there and has no version yet.
"""

from pathlib import Path

import pandas as pd

from .ingest import ingest
from .params import load_params
from .period import day
from .prepare import RAW
from .programs import first_of, run

VERSION = Path("data/raw.dvc")


def ingest_period() -> None:
    """The flights of params.yaml; the same days always give the same files."""
    period = load_params()["data"]
    for path in ingest(day(period["start"]), day(period["end"]), RAW):
        print(path)


def months() -> set[str]:
    """The months that params.yaml asks for, as the files are named."""
    period = load_params()["data"]
    last = day(period["end"]) - pd.Timedelta(1, "ms")
    return set(pd.period_range(period["start"], last.date(), freq="M").strftime("%Y-%m"))


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))


def add_version() -> None:
    program = first_of("tilth", "dvc")
    if program is None:
        print(f"Neither tilth nor dvc is here: {RAW} has no version yet.")
    elif program == "tilth":
        run("tilth", "data", "add", str(RAW))
    else:
        run("dvc", "add", str(RAW))


def ensure() -> None:
    """Data with a version, whatever is missing; data that is there stays as it is, also when it is of other months."""
    there = {path.stem.removeprefix("flights-") for path in RAW.glob("flights-*.parquet")}
    if not there:
        ingest_period()
    elif there != (asked := months()):
        print(f"{RAW} has {_list(there)}, params.yaml asks for {_list(asked)}.")
        print(f"To get those: python -m {__package__}.dataset")
    if not VERSION.exists():
        add_version()


if __name__ == "__main__":
    ingest_period()
    add_version()
