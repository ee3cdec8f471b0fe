"""Trains candidates on the prepared flights; each is one MLflow run with one logged model.

python -m {{ cookiecutter.package }}.train --candidate baseline boosting
python -m {{ cookiecutter.package }}.train --candidate all

Prints one line of JSON per run, the best by AUC on the hold-out last. Where runs go is told by
MLFLOW_TRACKING_URI (and MLFLOW_TRACKING_TOKEN); without it they go to the folder mlruns. The best model
is models/model.pkl, and models/tracked.json says which run it came from.
"""

import argparse
import json
import os
import pickle
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from .candidates import ESTIMATORS, make
from .evaluate import MODEL_FILE, measure
from .flights import FEATURES, TARGET
from .params import load_params
from .prepare import PREPARED
from .tracked import note

# Beyond what skops trusts by itself; all of them come with numpy and scikit-learn.
TRUSTED_TYPES = [
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]
# What the converter and a worker need beside MLflow; the versions are those of poetry.lock.
REQUIREMENTS = ["scikit-learn", "skops", "numpy", "pandas"]


def fit(name: str, training: pd.DataFrame, params: dict[str, Any]) -> Pipeline:
    """The fitted candidate. One thread unless params.yaml says more: sums depend on their number."""
    model = make(name, params["candidates"][name] or {}, params["seed"])
    with threadpool_limits(limits=params["threads"]):
        return model.fit(training[FEATURES], training[TARGET])


def track(
    name: str, training: pd.DataFrame, holdout: pd.DataFrame, params: dict[str, Any]
) -> tuple[dict[str, Any], Pipeline]:
    """Trains, measures and logs one candidate; returns the facts of the run and the fitted model."""
    with mlflow.start_run(run_name=name, tags={"candidate": name}) as run:
        for rows, context in ((training, "training"), (holdout, "holdout")):
            source = str(PREPARED / f"{context}.parquet")
            data = mlflow.data.from_pandas(rows, source=source, targets=TARGET, name=f"flights-{context}")
            mlflow.log_input(data, context=context)
        mlflow.log_params(
            {
                "candidate": name,
                "training_rows": len(training),
                "training_from": training["event_at"].min().isoformat(),
                "training_to": training["event_at"].max().isoformat(),
                "holdout_rows": len(holdout),
            }
        )
        model = fit(name, training, params)
        metrics = measure(model, holdout)
        example = training[FEATURES].head(5)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(example, model.predict(example)),
            input_example=example,
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            pip_requirements=[_pinned(package) for package in REQUIREMENTS],
        )
        mlflow.log_metrics(metrics, model_id=logged.model_id)
    return {
        "candidate": name,
        "run_id": run.info.run_id,
        "model_id": logged.model_id,
        "metrics": metrics,
    }, model


def _pinned(package: str) -> str:
    return f"{package}=={version(package)}"


def _connect(experiment: str) -> None:
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        print("MLFLOW_TRACKING_URI is not set: runs go to the folder mlruns.", file=sys.stderr)
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow.set_tracking_uri(Path("mlruns").resolve().as_uri())
    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or experiment)
    # a label is never missing here, and a path of the project can only be a local file
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
    warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")
    # parameters of every estimator; data, model and metrics are logged above, with their names
    mlflow.sklearn.autolog(
        log_models=False,
        log_datasets=False,
        log_input_examples=False,
        log_post_training_metrics=False,
        silent=True,
    )


def main() -> None:
    params = load_params()["train"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidate", nargs="+", choices=[*ESTIMATORS, "all"], default=[params["candidate"]])
    options = parser.parse_args()
    _connect(params["experiment"])

    training = pd.read_parquet(PREPARED / "training.parquet")
    holdout = pd.read_parquet(PREPARED / "holdout.parquet")
    names = list(ESTIMATORS) if "all" in options.candidate else options.candidate
    results = [track(name, training, holdout, params) for name in names]
    results.sort(key=lambda result: result[0]["metrics"]["auc"])
    for facts, _ in results:
        print(json.dumps(facts))

    MODEL_FILE.parent.mkdir(exist_ok=True)
    MODEL_FILE.write_bytes(pickle.dumps(results[-1][1]))
    note([facts for facts, _ in results], mlflow.get_tracking_uri())


if __name__ == "__main__":
    main()
