"""Logs each estimator with mlflow, converts it as a registration would, and writes what Python answers to fresh rows.

    python make.py FOLDER CONVERTER_FOLDER FRESH_ROWS

One process for all, since what takes longest is to import the libraries.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import warnings
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import infer_signature

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
sys.path.insert(0, sys.argv[2])

import convert  # noqa: E402
import models  # noqa: E402


def log(case: models.Case, folder: Path) -> None:
    """With the flavor that a user of the library takes."""
    kind = type(case.model).__module__.split(".")[0]
    example = case.train.iloc[:5]
    signature = infer_signature(case.train, case.model.predict(case.train.iloc[:20]))
    shared = {"signature": signature, "input_example": example, "pip_requirements": []}
    if kind in ("xgboost", "lightgbm", "catboost"):
        getattr(mlflow, kind).save_model(case.model, str(folder), **shared)
    else:
        mlflow.sklearn.save_model(case.model, str(folder), serialization_format="cloudpickle", **shared)


def cells(frame) -> dict:
    return {
        name: [None if isinstance(value, float) and math.isnan(value) else value for value in frame[name].tolist()]
        for name in frame.columns
    }


def main() -> None:
    root, count = Path(sys.argv[1]), int(sys.argv[3])
    listed = []
    for at, case in enumerate(models.cases()):
        folder = root / f"{at:02}"
        folder.mkdir(parents=True)
        log(case, folder / "model")
        rows = {"columns": list(case.train.columns), "data": json.loads(case.train.to_json(orient="values", double_precision=15))}
        (folder / "rows.json").write_text(json.dumps({**rows, "data": [[c for c in row] for row in zip(*cells(case.train).values(), strict=True)]}))
        began = time.process_time()
        try:
            result = convert.run(folder / "model", folder / "out", folder / "rows.json", 10_000)
        except Exception as error:  # the converter's own fault: told, not hidden
            result = {"converted": False, "code": "BUG", "reason": f"{type(error).__name__}: {error}"}
        seconds = time.process_time() - began
        fresh = case.rows(77 + at, count)
        probabilities = case.model.predict_proba(fresh) if hasattr(case.model, "predict_proba") else None
        answers = {
            "columns": cells(fresh),
            "predict": np.asarray(case.model.predict(fresh)).tolist(),
            "predict_proba": None if probabilities is None else np.asarray(probabilities).tolist(),
        }
        (folder / "fresh.json").write_text(json.dumps(answers))
        listed.append({"name": case.name, "folder": folder.name, "seconds": seconds, "result": result})
        print(f"{case.name}: {json.dumps({k: v for k, v in result.items() if k != 'parity'})} {json.dumps((result.get('parity') or {}).get('all'))} {seconds:.2f}s", flush=True)
    (root / "cases.json").write_text(json.dumps(listed))


main()
