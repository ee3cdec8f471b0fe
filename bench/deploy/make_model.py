"""Trains one scikit-learn model, registers it with the server of MLFLOW_TRACKING_URI, and keeps it for the peer.

    python make_model.py OUT_FOLDER MODEL_NAME small|forest

small: logistic regression of 30 columns. forest: 100 trees on scikit-learn's digits (64 columns, 10 classes).
OUT_FOLDER afterwards: model.pkl and rows.json (columns, 1,000 rows; of the small model it was not trained on them).
"""

import json
import pickle
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

out, name, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def small():
    random = np.random.default_rng(11)
    columns = [f"feature_{index}" for index in range(30)]
    values = random.normal(size=(5000, 30)).round(4) * random.uniform(1, 50, 30) + random.uniform(-20, 20, 30)
    rows = pd.DataFrame(values.round(4), columns=columns)
    weights = random.normal(size=30)
    label = ((rows - rows.mean()) / rows.std() @ weights + random.normal(0, 1, 5000) > 0).astype("int64")
    # fitted without column names, so that the peer may hand over an array, which is its fastest way
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[:4000].to_numpy(), label[:4000]), rows[:4000], rows[4000:]


def forest():
    digits = load_digits()
    rows = pd.DataFrame(digits.data, columns=[f"pixel_{index}" for index in range(64)])
    model = RandomForestClassifier(100, random_state=11).fit(rows[:1200].to_numpy(), digits.target[:1200])
    return model, rows[:1200], rows[797:]


model, train, unseen = {"small": small, "forest": forest}[kind]()
(out / "model.pkl").write_bytes(pickle.dumps(model))
(out / "rows.json").write_text(json.dumps({"columns": list(unseen.columns), "data": unseen.to_numpy().tolist()}))

mlflow.set_experiment("bench")
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(train, model.predict(train.to_numpy())),
        input_example=train.head(200),
        registered_model_name=name,
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
