import json
from pathlib import Path

import pytest


@pytest.mark.parametrize("file", sorted(Path("notebooks").glob("*.ipynb")), ids=lambda file: file.name)
def test_every_cell_runs_and_no_output_is_committed(file, monkeypatch):
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert not [cell for cell in cells if cell.get("outputs")]
    monkeypatch.chdir("notebooks")
    names = {"__name__": "__main__", "display": lambda *shown: None}
    for lines in code:
        exec(compile(lines, str(file), "exec"), names)
