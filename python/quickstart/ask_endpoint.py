"""Asks an endpoint in both of its dialects and compares with the answers of the model in Python.

python ask_endpoint.py PLANE_ADDRESS ENDPOINT ANSWERS.json

Open Inference V2 by the unmodified tritonclient (binary tensors), then MLflow's /invocations by plain HTTP.
Prints one JSON object: rows asked, labels that differ, largest difference of a probability, per dialect.
"""

import json
import sys
import urllib.request

import numpy as np
import tritonclient.http as triton

NUMPY = {"FP32": np.float32, "FP64": np.float64, "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}


def by_open_inference(address: str, endpoint: str, rows: list[dict]) -> tuple[list[int], list[float]]:
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    if not client.is_model_ready(endpoint):
        raise SystemExit(f"{endpoint} is not ready")
    inputs = []
    for tensor in client.get_model_metadata(endpoint)["inputs"]:
        values = [row[tensor["name"]] for row in rows]
        dtype = NUMPY[tensor["datatype"]]
        if dtype is np.object_:
            column = np.array([str(value).encode() for value in values], dtype=object)
        else:
            column = np.array([np.nan if value is None else value for value in values], dtype=dtype)
        asked = triton.InferInput(tensor["name"], [len(rows), 1], tensor["datatype"])
        asked.set_data_from_numpy(column.reshape(-1, 1))
        inputs.append(asked)
    answer = client.infer(endpoint, inputs)
    labels = answer.as_numpy("label").reshape(-1)
    probabilities = answer.as_numpy("probabilities").reshape(len(rows), -1)
    return [int(label) for label in labels], [float(row[-1]) for row in probabilities]


def by_invocations(address: str, endpoint: str, rows: list[dict]) -> list[int]:
    request = urllib.request.Request(
        f"{address}/endpoints/{endpoint}/invocations",
        data=json.dumps({"dataframe_records": rows}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        predictions = json.load(response)["predictions"]
    return [int(answer["label"] if isinstance(answer, dict) else answer) for answer in predictions]


def main(address: str, endpoint: str, answers_file: str) -> None:
    with open(answers_file, encoding="utf-8") as file:
        expected = json.load(file)
    labels, probabilities = by_open_inference(address, endpoint, expected["rows"])
    invoked = by_invocations(address, endpoint, expected["rows"])
    differ = lambda given: sum(a != b for a, b in zip(given, expected["labels"], strict=True))
    error = max(abs(a - b) for a, b in zip(probabilities, expected["probabilities"], strict=True))
    print(
        json.dumps(
            {
                "rows": len(labels),
                "openInferenceLabelsDiffer": differ(labels),
                "openInferenceMaxError": error,
                "invocationsLabelsDiffer": differ(invoked),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
