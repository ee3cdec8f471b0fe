"""Turns an MLflow model into ONNX and writes down what its Python original answers.

    python convert.py MODEL_DIR OUT_DIR --rows ROWS.parquet|ROWS.json [--max-rows 10000]

Runs in the environment of the model and only there: the model file is unpickled in this process.
Needs skl2onnx, onnx, numpy, pandas, PyYAML and what the model itself needs; checks the graph once
with onnxruntime where that is installed.

OUT_DIR afterwards:
    model.onnx     the graph; no zipmap, ai.onnx.ml 3
    schema.json    its inputs and outputs in the words of the Open Inference Protocol
    expected.json  rows, and the answers of the Python model to them; whoever serves model.onnx
                   compares its own answers with these before it serves
    failure.json   instead of model.onnx and expected.json, when the model has no faithful graph

Exit codes: 0 converted; 3 not convertible, the reason is in failure.json; anything else is a bug.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import pickle
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

# Within what onnxruntime 1.30 and later load; skl2onnx needs nothing newer for scikit-learn.
TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 9

NUMBERS = {"double", "float", "integer", "long", "boolean"}
# Far outside of any training data, yet finite in float32 after a scaler has divided by 1e-7.
HUGE = 1e30
UNSEEN = "\u2603 never seen in training"
# Rows of the user that hostile rows are made from, and jumps looked for per numeric column.
BASE_ROWS = 8
JUMPS_PER_COLUMN = 4

EXIT_CONVERTED = 0
EXIT_NOT_CONVERTIBLE = 3


class NotConvertibleError(Exception):
    """The model cannot be served as a graph. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Column:
    """One column of the model's signature; `kind` is MLflow's type, such as double or string."""

    name: str
    kind: str

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS


@dataclass(frozen=True)
class Signature:
    """`columns` in order; `by_name` is false for a model that takes a bare array of numbers."""

    columns: list[Column]
    by_name: bool


@dataclass(frozen=True)
class Probe:
    """Rows to compare on. `parts` says which rows are what: (kind, from, to), to not included."""

    frame: pd.DataFrame
    parts: list[tuple[str, int, int]]
    skipped: list[dict[str, str]]


# --- the model directory -------------------------------------------------------------------------


def read_signature(mlmodel: dict[str, Any]) -> Signature:
    text = (mlmodel.get("signature") or {}).get("inputs")
    if not text:
        raise NotConvertibleError("NO_SIGNATURE", "The model was logged without a signature.")
    inputs = json.loads(text)
    if inputs[0]["type"] == "tensor":
        spec = inputs[0]["tensor-spec"]
        shape = spec["shape"]
        if len(inputs) != 1 or len(shape) != 2 or shape[1] < 1 or spec["dtype"] in ("str", "object"):
            raise NotConvertibleError(
                "INPUT_TYPE", f"Only one [rows, columns] array of numbers is supported, not {inputs}."
            )
        return Signature([Column(f"x{i}", "double") for i in range(shape[1])], by_name=False)
    for column in inputs:
        if column["type"] not in NUMBERS | {"string"}:
            raise NotConvertibleError(
                "INPUT_TYPE", f"Column {column.get('name')!r} has the type {column['type']}."
            )
    names = [column.get("name") for column in inputs]
    return Signature(
        [Column(name or f"x{i}", inputs[i]["type"]) for i, name in enumerate(names)],
        by_name=all(names),
    )


def load_model(folder: Path, mlmodel: dict[str, Any]) -> Any:
    flavor = (mlmodel.get("flavors") or {}).get("sklearn")
    if flavor is None:
        found = ", ".join(sorted(mlmodel.get("flavors") or {})) or "none"
        raise NotConvertibleError("NOT_SKLEARN", f"Only the sklearn flavor converts; found: {found}.")
    file = folder / flavor["pickled_model"]
    try:
        if flavor.get("serialization_format") == "skops":
            import skops.io

            return skops.io.load(file, trusted=flavor.get("skops_trusted_types") or [])
        with file.open("rb") as stream:
            return pickle.load(stream)  # cloudpickle's files are read by pickle too
    except ModuleNotFoundError as error:
        raise NotConvertibleError(
            "MODULE_MISSING", f"The model needs the module {error.name}, which is not installed here."
        ) from error


# --- the graph -----------------------------------------------------------------------------------


