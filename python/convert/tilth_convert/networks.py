"""Graphs of torch and keras models, by their own exporters."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any


def torch_graph(model: Any, width: int) -> Any:
    import onnx
    import torch

    model = model.eval()
    example = torch.zeros(2, width)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.onnx")
        names = {"input_names": ["input"], "output_names": ["prediction"]}
        if importlib.util.find_spec("onnxscript") is not None:
            rows = torch.export.Dim("rows", min=1)
            torch.onnx.export(
                model, (example,), file, dynamo=True, external_data=False, dynamic_shapes=({0: rows},), **names
            )
        else:
            axes = {"input": {0: "rows"}, "prediction": {0: "rows"}}
            torch.onnx.export(model, (example,), file, dynamo=False, dynamic_axes=axes, **names)
        return onnx.load(file)


def keras_graph(model: Any, width: int) -> Any:
    import keras
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        takes = [keras.InputSpec(shape=(None, width), dtype="float32", name="input")]
        model.export(str(file), format="onnx", input_signature=takes, verbose=False)
        return onnx.load(str(file))
