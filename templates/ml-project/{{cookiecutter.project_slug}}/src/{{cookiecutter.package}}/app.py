"""The trained model over HTTP: GET /health, POST /predict; GET /docs describes both.

uvicorn {{ cookiecutter.package }}.app:app --port {{ cookiecutter.docker_dev_port }}

What a flight must look like is told by the features of the model and by the contract of the data.
"""

import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, create_model

from .evaluate import MODEL_FILE
from .flights import FEATURES, NUMERIC
from .params import load_params
from .tracked import tracked

CONTRACT = Path("data/raw.odcs.yaml")
EXAMPLE = {
    **{"carrier": "UA", "origin": "EWR", "hour_of_day": 17.5, "weekday": 4, "distance": 1608},
    **{"departures": 28, "temp": 39.02, "dewp": 26.96, "humid": 61.63, "wind_speed": 12.66},
    **{"precip": 0, "visib": 10, "pressure": None},
}
SETTINGS = load_params()["serve"]


def flight_schema(contract: Path = CONTRACT) -> type[BaseModel]:
    """One field per feature of the model, each with the rules of its column in the contract."""
    [table] = yaml.safe_load(contract.read_text(encoding="utf-8"))["schema"]
    columns = {column["name"]: column for column in table["properties"]}
    fields: dict[str, Any] = {name: _field(columns[name]) for name in FEATURES}
    config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})
    return create_model("Flight", __config__=config, **fields)


def _field(column: dict[str, Any]) -> Any:
    rules = column.get("logicalTypeOptions", {})
    allowed = [
        value
        for rule in column.get("quality", [])
        if rule["metric"] == "invalidValues"
        for value in rule["arguments"].get("validValues", [])
    ]
    if column["logicalType"] == "string":
        kind = Literal[tuple(allowed)] if allowed else Annotated[str, Field(pattern=rules.get("pattern"))]
    else:
        low, high = (min(allowed), max(allowed)) if allowed else (rules.get("minimum"), rules.get("maximum"))
        kind = Annotated[float, Field(ge=low, le=high, allow_inf_nan=False)]
    if column["required"]:
        return kind, Field(description=column["description"])
    return kind | None, Field(default=None, description=column["description"])


Flight = flight_schema()


class Question(BaseModel):
    flights: Annotated[list[Flight], Field(min_length=1, max_length=SETTINGS["max_flights"])]


class Prediction(BaseModel):
    late: bool = Field(description=f"whether the probability is at least {SETTINGS['threshold']}")
    probability: float = Field(description="of arriving more than 15 minutes late, 0 to 1")


class Answer(BaseModel):
    predictions: list[Prediction]


class Health(BaseModel):
    status: Literal["ok"]
    run_id: str | None = Field(description="the run of MLflow that trained the model, where it is known")


def create_app(model_file: Path = MODEL_FILE) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not model_file.exists():
            raise FileNotFoundError(f"{model_file} is not there; train it with: python -m {__package__}")
        # our own file, made by our own pipeline: a pickle from anywhere else must not be loaded
        app.state.model = pickle.loads(model_file.read_bytes())
        facts = tracked() if model_file == MODEL_FILE else None
        app.state.run_id = facts and facts["runs"][-1]["run_id"]
        yield

    about = metadata("{{ cookiecutter.__distribution }}")
    app = FastAPI(title=about["Name"], version=about["Version"], summary=about["Summary"], lifespan=lifespan)

    @app.get("/health")
    def health(request: Request) -> Health:
        return Health(status="ok", run_id=request.app.state.run_id)

    @app.post("/predict")
    def predict(question: Question, request: Request) -> Answer:
        rows = pd.DataFrame([flight.model_dump() for flight in question.flights], columns=FEATURES)
        # rounded as the rows that it learnt from, see flights.py
        rows = rows.astype(dict.fromkeys(NUMERIC, "float32")).astype(dict.fromkeys(NUMERIC, "float64"))
        late = request.app.state.model.predict_proba(rows)[:, 1].tolist()
        return Answer(
            predictions=[Prediction(late=each >= SETTINGS["threshold"], probability=each) for each in late]
        )

    return app


app = create_app()
