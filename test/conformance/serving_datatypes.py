"""tritonclient over HTTP with every datatype, the codecs of MLServer and what breaks the protocol:
python serving_datatypes.py ADDRESS EXPECTED_JSON"""

import base64
import json

import ml_dtypes
import requests
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from serving_models import addresses, check, done, expected, is_right, models, np

address = addresses[0]
client = triton.InferenceServerClient(address.removeprefix("http://"))
numpy_types = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
}  # fmt: skip
distance, hour, carrier = (values for _, _, values in models["minutes"]["inputs"])


def tensor(name: str, datatype: str, values, binary: bool):
    one = triton.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values, binary_data=binary)
    return one


for datatype, numpy_type in numpy_types.items():
    for binary in (True, False):
        answer = client.infer("minutes", [
            tensor("distance", "FP32", distance, binary),
            tensor("hour", datatype, hour.astype(numpy_type), binary),
            tensor("carrier", "BYTES", carrier, binary),
        ])  # fmt: skip
        check(f"{datatype}, {'binary' if binary else 'JSON'}", is_right("minutes", answer.as_numpy))
doubles = client.infer("minutes", [tensor("distance", "FP64", distance.astype(np.float64), True),
                                   tensor("hour", "INT64", hour, True), tensor("carrier", "BYTES", carrier, True)])
check("FP64", is_right("minutes", doubles.as_numpy))
# whole numbers up to 2048 are exact in half precision, those up to 256 in bfloat16
small = np.array([[64.0], [128.0], [250.0]], dtype=np.float32)


def minutes_of(datatype: str, values) -> list:
    return client.infer("minutes", [tensor("distance", datatype, values, True), tensor("hour", "INT64", hour[:3], True),
                                    tensor("carrier", "BYTES", carrier[:3], True)]).as_numpy("variable").ravel().tolist()


check("FP16", minutes_of("FP16", small.astype(np.float16)) == minutes_of("FP32", small))
check("BF16", minutes_of("BF16", small.astype(ml_dtypes.bfloat16)) == minutes_of("FP32", small))

mixed = client.infer("late", [tensor(*one, True) for one in models["late"]["inputs"]],
                     outputs=[triton.InferRequestedOutput("label", binary_data=False), triton.InferRequestedOutput("probabilities")])
check("one output binary, one as JSON", is_right("late", mixed.as_numpy) and "data" in mixed.get_output("label"))
one = client.infer("late", [tensor(*one, True) for one in models["late"]["inputs"]], outputs=[triton.InferRequestedOutput("probabilities")])
check("one output of two", one.as_numpy("label") is None and one.as_numpy("probabilities").shape == (200, 2))
statistics = client.get_inference_statistics("minutes")["model_stats"][0]
check("statistics", statistics["inference_stats"]["success"]["count"] >= 17 and statistics["inference_count"] >= 800)
check("statistics of all", len(client.get_inference_statistics()["model_stats"]) == 2)
client.load_model("late")
check("loading what is served changes nothing", client.is_model_ready("late"))


def refused(action, status: int, *words: str) -> bool:
    try:
        action()
    except InferenceServerException as failure:
        return str(failure.status()) == str(status) and all(word in failure.message() for word in words)
    return False


check("nobody unloads", refused(lambda: client.unload_model("late"), 403, "tilth endpoint"))
check("nobody loads something else", refused(lambda: client.load_model("late", config="{}"), 403, "tilth endpoint"))
check("no model is loaded by its name", refused(lambda: client.load_model("none"), 404, "none"))
classes = triton.InferRequestedOutput("label", class_count=2)
check("no classification extension", refused(
    lambda: client.infer("late", [tensor(*one, True) for one in models["late"]["inputs"]], outputs=[classes]), 501, "probabilities"))


def infer(model: str, body, **headers):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return requests.post(f"{address}/v2/models/{model}/infer", data=data, headers={"content-type": "application/json", **headers}, timeout=20)


def block(**more):
    return {"inputs": [{"name": "X", "shape": [2, 8], "datatype": "FP32", "data": expected["weather"]["rows"][:2], **more}]}


def labels(answer) -> list:
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"][0]["data"]


right = models["weather"]["said"]["label"][:2]
nested = infer("weather", block())
check("nested data", labels(nested) == right and nested.json()["outputs"][1]["shape"] == [2, 3])
check("flat data", labels(infer("weather", block(data=sum(expected["weather"]["rows"][:2], [])))) == right)
check("the only block may have any name", labels(infer("weather", block(name="input-0"))) == right)
check("the request's id comes back", infer("weather", {**block(), "id": "abc"}).json()["id"] == "abc")
check("codecs are not spoken of unless asked", "parameters" not in nested.json()["outputs"][0])
check("np", infer("weather", block(parameters={"content_type": "np"})).json()["outputs"][1]["parameters"]["content_type"] == "np")

