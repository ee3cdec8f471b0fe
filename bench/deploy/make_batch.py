"""Fits one linear model of five numbers, registers it with the server of MLFLOW_TRACKING_URI, and writes rows to score.

    python make_batch.py OUT_FOLDER MODEL_NAME ROW_COUNT

OUT_FOLDER afterwards: model.pkl and rows.parquet, whose numbers are 64 bits wide and none missing.
"""

import pickle
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

out, name, row_count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
columns = [f"feature_{index}" for index in range(5)]
random = np.random.default_rng(27)
values = (random.normal(size=(row_count, 5)) * [1, 5, 20, 50, 0.1] + [0, 3, -10, 40, 1]).round(4)
weights = random.normal(size=5) / [1, 5, 20, 50, 0.1]
known = values[:4000]
label = ((known - known.mean(axis=0)) @ weights + random.normal(0, 1, len(known)) > 0).astype("int64")
# fitted without column names, so that the peer may hand over an array, which is its fastest way
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(known, label)
(out / "model.pkl").write_bytes(pickle.dumps(model))
pq.write_table(pa.table({column: values[:, index] for index, column in enumerate(columns)}), out / "rows.parquet")

train = pd.DataFrame(known, columns=columns)
mlflow.set_experiment("bench")
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(train, model.predict(known)),
        input_example=train.head(200),
        registered_model_name=name,
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
