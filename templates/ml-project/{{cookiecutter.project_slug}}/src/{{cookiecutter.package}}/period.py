"""A period on the command line: from a day up to, not including, another; days begin at 00:00 UTC."""

import argparse
from datetime import datetime

import pandas as pd


def day(text: str) -> pd.Timestamp:
    """2013-03-01 as the instant at which that day begins."""
    try:
        return pd.Timestamp(datetime.strptime(text, "%Y-%m-%d"), tz="UTC")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2013-03-01") from None


def add_period(parser: argparse.ArgumentParser) -> None:
    """Adds --from and --to, read as `start` and `end`."""
    parser.add_argument("--from", dest="start", type=day, required=True, metavar="DAY")
    parser.add_argument("--to", dest="end", type=day, required=True, metavar="DAY", help="not included")
