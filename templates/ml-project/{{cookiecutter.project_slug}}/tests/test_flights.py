import pandas as pd

from {{ cookiecutter.package }} import flights


def test_a_row_says_what_its_flight_did(january):
    # the first flight of the source: UA 1545 to Houston, due to leave 05:15, landed 11 minutes late
    row = january.set_index("id").loc["UA1545-EWR-IAH-20130101T1015Z"]
    assert row["event_at"] == pd.Timestamp("2013-01-01T10:15Z")
    assert row["hour_of_day"] == 5.25
    assert row["weekday"] == 1
    assert row["late"] == 0
    # 08:30 in Houston is the time it says, one hour behind New York
    assert row["observed_at"] == pd.Timestamp("2013-01-01T14:30Z")


def test_every_flight_has_its_own_id(january):
    assert january["id"].is_unique


def test_a_flight_that_never_arrived_has_no_outcome(january):
    unknown = january["late"].isna()
    assert 0 < unknown.sum() < 500
    assert january["observed_at"].isna().equals(unknown)


def test_no_outcome_is_known_before_departure(january):
    known = january[january["late"].notna()]
    assert (known["observed_at"] > known["event_at"]).all()


def test_the_actual_departure_is_not_a_feature():
    assert not [name for name in flights.COLUMNS if name.startswith("dep_") or "delay" in name]


def test_numbers_are_floats_that_the_server_holds_exactly(january):
    numbers = january[flights.NUMERIC]
    assert (numbers.dtypes == "float64").all()
    pd.testing.assert_frame_equal(numbers, numbers.astype("float32").astype("float64"))


def test_an_impossible_wind_is_left_out():
    hour = "2013-02-12T10:00:00Z"
    flight = {
        **{"year": 2013, "month": 2, "day": 12, "hour": 5, "minute": 30, "time_hour": hour},
        **{"carrier": "UA", "flight": 1, "origin": "EWR", "dest": "SJU", "distance": 1608},
        **{"sched_arr_time": 1020, "arr_delay": 16},
    }
    reading = {
        **{"origin": "EWR", "time_hour": hour, "temp": 39.02, "dewp": 26.96, "humid": 61.63},
        **{"wind_speed": 1048.36, "precip": 0, "visib": 10, "pressure": None},
    }
    airports = pd.DataFrame({"faa": ["EWR"], "tzone": ["America/New_York"]})
    [row] = flights.build(pd.DataFrame([flight]), pd.DataFrame([reading]), airports).to_dict("records")
    assert pd.isna(row["wind_speed"])
    assert row["late"] == 1
    # San Juan is an hour ahead of New York in winter: 10:20 there is 14:20 UTC
    assert row["observed_at"] == pd.Timestamp("2013-02-12T14:36Z")
