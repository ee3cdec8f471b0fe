import pandas as pd
import pytest
import yaml

from {{ cookiecutter.package }} import flights, tracked
from {{ cookiecutter.package }}.candidates import ESTIMATORS, make
from {{ cookiecutter.package }}.evaluate import MODEL_FILE, differences, measure
from {{ cookiecutter.package }}.ingest import as_known_at, write
from {{ cookiecutter.package }}.params import load_params
from {{ cookiecutter.package }}.period import day
from {{ cookiecutter.package }}.prepare import split
from {{ cookiecutter.package }}.train import fit


def test_the_same_rows_give_the_same_file(january, tmp_path):
    write(january, tmp_path / "one.parquet")
    write(january.copy(), tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_what_happens_later_is_not_known_yet(january):
    instant = pd.Timestamp("2013-01-10T12:00Z")
    rows = as_known_at(january, instant)
    assert rows["late"].isna().sum() > january["late"].isna().sum()
    assert (rows["observed_at"].dropna() < instant).all()


def test_the_hold_out_departs_after_everything_that_was_learnt(january):
    training, holdout = split(january, 0.2)
    assert training["event_at"].max() < holdout["event_at"].min()
    assert len(holdout) / (len(training) + len(holdout)) == pytest.approx(0.2, abs=0.01)
    assert set(training["late"]) == {0, 1}


def test_a_month_without_outcomes_cannot_be_split(january):
    with pytest.raises(ValueError, match="ingest"):
        split(january[january["late"].isna()], 0.2)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_candidate_ranks_better_than_chance(name, january):
    params = load_params()["train"]
    training, holdout = split(january, 0.2)
    metrics = measure(fit(name, training, params), holdout)
    assert metrics["auc"] > 0.53
    assert metrics["brier"] < 0.25


def test_a_carrier_that_nobody_saw_gets_an_answer(january):
    params = load_params()["train"]
    training, holdout = split(january, 0.2)
    model = fit("logistic", training, params)
    stranger = holdout[flights.FEATURES].head(1).assign(carrier="ZZ", pressure=float("nan"))
    assert 0 < model.predict_proba(stranger)[0, 1] < 1


def test_training_twice_gives_the_same_model(january):
    params = load_params()["train"]
    training, holdout = split(january, 0.2)
    first, second = (fit("boosting", training, params) for _ in range(2))
    rows = holdout[flights.FEATURES]
    assert (first.predict_proba(rows) == second.predict_proba(rows)).all()


def test_a_metric_that_moved_is_named():
    assert differences({"auc": 0.6701, "brier": 0.17}, {"auc": 0.67, "brier": 0.17}) == []
    assert differences({"auc": 0.66}, {"auc": 0.67, "brier": 0.17}) == [
        "auc: 0.66 and not 0.67",
        "brier: None and not 0.17",
    ]


def test_the_run_is_known_only_for_the_model_that_it_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    MODEL_FILE.parent.mkdir()
    assert tracked.tracked() is None
    MODEL_FILE.write_bytes(b"one")
    tracked.note([{"run_id": "r1"}], "file:///runs")
    assert tracked.tracked()["runs"] == [{"run_id": "r1"}]
    MODEL_FILE.write_bytes(b"two")
    assert tracked.tracked() is None


def test_every_candidate_has_its_settings():
    settings = load_params()["train"]["candidates"]
    assert set(settings) == set(ESTIMATORS)
    for name, values in settings.items():
        make(name, values, seed=0)


def test_the_contract_knows_every_column():
    with open("data/raw.odcs.yaml", encoding="utf-8") as file:
        contract = yaml.safe_load(file)
    names = [column["name"] for column in contract["schema"][0]["properties"]]
    assert names == flights.COLUMNS


def test_a_day_that_is_none_is_refused():
    with pytest.raises(Exception, match="is not a day"):
        day("2013-02-30")
