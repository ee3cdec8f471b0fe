"""Logs a baseline and two candidates as any user of MLflow would; prints what the test needs as JSON."""

import json
import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

model_name, data_version = sys.argv[1:3]
random = np.random.default_rng(7)
rows = pd.DataFrame(
    {
        "hour": random.uniform(5, 23, 1200),
        "distance": random.uniform(100, 2500, 1200),
        "carrier": random.choice(["AA", "DL", "UA"], 1200),
    }
)
late = (rows["hour"] / 23 + (rows["carrier"] == "UA") * 0.4 + random.normal(0, 0.3, 1200) > 0.95).astype("int64")
train, test = slice(0, 900), slice(900, 1200)


def features():
    return ColumnTransformer(
        [("text", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["carrier"]), ("numbers", StandardScaler(), ["hour", "distance"])]
    )


mlflow.set_experiment("late")
holdout = Path(tempfile.mkdtemp()) / "holdout.parquet"
rows[test].assign(late=late[test]).to_parquet(holdout)
facts = {}
candidates = {
    "baseline": Pipeline([("f", ColumnTransformer([("n", StandardScaler(), ["distance"])])), ("m", LogisticRegression())]),
    "linear": Pipeline([("f", features()), ("m", LogisticRegression())]),
    "boosting": Pipeline([("f", features()), ("m", HistGradientBoostingClassifier(max_iter=20, random_state=0))]),
}
for name, model in candidates.items():
    tags = {"candidate": name, "tilth.dataset.flights": data_version}
    with mlflow.start_run(run_name=name, tags=tags) as run:
        model.fit(rows[train], late[train])
        auc = float(roc_auc_score(late[test], model.predict_proba(rows[test])[:, 1]))
        mlflow.log_metric("auc", auc)
        mlflow.log_artifact(str(holdout))
        scores = model.predict_proba(rows[test])[:, 1]
        example = rows.head(5)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows, model.predict(rows)),
            input_example=example,
            registered_model_name=None if name == "baseline" else model_name,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
        facts[name] = {
            "run": run.info.run_id,
            "auc": auc,
            "scores": scores.tolist(),
            "truth": late[test].tolist(),
            "by_carrier": {
                carrier: roc_auc_score(late[test][mask], scores[mask])
                for carrier in ["AA", "DL", "UA"]
                for mask in [(rows[test]["carrier"] == carrier).to_numpy()]
            },
            "model": logged.model_id,
            "example": example.to_dict(orient="records"),
            "labels": model.predict(example).tolist(),
        }
print(json.dumps(facts))
