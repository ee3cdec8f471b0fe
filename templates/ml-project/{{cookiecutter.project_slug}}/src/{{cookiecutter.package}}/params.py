"""params.yaml: every number that the pipeline and the app read. It is composed from conf/, see configure.py."""

from pathlib import Path
from typing import Any

import yaml

PARAMS = Path("params.yaml")


def load_params(path: Path = PARAMS) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
