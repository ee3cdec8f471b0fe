"""Turns an MLflow model into ONNX and writes down what its Python original answers.

    python convert.py MODEL_DIR OUT_DIR --rows ROWS.parquet|ROWS.json [--max-rows 10000]

Runs in the environment of the model and only there: the model file is unpickled in this process.
Needs skl2onnx, onnx, numpy, pandas, PyYAML and what the model itself needs (onnxmltools for xgboost
and lightgbm); takes a first look at the graphs with onnxruntime where that is installed.

OUT_DIR afterwards:
    candidates.json  [{"file", "schema", "firstLook"}]: graphs, the best first; no zipmap, ai.onnx.ml 3
    model.onnx …     the graphs
    schema.json      the model in the words of the Open Inference Protocol
    expected.json    rows, and the answers of the Python model to them; whoever serves a graph
                     compares its own answers with these before it serves
    failure.json     instead of graphs and expected.json, when the model has no graph

Exit codes: 0 converted; 3 not convertible, the reason is in failure.json; anything else is a bug, or
the end of the model's own code: a crash, too much memory, SIGALRM when it took too long.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml
from tilth_convert.description import describe, task_of
from tilth_convert.first_look import Criteria, compare, holds
from tilth_convert.graphs import candidates
from tilth_convert.limits import bound
from tilth_convert.model_folder import Signature, load_model, read_signature
from tilth_convert.original import Original
from tilth_convert.probe import expected, probe_rows
from tilth_convert.refusal import NotConvertibleError, first_line
from tilth_convert.rows import read_rows

EXIT_CONVERTED = 0
EXIT_NOT_CONVERTIBLE = 3


def run(
    model_dir: Path, out_dir: Path, rows_file: Path, max_rows: int, criteria: Criteria | None = None
) -> dict[str, Any]:
    """Writes OUT_DIR; returns the line that the program prints."""
    out_dir.mkdir(parents=True, exist_ok=True)
    for stale in (*out_dir.glob("*.onnx"), *out_dir.glob("*.json")):
        stale.unlink()
    mlmodel = yaml.safe_load((model_dir / "MLmodel").read_text(encoding="utf-8"))
    signature: Signature | None = None
    original: Original | None = None
    try:
        signature = read_signature(mlmodel)
        original = Original(load_model(model_dir, mlmodel), signature)
        rows = read_rows(rows_file, signature, max_rows)
        facts = expected(original, probe_rows(original, rows))
        listed = chosen(original, rows, facts, criteria or Criteria(), out_dir)
    except (NotConvertibleError, MemoryError) as thrown:
        error = thrown
        if isinstance(thrown, MemoryError):
            error = NotConvertibleError("MEMORY", f"It takes more memory than it may: {first_line(thrown)}")
        if signature is not None:
            write_json(out_dir / "schema.json", describe(original, signature, None))
        failure = {"format": 1, "code": error.code, "reason": str(error), "detail": error.detail}
        write_json(out_dir / "failure.json", failure)
        return {"converted": False, "code": error.code, "reason": str(error)}
    write_json(out_dir / "expected.json", facts)
    write_json(out_dir / "candidates.json", listed)
    write_json(out_dir / "schema.json", listed[0]["schema"])
    return {
        "converted": True,
        "task": listed[0]["schema"]["task"],
        "rows": facts["count"],
        "parity": listed[0]["firstLook"],
    }


def chosen(
    original: Original, rows: Any, facts: dict[str, Any], criteria: Criteria, out_dir: Path
) -> list[dict[str, Any]]:
    """The first graph that answers alike at a first look, and it alone; else all there are."""
    listed: list[dict[str, Any]] = []
    for candidate in candidates(original, rows):
        task = task_of(original)
        try:
            looked = compare(candidate, task, facts)
        except Exception as error:
            print(f"a graph does not take the rows: {first_line(error)}")
            looked = None
            is_alike = False
        else:
            is_alike = looked is not None and holds(looked, task, criteria)
        if is_alike:
            listed.clear()
        file = f"model{len(listed) + 1 if listed else ''}.onnx"
        (out_dir / file).write_bytes(candidate.graph.SerializeToString())
        schema = describe(original, original.signature, candidate)
        listed.append({"file": file, "schema": schema, "firstLook": looked})
        if is_alike:
            break
    return listed


def write_json(file: Path, content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--labels-equal", type=float, default=Criteria.labels_equal)
    parser.add_argument("--max-error", type=float, default=Criteria.max_error)
    parser.add_argument("--regression-error", type=float, default=Criteria.regression_error)
    parser.add_argument("--seconds", type=int, default=0, help="end after so long")
    parser.add_argument("--megabytes", type=int, default=0, help="take no more memory")
    options = parser.parse_args()
    bound(options.seconds, options.megabytes)
    criteria = Criteria(options.labels_equal, options.max_error, options.regression_error)
    result = run(options.model_dir, options.out_dir, options.rows, options.max_rows, criteria)
    print(json.dumps(result))
    return EXIT_CONVERTED if result["converted"] else EXIT_NOT_CONVERTIBLE


if __name__ == "__main__":
    raise SystemExit(main())
