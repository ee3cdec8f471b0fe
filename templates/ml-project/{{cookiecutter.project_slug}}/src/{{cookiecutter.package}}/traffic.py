"""Writes the flights of a period as requests and outcomes, to replay against an endpoint.

python -m {{ cookiecutter.package }}.traffic --from 2013-03-01 --to 2014-01-01 --out traffic.parquet

One row a flight in the order of the schedule: `id`, `event_at` (when the question is asked), the
features, then what became known later: `late` and `observed_at`, both missing when it never arrived.
"""

import argparse
from pathlib import Path

from . import flights
from .ingest import write
from .period import add_period


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_period(parser)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = flights.load(options.start, options.end)
    write(rows, options.out)
    print(f"{len(rows)} flights, {int(rows['late'].isna().sum())} without an outcome: {options.out}")


if __name__ == "__main__":
    main()
