"""The models that a data plane of the tests serves, the rows they are asked for, and what scikit-learn says of them."""

import json
import sys

import numpy as np

#: what follows the script's name: addresses, then the file of expected answers
addresses = sys.argv[1:-1]
expected = json.load(open(sys.argv[-1]))
checks = []

#: endpoint → its inputs (name, datatype, values) and its outputs
models = {
    "late": {
        "inputs": [
            ("dep_delay", "FP32", np.array(expected["rows"]["dep_delay"], dtype=np.float32).reshape(-1, 1)),
            ("distance", "FP32", np.array(expected["rows"]["distance"], dtype=np.float32).reshape(-1, 1)),
            ("carrier", "BYTES", np.array(expected["rows"]["carrier"], dtype=object).reshape(-1, 1)),
        ],
        "outputs": ["label", "probabilities"],
        "said": expected["late-1"],
    },
    "weather": {
        "inputs": [("X", "FP32", np.array(expected["weather"]["rows"], dtype=np.float32))],
        "outputs": ["label", "probabilities"],
        "said": expected["weather"],
    },
    "minutes": {
        "inputs": [
            ("distance", "FP32", np.array(expected["minutes"]["rows"]["distance"], dtype=np.float32).reshape(-1, 1)),
            ("hour", "INT64", np.array(expected["minutes"]["rows"]["hour"], dtype=np.int64).reshape(-1, 1)),
            ("carrier", "BYTES", np.array(expected["minutes"]["rows"]["carrier"], dtype=object).reshape(-1, 1)),
        ],
        "outputs": ["variable"],
        "said": expected["minutes"],
    },
}


def check(name: str, holds: bool) -> None:
    assert holds, name
    checks.append(name)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def is_right(model: str, as_numpy) -> bool:
    """Does the answer, read by the name of an output, say what scikit-learn says?"""
    said, outputs = models[model]["said"], models[model]["outputs"]
    label = as_numpy(outputs[0]).ravel().tolist()
    if len(outputs) == 1:
        return np.allclose(label, said["label"], rtol=1e-5)
    if [text(one) for one in label] != said["label"]:
        return False
    probabilities = np.asarray(as_numpy(outputs[1])).reshape(-1, len(said["probabilities"][0]))
    return np.abs(probabilities - np.array(said["probabilities"])).max() < 1e-6


def done() -> None:
    print(json.dumps(checks))
