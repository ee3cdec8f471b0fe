"""params.yaml, the one place for every number that a person may want to change."""

from pathlib import Path
from typing import Any

import yaml


def load_params(path: Path = Path("params.yaml")) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
