"""Asks models of their own Python with unchanged clients: python_engine_clients.py ADDRESS FOLDER NAME..."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

address, folder, *names = sys.argv[1:]
host = address.removeprefix("http://")
client = triton.InferenceServerClient(host)
numpy_types = {"FP64": "float64", "FP32": "float32", "INT64": "int64", "BYTES": "object", "BOOL": "bool"}
for name in names:
    said = json.loads((Path(folder) / f"{name}.json").read_text())
    rows = pd.DataFrame(said["data"], columns=said["columns"])
    assert client.is_model_ready(name)
    inputs = []
    for tensor in client.get_model_metadata(name)["inputs"]:
        values = rows[tensor["name"]].to_numpy(dtype=numpy_types[tensor["datatype"]]).reshape(-1, 1)
        one = triton.InferInput(tensor["name"], values.shape, tensor["datatype"])
        one.set_data_from_numpy(values, binary_data=True)
        inputs.append(one)
    outputs = client.get_model_metadata(name)["outputs"]
    for is_binary in (True, False):
        asked = [triton.InferRequestedOutput(output["name"], binary_data=is_binary) for output in outputs]
        answer = client.infer(name, inputs, outputs=asked, request_compression_algorithm="gzip")
        labels = answer.as_numpy(outputs[0]["name"]).reshape(-1).tolist()
        labels = [label.decode() if isinstance(label, bytes) else label for label in labels]
        if isinstance(said["predict"][0], float):
            np.testing.assert_allclose(labels, said["predict"], rtol=1e-12)
        else:
            assert labels == said["predict"], name
        if said["predict_proba"] is not None:
            np.testing.assert_allclose(answer.as_numpy(outputs[1]["name"]), said["predict_proba"], rtol=1e-12)
    if len(names) == 1:
        port = int(host.split(":")[1])
        predictions = ScoringServerClient("127.0.0.1", port).invoke(rows).get_predictions()
        assert predictions.iloc[:, 0].tolist() == said["predict"]
print("ok")