def parts_of(model: Any) -> list[Any]:
    """The model and every estimator inside it, fitted where scikit-learn keeps the fitted one."""
    found, queue, seen = [], [model], set()
    while queue:
        part = queue.pop()
        if id(part) in seen or isinstance(part, str | bytes | np.ndarray | type(None)):
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            queue.extend(part)
        elif hasattr(part, "get_params"):
            found.append(part)
            queue.extend(value for value in vars(part).values() if not np.isscalar(value))
    return found


def refuse_silent_errors(model: Any) -> None:
    """Raises for what skl2onnx converts without complaint into a graph that answers differently."""
    for part in parts_of(model):
        categories = getattr(part, "is_categorical_", None)
        if categories is not None and np.any(categories):
            raise NotConvertibleError(
                "NATIVE_CATEGORIES",
                f"{type(part).__name__} reads categories by itself (categorical_features), which the "
                "converter ignores; use a one-hot encoder before it.",
            )


def with_float32_thresholds(model: Any) -> Any:
    """A copy whose histogram trees split at float32 values, and split every float32 row alike.

    x <= t holds for a float32 x exactly when x <= the largest float32 that is not above t. The
    converter rounds t to the nearest float32, which may lie above it and then takes x along. Where
    rows are not float32 to begin with, the nearest is the better choice: it treats row and threshold
    alike, and a threshold is often the value of a row.
    """
    model = copy.deepcopy(model)
    for part in parts_of(model):
        for trees in getattr(part, "_predictors", []):
            for tree in trees:
                exact = tree.nodes["num_threshold"]
                near = exact.astype("float32")
                below = np.nextafter(near, np.float32(-np.inf))
                tree.nodes["num_threshold"] = np.where(near > exact, below, near)
    return model


def are_float32(rows: pd.DataFrame, signature: Signature) -> bool:
    """Whether no number of the rows loses anything as a float32."""
    numbers = rows[[column.name for column in signature.columns if column.is_number]].to_numpy("float64")
    return bool(np.array_equal(numbers, numbers.astype("float32"), equal_nan=True))


def input_plans(model: Any, signature: Signature) -> list[list[tuple[str, list[Column]]]]:
    """Ways to lay columns into tensors, best first: one block of numbers, else a tensor each."""
    block = [("input", signature.columns)]
    each = [(column.name, [column]) for column in signature.columns]
    if not signature.by_name:
        return [block]
    picks_by_name = any(hasattr(part, "transformers_") for part in parts_of(model))
    if all(column.is_number for column in signature.columns) and not picks_by_name:
        return [block, each]
    return [each]


def to_graph(model: Any, plan: list[tuple[str, list[Column]]]) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.base import is_classifier

    def tensor(columns: list[Column]) -> Any:
        kind = FloatTensorType if columns[0].is_number else StringTensorType
        return kind([None, len(columns)])

    # without zipmap: probabilities as a tensor, not as a list of maps
    graph = convert_sklearn(
        model,
        name="model",
        initial_types=[(name, tensor(columns)) for name, columns in plan],
        options={id(model): {"zipmap": False}} if is_classifier(model) else None,
        target_opset=TARGET_OPSET,
    )
    graph.ir_version = min(graph.ir_version, IR_VERSION)
    return graph


def convert(
    model: Any, signature: Signature, rows: pd.DataFrame
) -> tuple[Any, list[tuple[str, list[Column]]]]:
    """The graph and the plan of its inputs; the rows tell which numbers it will be asked about."""
    refuse_silent_errors(model)
    try:
        import skl2onnx  # noqa: F401
    except ModuleNotFoundError as error:
        raise NotConvertibleError(
            "MODULE_MISSING", f"The environment of the model lacks {error.name}, which converts it."
        ) from error
    failures = []
    if are_float32(rows, signature):
        model = with_float32_thresholds(model)
    for plan in input_plans(model, signature):
        try:
            graph = to_graph(model, plan)
            check_loads(graph)
        except Exception as error:  # a converter raises whatever its author chose
            failures.append(f"{type(error).__name__}: {error}")
            traceback.print_exc()
        else:
            return graph, plan
    first_line = failures[-1].splitlines()[0]
    raise NotConvertibleError("NO_CONVERTER", f"No faithful graph: {first_line}", "\n\n".join(failures))


def check_loads(graph: Any) -> None:
    if (session := open_session(graph)) is not None:
        session.get_inputs()


