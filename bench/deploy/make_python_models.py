"""Trains scikit-learn models that have no converter, registers them, and keeps their pickles for the peer.

    python make_python_models.py OUT_FOLDER NAME...

OUT_FOLDER/NAME afterwards: model.pkl and rows.json (columns, 1,000 rows that it was not trained on).
"""

import json
import pickle
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

models = {
    "spline": make_pipeline(StandardScaler(), SplineTransformer(n_knots=3), LogisticRegression(max_iter=500)),
    "forest": make_pipeline(FunctionTransformer(np.tanh), RandomForestClassifier(100, random_state=1)),
}
random = np.random.default_rng(11)
columns = [f"feature_{index}" for index in range(30)]
rows = pd.DataFrame(random.normal(size=(5000, 30)).round(4), columns=columns)
label = (rows @ random.normal(size=30) + random.normal(0, 1, 5000) > 0).astype("int64")
train, unseen = rows[:4000], rows[4000:]

mlflow.set_experiment("bench")
for name in sys.argv[2:]:
    # fitted without column names, so that the peer may hand over an array, which is its fastest way
    model = models[name].fit(train.to_numpy(), label[:4000])
    out = Path(sys.argv[1]) / name
    out.mkdir()
    (out / "model.pkl").write_bytes(pickle.dumps(model))
    (out / "rows.json").write_text(json.dumps({"columns": columns, "data": unseen.to_numpy().tolist()}))
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(train, model.predict(train.to_numpy())),
            input_example=train.head(200),
            registered_model_name=name,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
