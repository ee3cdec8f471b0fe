"""Public clients, unchanged, against a data plane: python serving_clients.py ADDRESS EXPECTED_JSON"""

import json
import math
import sys

import numpy as np
import pandas as pd
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from tritonclient.utils import InferenceServerException

address, expected_file = sys.argv[1:]
host = address.removeprefix("http://")
expected = json.load(open(expected_file))
late, weather = expected["late-1"], expected["weather"]
frame = pd.DataFrame(expected["rows"])
frame["dep_delay"] = frame["dep_delay"].astype(np.float32)
frame["distance"] = frame["distance"].astype(np.float32)
checks = []


def check(name: str, holds: bool) -> None:
    assert holds, name
    checks.append(name)


def late_inputs(binary: bool, flat: bool = False):
    inputs = []
    for column, datatype in [("dep_delay", "FP32"), ("distance", "FP32"), ("carrier", "BYTES")]:
        values = frame[column].to_numpy(dtype=object if datatype == "BYTES" else np.float32)
        values = values if flat else values.reshape(-1, 1)
        tensor = triton.InferInput(column, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    return inputs


def outputs(binary: bool):
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]


def is_right(result) -> bool:
    label, probabilities = result.as_numpy("label"), result.as_numpy("probabilities")
    return (
        label.dtype == np.int64
        and label.ravel().tolist() == late["label"]
        and probabilities.shape == (len(frame), 2)
        and np.abs(probabilities - np.array(late["probabilities"])).max() < 1e-6
    )


def refusal(action, status: str, *words: str) -> bool:
    try:
        action()
    except InferenceServerException as refused:
        return str(refused.status()) == status and all(word in refused.message() for word in words)
    return False


client = triton.InferenceServerClient(host)
check("live and ready", client.is_server_live() and client.is_server_ready())
check("model ready", client.is_model_ready("late") and client.is_model_ready("late", "1"))
check("another version is not", not client.is_model_ready("late", "9"))
check("server metadata", "binary_tensor_data" in client.get_server_metadata()["extensions"])
metadata = client.get_model_metadata("late")
check("model metadata", [(one["name"], one["datatype"], one["shape"]) for one in metadata["inputs"]]
      == [("dep_delay", "FP32", [-1, 1]), ("distance", "FP32", [-1, 1]), ("carrier", "BYTES", [-1, 1])])
config = client.get_model_config("late")
check("model configuration", config["input"][2]["data_type"] == "TYPE_STRING" and config["max_batch_size"] == 0)
check("index", {"name": "late", "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index())

check("binary in, binary out", is_right(client.infer("late", late_inputs(True), outputs=outputs(True))))
check("binary in, JSON out", is_right(client.infer("late", late_inputs(True), outputs=outputs(False))))
check("all outputs when none is named", is_right(client.infer("late", late_inputs(True))))
check("one value a row", is_right(client.infer("late", late_inputs(True, flat=True))))
check("by version", is_right(client.infer("late", late_inputs(True), model_version="1")))
for algorithm in ("gzip", "deflate"):
    packed = client.infer("late", late_inputs(True), outputs=outputs(True), request_compression_algorithm=algorithm,
                          response_compression_algorithm=algorithm)
    check(f"{algorithm} both ways", is_right(packed))
check("only the output that was asked for",
      client.infer("late", late_inputs(True), outputs=outputs(True)[:1]).as_numpy("probabilities") is None)
named = client.infer("late", late_inputs(True), request_id="client-7",
                     parameters={"tilth_keys": [str(row) for row in range(len(frame))]})
check("the request's id comes back", named.get_response()["id"] == "client-7")

block = np.array(weather["rows"], dtype=np.float32)
for binary in (True, False):
    tensor = triton.InferInput("X", list(block.shape), "FP32")
    tensor.set_data_from_numpy(block, binary_data=binary)
    answer = client.infer("weather", [tensor], outputs=outputs(binary))
    labels = [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("label").ravel()]
    check(f"a block and text labels, {'binary' if binary else 'JSON'}", labels == weather["label"]
          and np.abs(answer.as_numpy("probabilities") - np.array(weather["probabilities"])).max() < 1e-6)

check("JSON in and out, with Python's NaN", is_right(client.infer("late", late_inputs(False), outputs=outputs(False))))

check("unknown model", refusal(lambda: client.infer("none", late_inputs(True)), "404", "none"))
check("missing column", refusal(lambda: client.infer("late", late_inputs(True)[:2]), "400", '"carrier" is missing'))
wrong = triton.InferInput("distance", [len(frame), 1], "BYTES")
wrong.set_data_from_numpy(frame["carrier"].to_numpy(object).reshape(-1, 1))
check("wrong datatype", refusal(lambda: client.infer("late", [late_inputs(True)[0], wrong, late_inputs(True)[2]]), "400", '"distance"', "FP32"))
wide = triton.InferInput("X", [1, 7], "FP32")
wide.set_data_from_numpy(np.zeros((1, 7), np.float32))
check("wrong shape", refusal(lambda: client.infer("weather", [wide]), "400", '"X"', "[-1, 8]"))
unknown = [triton.InferRequestedOutput("score")]
check("unknown output", refusal(lambda: client.infer("late", late_inputs(True), outputs=unknown), "400", "score"))
empty = late_inputs(True)
empty[1].set_data_from_numpy(np.full((len(frame), 1), math.nan, np.float32))
check("a value that may not be missing", refusal(lambda: client.infer("late", empty), "400", '"distance"', "row 0"))
client.close()


# the scoring client knows one model per address: it is asked about the endpoint by its own path
class Endpoint(ScoringServerClient):
    def __init__(self, name: str):
        super().__init__(*host.split(":"))
        self.url_prefix += f"/endpoints/{name}"


plain = ScoringServerClient(*host.split(":"))
plain.ping()
check("mlflow ping and version", len(plain.get_version()) > 0)
check("mlflow invoke", Endpoint("late").invoke(frame).get_predictions()[0].tolist() == late["label"])
check("mlflow invoke with params", Endpoint("late").invoke(
    frame[:2], params={"tilth_keys": ["a", "b"]}).get_predictions()[0].tolist() == late["label"][:2])
check("mlflow invoke with an array", Endpoint("weather").invoke(block).get_predictions()[0].tolist() == weather["label"])
print(json.dumps(checks))