def open_session(graph: Any) -> Any | None:
    """A session of Python's onnxruntime, or None where that is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


# --- what the outside is told --------------------------------------------------------------------


def describe(
    model: Any, signature: Signature, graph: Any | None, plan: list[tuple[str, list[Column]]]
) -> dict[str, Any]:
    """schema.json. Without a graph it describes the Python model, one input per column."""
    from sklearn.base import is_classifier, is_regressor

    classes = plain(model.classes_) if is_classifier(model) and hasattr(model, "classes_") else None
    if classes is not None:
        task = "binary-classification" if len(classes) == 2 else "multiclass-classification"
    else:
        task = "regression" if is_regressor(model) else "other"
    return {
        "format": 1,
        "engine": "onnx" if graph is not None else "python",
        "task": task,
        "classes": classes,
        "byName": signature.by_name,
        "inputs": [
            {
                "name": name,
                "datatype": "FP32" if columns[0].is_number else "BYTES",
                "shape": [-1, len(columns)],
                "columns": [{"name": column.name, "type": column.kind} for column in columns],
            }
            for name, columns in plan
        ],
        "outputs": graph_outputs(graph, task) if graph is not None else [],
        "opset": {entry.domain or "ai.onnx": entry.version for entry in graph.opset_import}
        if graph is not None
        else None,
        "versions": versions(),
    }


def graph_outputs(graph: Any, task: str) -> list[dict[str, Any]]:
    names = {1: "FP32", 6: "INT32", 7: "INT64", 8: "BYTES", 9: "BOOL", 11: "FP64"}
    roles = ["label", "probabilities"] if task.endswith("classification") else ["prediction"]
    described = []
    for index, output in enumerate(graph.graph.output):
        tensor = output.type.tensor_type
        described.append(
            {
                "name": output.name,
                "datatype": names[tensor.elem_type],
                "shape": [dim.dim_value or -1 for dim in tensor.shape.dim],
                "role": roles[index] if index < len(roles) else "other",
            }
        )
    return described


def versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


# --- rows and the answers of the original --------------------------------------------------------


def read_rows(file: Path, signature: Signature, max_rows: int) -> pd.DataFrame:
    """The signature's columns of the file, at most `max_rows` rows taken evenly over it.

    JSON is a list of records, or {"columns": [...], "data": [[...]]} as MLflow writes its example.
    """
    if file.suffix == ".parquet":
        frame = pd.read_parquet(file)
    else:
        content = json.loads(file.read_text(encoding="utf-8"))
        frame = (
            pd.DataFrame(content["data"], columns=content.get("columns"))
            if isinstance(content, dict)
            else pd.DataFrame(content)
        )
    names = [column.name for column in signature.columns]
    if not signature.by_name:
        frame.columns = names
    if missing := [name for name in names if name not in frame.columns]:
        raise SystemExit(f"{file.name} lacks the columns {', '.join(missing)}.")
    if len(frame) > max_rows:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, max_rows).astype(int)]
    frame = frame[names].reset_index(drop=True)
    strings = [column.name for column in signature.columns if not column.is_number]
    # a string tensor has no null: such a row is served as an error, not as a prediction
    frame = frame[frame[strings].notna().all(axis=1)].reset_index(drop=True)
    kinds = {column.name: "float64" if column.is_number else "object" for column in signature.columns}
    return frame.astype(kinds)


class Original:
    """The Python model, asked the way MLflow asks it: with the columns and types of its signature."""

    def __init__(self, model: Any, signature: Signature) -> None:
        self.model = model
        self.signature = signature
        self.has_probabilities = hasattr(model, "predict_proba")

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.model.predict(self._as_logged(frame)))

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray | None:
        if not self.has_probabilities:
            return None
        return np.asarray(self.model.predict_proba(self._as_logged(frame)))

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """One row of numbers per row, that moves whenever the answer moves."""
        answers = self.predict_proba(frame) if self.has_probabilities else self.predict(frame)
        if answers is None or answers.dtype.kind not in "fiub":
            return np.zeros((len(frame), 1))
        return answers.reshape(len(frame), -1).astype("float64")

    def _as_logged(self, frame: pd.DataFrame) -> Any:
        if not self.signature.by_name:
            return frame.to_numpy(dtype="float64")
        kinds = {"integer": "int32", "long": "int64", "boolean": "bool"}
        return frame.astype({c.name: kinds[c.kind] for c in self.signature.columns if c.kind in kinds})


def probe_rows(original: Original, rows: pd.DataFrame) -> Probe:
    """The user's rows, then rows made to break a careless conversion.

    A hostile row that the Python model itself refuses is left out, with the reason in `skipped`.
    """
    pieces: list[tuple[str, pd.DataFrame]] = [("given", rows)]
    skipped: list[dict[str, str]] = []
    if rows.empty:
        return Probe(rows, [("given", 0, 0)], skipped)
    base = rows.iloc[np.linspace(0, len(rows) - 1, min(BASE_ROWS, len(rows))).astype(int)]

    def offer(kind: str, column: str, frame: pd.DataFrame) -> None:
        try:
            answers = original.score(frame)
            original.predict(frame)
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            skipped.append({"kind": kind, "column": column, "reason": reason})
            return
        if np.isfinite(answers).all():
            pieces.append((kind, frame))
        else:
            skipped.append({"kind": kind, "column": column, "reason": "The answer is not finite."})

    for column in original.signature.columns:
        if not column.is_number:
            offer("unseen", column.name, base.assign(**{column.name: UNSEEN}))
            offer("empty", column.name, base.assign(**{column.name: ""}))
            continue
        if column.kind in ("double", "float"):
            offer("missing", column.name, base.assign(**{column.name: math.nan}))
            for value in (HUGE, -HUGE):
                offer("huge", column.name, base.assign(**{column.name: value}))
        offer("zero", column.name, base.assign(**{column.name: 0.0}))
    jumps = threshold_rows(original, rows, base)
    if not jumps.empty:
        offer("threshold", "", jumps)

    kinds = ["given", "missing", "unseen", "empty", "zero", "huge", "threshold"]
    pieces.sort(key=lambda piece: kinds.index(piece[0]))
    parts, at = [], 0
    for kind, frame in pieces:
        if parts and parts[-1][0] == kind:
            parts[-1] = (kind, parts[-1][1], at + len(frame))
        else:
            parts.append((kind, at, at + len(frame)))
        at += len(frame)
    return Probe(pd.concat([frame for _, frame in pieces], ignore_index=True), parts, skipped)


def threshold_rows(original: Original, rows: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Pairs of rows that differ by one float32 step in one column, on both sides of a jump.

    The model is asked, not taken apart: along each numeric column the answer is read at the values
    that the rows hold, and where it moves the place is narrowed down by halving. That finds the
    thresholds of any tree, whatever scaler stands before it.
    """
    starts, low, high, column_of = [], [], [], []
    columns = [c.name for c in original.signature.columns if c.kind in ("double", "float")]
    for name in columns:
        values = np.unique(rows[name].dropna().to_numpy(dtype="float32"))
        if len(values) < 2:
            continue
        values = values[np.linspace(0, len(values) - 1, min(64, len(values))).astype(int)]
        start = base.iloc[[len(column_of) % len(base)]]
        line = start.loc[start.index.repeat(len(values))].assign(**{name: values.astype("float64")})
        try:
            answers = original.score(line)
        except Exception:
            continue
        moves = np.abs(np.diff(answers, axis=0)).max(axis=1)
        for at in np.argsort(-moves, kind="stable")[:JUMPS_PER_COLUMN]:
            if moves[at] > 0:
                starts.append(start)
                low.append(values[at])
                high.append(values[at + 1])
                column_of.append(name)
    if not low:
        return rows.iloc[:0]
    frame = pd.concat(starts, ignore_index=True)
    lower, upper = np.array(low, dtype="float32"), np.array(high, dtype="float32")

    def answers_at(values: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        asked = frame.copy()
        for index, name in enumerate(column_of):
            asked.loc[index, name] = float(values[index])
        return asked, original.score(asked)

    _, answers_low = answers_at(lower)
    # float32 has 2^32 values, so after 64 halvings by value the two are neighbours
    for _ in range(64):
        middle = lower + (upper - lower) / 2
        open_ = (middle > lower) & (middle < upper)
        if not open_.any():
            break
        _, answers = answers_at(middle)
        same = (answers == answers_low).all(axis=1)
        lower = np.where(open_ & same, middle, lower)
        upper = np.where(open_ & ~same, middle, upper)
    return pd.concat([answers_at(lower)[0], answers_at(upper)[0]], ignore_index=True)


def plain(values: np.ndarray) -> list[Any]:
    """Nested lists of Python values."""
    return np.asarray(values).tolist()


def expected(original: Original, probe: Probe) -> dict[str, Any]:
    """expected.json: columns of values as a client sends them (null is NaN), and the answers."""
    probabilities = original.predict_proba(probe.frame)
    return {
        "format": 1,
        "count": len(probe.frame),
        "parts": [{"kind": kind, "from": start, "to": end} for kind, start, end in probe.parts],
        "skipped": probe.skipped,
        "columns": {
            column.name: [
                None if isinstance(value, float) and math.isnan(value) else value
                for value in probe.frame[column.name].tolist()
            ]
            for column in original.signature.columns
        },
        "predict": plain(original.predict(probe.frame)),
        "predict_proba": None if probabilities is None else plain(probabilities),
    }


# --- a first comparison, here --------------------------------------------------------------------


def compare(
    graph: Any, plan: list[tuple[str, list[Column]]], schema: dict[str, Any], facts: dict[str, Any]
) -> dict[str, Any] | None:
    """How far Python's onnxruntime is from the original, per part of the rows; None without it.

    A first look only: what counts is the same comparison by the program that serves the model.
    """
    session = open_session(graph)
    if session is None or facts["count"] == 0:
        return None
    feed = {}
    for name, columns in plan:
        if columns[0].is_number:
            feed[name] = np.array([facts["columns"][c.name] for c in columns], dtype="float32").T
        else:
            feed[name] = np.array(facts["columns"][columns[0].name], dtype=object).reshape(-1, 1)
    answers = session.run(None, feed)
    predicted = np.asarray(facts["predict"])
    labels_equal = error = None
    if schema["task"].endswith("classification"):
        labels_equal = np.asarray(answers[0]).reshape(-1) == predicted
        if facts["predict_proba"] is not None:
            error = np.abs(answers[1] - np.asarray(facts["predict_proba"])).max(axis=1)
    else:
        theirs = np.asarray(answers[0], dtype="float64").reshape(len(predicted), -1)
        ours = predicted.reshape(len(predicted), -1)
        error = (np.abs(theirs - ours) / np.maximum(1.0, np.abs(ours))).max(axis=1)

    def over(start: int, end: int) -> dict[str, Any]:
        return {
            "rows": end - start,
            "labelsEqual": None if labels_equal is None else float(labels_equal[start:end].mean()),
            "maxError": None if error is None else float(error[start:end].max()),
        }

    return {
        "all": over(0, facts["count"]),
        **{part["kind"]: over(part["from"], part["to"]) for part in facts["parts"]},
    }


# --- the program ---------------------------------------------------------------------------------


def write_json(file: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def run(model_dir: Path, out_dir: Path, rows_file: Path, max_rows: int) -> dict[str, Any]:
    """Writes OUT_DIR; returns the line that the program prints."""
    out_dir.mkdir(parents=True, exist_ok=True)
    for stale in ("model.onnx", "schema.json", "expected.json", "failure.json"):
        (out_dir / stale).unlink(missing_ok=True)
    mlmodel = yaml.safe_load((model_dir / "MLmodel").read_text(encoding="utf-8"))
    try:
        signature = read_signature(mlmodel)
        model = load_model(model_dir, mlmodel)
        rows = read_rows(rows_file, signature, max_rows)
        try:
            graph, plan = convert(model, signature, rows)
        except NotConvertibleError:
            each = [(column.name, [column]) for column in signature.columns]
            write_json(out_dir / "schema.json", describe(model, signature, None, each))
            raise
    except NotConvertibleError as error:
        failure = {"format": 1, "code": error.code, "reason": str(error), "detail": error.detail}
        write_json(out_dir / "failure.json", failure)
        return {"converted": False, "code": error.code, "reason": str(error)}

    original = Original(model, signature)
    probe = probe_rows(original, rows)
    facts = expected(original, probe)
    schema = describe(model, signature, graph, plan)
    write_json(out_dir / "expected.json", facts)
    write_json(out_dir / "schema.json", schema)
    (out_dir / "model.onnx").write_bytes(graph.SerializeToString())
    return {
        "converted": True,
        "task": schema["task"],
        "rows": facts["count"],
        "parity": compare(graph, plan, schema, facts),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--max-rows", type=int, default=10_000)
    options = parser.parse_args()
    result = run(options.model_dir, options.out_dir, options.rows, options.max_rows)
    print(json.dumps(result))
    return EXIT_CONVERTED if result["converted"] else EXIT_NOT_CONVERTIBLE


if __name__ == "__main__":
    raise SystemExit(main())
