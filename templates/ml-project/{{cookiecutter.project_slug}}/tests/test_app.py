import pickle

import pytest
from fastapi.testclient import TestClient

from {{ cookiecutter.package }} import app, flights
from {{ cookiecutter.package }}.params import load_params
from {{ cookiecutter.package }}.prepare import split
from {{ cookiecutter.package }}.train import fit


@pytest.fixture(scope="module")
def trained(january):
    training, holdout = split(january, 0.2)
    return fit("logistic", training, load_params()["train"]), holdout


@pytest.fixture
def client(trained, tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(trained[0]))
    with TestClient(app.create_app(file)) as client:
        yield client


def ask(client, *asked):
    return client.post("/predict", json={"flights": list(asked)})


def test_it_is_healthy_once_the_model_is_loaded(client):
    assert client.get("/health").json() == {"status": "ok", "run_id": None}


def test_it_answers_what_the_model_answers(client, trained):
    model, holdout = trained
    rows = holdout[flights.FEATURES].head(50)
    asked = [{k: None if v != v else v for k, v in row.items()} for row in rows.to_dict("records")]
    answer = ask(client, *asked)
    assert answer.status_code == 200, answer.text
    probabilities = [each["probability"] for each in answer.json()["predictions"]]
    assert probabilities == pytest.approx(model.predict_proba(rows)[:, 1].tolist(), abs=1e-12)
    assert [each["late"] for each in answer.json()["predictions"]] == [each >= 0.5 for each in probabilities]


def test_the_example_of_its_page_is_a_flight(client):
    assert ask(client, app.EXAMPLE).status_code == 200


def test_weather_may_be_unknown(client):
    weather = {"temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure"}
    assert ask(client, {k: v for k, v in app.EXAMPLE.items() if k not in weather}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"origin": "SFO"}, "origin"),
        ({"carrier": "united"}, "carrier"),
        ({"distance": -5}, "distance"),
        ({"weekday": 7}, "weekday"),
        ({"departures": None}, "departures"),
        ({"dep_delay": 90}, "dep_delay"),
    ],
)
def test_what_breaks_the_contract_is_refused(client, wrong, where):
    answer = ask(client, {**app.EXAMPLE, **wrong})
    assert answer.status_code == 422
    assert where in answer.json()["detail"][0]["loc"]


def test_without_a_model_it_does_not_start(tmp_path):
    client = TestClient(app.create_app(tmp_path / "none.pkl"))
    with pytest.raises(FileNotFoundError, match="train it"), client:
        pass