# what mlserver.codecs.PandasCodec.encode_request makes of a data frame
columns = [{"name": "abcdefgh"[index], "shape": [2, 1], "datatype": "FP64", "data": [row[index] for row in expected["weather"]["rows"][:2]]}
           for index in range(8)] + [{"name": "unused", "shape": [2, 1], "datatype": "BYTES", "data": ["x", "y"], "parameters": {"content_type": "str"}}]
frame = infer("weather", {"parameters": {"content_type": "pd"}, "inputs": columns})
check("pd: a column is a tensor, and columns that the model does not take are left out", labels(frame) == right)
# mlserver.codecs.PandasCodec takes each output for a column of one value a row
outputs = frame.json()["outputs"]
check("pd: the answer is a data frame", frame.json()["parameters"]["content_type"] == "pd"
      and [(one["name"], one["shape"], one["parameters"]["content_type"]) for one in outputs]
      == [("label", [2, 1], "str")] + [(f"probabilities_{kind}", [2, 1], "np") for kind in expected["weather"]["classes"]])
check("pd: a column of probabilities for each class", np.allclose(
    np.array([one["data"] for one in outputs[1:]]).T, expected["weather"]["probabilities"][:2], atol=1e-6))
check("without it, an unknown input is refused", infer("weather", {"inputs": columns}).status_code == 400)
rows = {name: (datatype, values[:2]) for name, datatype, values in models["late"]["inputs"]}
late = [{"name": name, "shape": [2, 1], "datatype": datatype, "data": [None if one != one else one for one in values.ravel().tolist()]}
        for name, (datatype, values) in rows.items()]
packed = [*late[:2], {**late[2], "parameters": {"content_type": "base64"}, "data": [base64.b64encode(one.encode()).decode() for one in late[2]["data"]]}]
check("base64", labels(infer("late", {"inputs": packed})) == models["late"]["said"]["label"][:2])
check("str", labels(infer("late", {"inputs": [*late[:2], {**late[2], "parameters": {"content_type": "str"}}]})) == models["late"]["said"]["label"][:2])


def bad(name: str, status: int, word: str, body, **headers) -> None:
    answer = infer("weather", body, **headers)
    error = answer.json().get("error", "") if answer.headers["content-type"] == "application/json" else ""
    check(name, answer.status_code == status and word in error and "/" not in error and "Traceback" not in error)


bad("not JSON", 400, "JSON", "{")
bad("no object", 400, "JSON object", "[]")
bad("no inputs", 400, "inputs", {})
bad("inputs that are no objects", 400, "An input", {"inputs": [7]})
bad("a name that is no text", 400, "name", block(name=7))
bad("no datatype", 400, "datatype", {"inputs": [{"name": "X", "shape": [1, 8], "data": [0] * 8}]})
bad("a datatype that does not exist", 400, "FLOAT", block(datatype="FLOAT"))
bad("a shape that is none", 400, "shape", block(shape="x"))
bad("a negative shape", 400, "shape", block(shape=[-1, 8]))
bad("a shape that the values do not fill", 400, "16 values", block(shape=[3, 8]))
bad("a huge shape", 400, "16 values", block(shape=[10**9, 10**9, 8]))
bad("lists of different lengths", 400, "different lengths", block(data=[[0] * 7, [0] * 9]))
bad("a value that is no number", 400, "FP32", block(data=["a"] * 16))
bad("a fraction that is said to be whole", 400, "INT32", block(datatype="INT32", data=[0.5] * 16))
bad("a number beyond its datatype", 400, "UINT8", block(datatype="UINT8", data=[256] * 16))
bad("BF16 as JSON", 400, "bytes", block(datatype="BF16", data=[1] * 16))
bad("an unknown codec", 400, "pickle", block(parameters={"content_type": "pickle"}))
bad("two inputs of one name", 400, "same name", {"inputs": block()["inputs"] * 2})
bad("an output that is no object", 400, "output", {**block(), "outputs": ["label"]})
bad("shared memory", 501, "shared memory", block(parameters={"shared_memory_region": "r", "shared_memory_byte_size": 64}))
bad("a header length beyond the body", 400, "Inference-Header-Content-Length", block(), **{"Inference-Header-Content-Length": "99999"})
bad("a truncated binary tensor", 400, "64 bytes", json.dumps(block(data=None, parameters={"binary_data_size": 64})) + "x" * 10,
    **{"Inference-Header-Content-Length": str(len(json.dumps(block(data=None, parameters={"binary_data_size": 64}))))})
bad("a binary size that is negative", 400, "binary_data_size", block(parameters={"binary_data_size": -8}))
done()
