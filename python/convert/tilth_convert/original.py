"""The Python model, asked the way MLflow asks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .model_folder import WHOLE, Loaded, Signature
from .refusal import NotConvertibleError


class Original:
    """Answers rows with the columns and types of the signature; one answer per row."""

    def __init__(self, loaded: Loaded, signature: Signature) -> None:
        self.model = loaded.model
        self.family = loaded.family
        self.signature = signature
        if not hasattr(self.model, "predict") and self.family != "torch":
            raise NotConvertibleError("NO_PREDICT", f"{type(self.model).__name__} does not predict.")
        self.is_booster = type(self.model).__name__ == "Booster"
        self.has_probabilities = hasattr(self.model, "predict_proba")
        self.is_classifier = _is_classifier(self.model, self.family)
        self.classes = plain(self.model.classes_) if self.is_classifier and hasattr(self.model, "classes_") else None

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """One label or number per row."""
        answers = np.asarray(self._predict(self._as_logged(frame)))
        if answers.ndim > 1 and answers.size == len(frame):
            answers = answers.reshape(len(frame))
        if answers.ndim != 1:
            shape = "x".join(map(str, answers.shape[1:]))
            raise NotConvertibleError("ANSWER_SHAPE", f"It answers {shape} values per row; a graph serves one.")
        return answers

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray | None:
        """rows x classes."""
        if not self.has_probabilities:
            return None
        answers = self.model.predict_proba(self._as_logged(frame))
        if isinstance(answers, list) or np.ndim(answers) != 2:
            raise NotConvertibleError("ANSWER_SHAPE", "It answers several labels per row; a graph serves one.")
        return np.asarray(answers)

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """One row of numbers per row, that moves whenever the answer moves."""
        answers = self.predict_proba(frame) if self.has_probabilities else self.predict(frame)
        if answers is None:
            return np.zeros((len(frame), 1))
        if answers.dtype.kind not in "fiub":
            answers = np.unique(answers.astype(str), return_inverse=True)[1]
        return answers.reshape(len(frame), -1).astype("float64")

    def _predict(self, rows: Any) -> Any:
        if self.family == "xgboost" and self.is_booster:
            import xgboost

            return self.model.predict(xgboost.DMatrix(rows))
        if self.family == "torch":
            import torch

            with torch.no_grad():
                numbers = rows if isinstance(rows, np.ndarray) else rows.to_numpy()
                return self.model(torch.from_numpy(numbers.astype("float32"))).numpy()
        if self.family == "keras":
            return self.model.predict(rows if isinstance(rows, np.ndarray) else rows.to_numpy(), verbose=0)
        return self.model.predict(rows)

    def _as_logged(self, frame: pd.DataFrame) -> Any:
        if not self.signature.by_name:
            kind = "float32" if self.signature.columns[0].kind == "float" else "float64"
            return frame.to_numpy(dtype=kind)
        kinds = {**WHOLE, "float": "float32"}
        return frame.astype({c.name: kinds[c.kind] for c in self.signature.columns if c.kind in kinds})


def _is_classifier(model: Any, family: str) -> bool:
    if family in ("torch", "keras"):
        return False
    if family == "catboost":
        return type(model).__name__ == "CatBoostClassifier"
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(model))
    except Exception:
        return getattr(model, "_estimator_type", "") == "classifier"


def plain(values: Any) -> list[Any]:
    """Nested lists of Python values."""
    return np.asarray(values).tolist()
