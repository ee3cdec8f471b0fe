"""models/tracked.json: which run of MLflow the trained model came from."""

import hashlib
import json
from typing import Any

from .evaluate import MODEL_FILE

TRACKED_FILE = MODEL_FILE.with_name("tracked.json")


def note(runs: list[dict[str, Any]], tracking_uri: str) -> None:
    """Keeps the facts of the last training's runs, the best one last, beside the model."""
    facts = {"model_sha256": _sha256(), "tracking_uri": tracking_uri, "runs": runs}
    TRACKED_FILE.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def tracked() -> dict[str, Any] | None:
    """The facts, if the model beside them is the one that they are about.

    It is another one when dvc or tilth brought an older model back from the cache.
    """
    if not TRACKED_FILE.exists():
        return None
    facts = json.loads(TRACKED_FILE.read_text(encoding="utf-8"))
    return facts if facts["model_sha256"] == _sha256() else None


def _sha256() -> str:
    return hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest()
