"""Measures a fitted model on flights that it has not seen; writes metrics.json."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from .flights import FEATURES, TARGET
from .prepare import PREPARED

MODEL_FILE = Path("models/model.pkl")


def measure(model: Pipeline, rows: pd.DataFrame) -> dict[str, float]:
    """auc: chance that a late flight is ranked above a punctual one. brier, log_loss: lower is better."""
    late = rows[TARGET].to_numpy()
    probability = model.predict_proba(rows[FEATURES])[:, 1]
    return {
        "auc": float(roc_auc_score(late, probability)),
        "brier": float(brier_score_loss(late, probability)),
        "log_loss": float(log_loss(late, np.clip(probability, 1e-12, 1 - 1e-12))),
    }


def main() -> None:
    model = pickle.loads(MODEL_FILE.read_bytes())
    metrics = measure(model, pd.read_parquet(PREPARED / "holdout.parquet"))
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
