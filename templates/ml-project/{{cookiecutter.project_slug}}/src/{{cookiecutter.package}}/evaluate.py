"""Measures a fitted model on flights that it has not seen; writes metrics.json.

python -m {{ cookiecutter.package }}.evaluate
python -m {{ cookiecutter.package }}.evaluate --expect before.json   # fails where the two differ by more than 0.001
"""

import argparse
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
METRICS_FILE = Path("metrics.json")
# Other processors round otherwise; a changed model differs by more.
TOLERANCE = 0.001


def measure(model: Pipeline, rows: pd.DataFrame) -> dict[str, float]:
    """auc: chance that a late flight is ranked above a punctual one. brier, log_loss: lower is better."""
    late = rows[TARGET].to_numpy()
    probability = model.predict_proba(rows[FEATURES])[:, 1]
    return {
        "auc": float(roc_auc_score(late, probability)),
        "brier": float(brier_score_loss(late, probability)),
        "log_loss": float(log_loss(late, np.clip(probability, 1e-12, 1 - 1e-12))),
    }


def differences(measured: dict[str, float], expected: dict[str, float]) -> list[str]:
    """The metrics that are not what they should be, one line each."""
    return [
        f"{name}: {measured.get(name)} and not {value}"
        for name, value in expected.items()
        if name not in measured or abs(measured[name] - value) > TOLERANCE
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--expect", type=Path, metavar="FILE", help="metrics of before")
    options = parser.parse_args()
    model = pickle.loads(MODEL_FILE.read_bytes())
    metrics = measure(model, pd.read_parquet(PREPARED / "holdout.parquet"))
    METRICS_FILE.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics))
    if options.expect is not None:
        expected = json.loads(options.expect.read_text(encoding="utf-8"))
        if found := differences(metrics, expected):
            raise SystemExit("\n".join(["The pipeline does not give what it gave before.", *found]))


if __name__ == "__main__":
    main()
