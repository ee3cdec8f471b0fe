"""What the champion answers in Python, loaded by the unmodified MLflow client from the registry.

python answers_in_python.py MODEL_URI ROWS.parquet COUNT OUT.json

Runs in the project's own environment. Writes {"rows": [...], "labels": [...], "probabilities": [...]}, where
`probabilities` is the probability of the last class, row by row.
"""

import json
import sys

import mlflow
import pandas as pd


def main(model_uri: str, rows_file: str, count: str, out_file: str) -> None:
    model = mlflow.sklearn.load_model(model_uri)
    columns = list(model.feature_names_in_)
    rows = pd.read_parquet(rows_file).head(int(count))[columns]
    answer = {
        "rows": json.loads(rows.to_json(orient="records", double_precision=15)),
        "labels": [int(label) for label in model.predict(rows)],
        "probabilities": [float(row[-1]) for row in model.predict_proba(rows)],
    }
    with open(out_file, "w", encoding="utf-8") as out:
        json.dump(answer, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
