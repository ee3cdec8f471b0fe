"""A period on the command line: from a day up to, not including, another; days begin at 00:00 UTC."""

import argparse
from datetime import datetime

import pandas as pd

from .params import load_params


def day(text: str) -> pd.Timestamp:
    """2013-03-01 as the instant at which that day begins."""
    try:
        return pd.Timestamp(datetime.strptime(text, "%Y-%m-%d"), tz="UTC")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2013-03-01") from None


def add_period(parser: argparse.ArgumentParser) -> None:
    """Adds --from and --to, read as `start` and `end`; what is not given comes from params.yaml."""
    data = load_params()["data"]
    parser.add_argument("--from", dest="start", type=day, default=data["start"], metavar="DAY")
    parser.add_argument("--to", dest="end", type=day, default=data["end"], metavar="DAY", help="not included")
