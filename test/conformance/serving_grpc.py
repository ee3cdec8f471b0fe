"""tritonclient over gRPC, unchanged, against a data plane: python serving_grpc.py GRPC_ADDRESS EXPECTED_JSON"""

import asyncio
import queue

import grpc
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf import json_format
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from serving_models import addresses, check, done, is_right, models

address = addresses[0]


def inputs_of(model: str, kind=triton):
    tensors = []
    for name, datatype, values in models[model]["inputs"]:
        tensor = kind.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    return tensors


def refused(action, code: str, *words: str) -> bool:
    try:
        action()
    except InferenceServerException as failure:
        return failure.status() == f"StatusCode.{code}" and all(word in failure.message() for word in words)
    except grpc.RpcError as failure:
        return failure.code().name == code and all(word in failure.details() for word in words)
    return False


def plain_client() -> None:
    client = triton.InferenceServerClient(address)
    check("live and ready", client.is_server_live() and client.is_server_ready())
    check("model ready", client.is_model_ready("late") and client.is_model_ready("late", "1"))
    check("another version is unknown", refused(lambda: client.is_model_ready("late", "9"), "NOT_FOUND", "version 9"))
    check("server metadata", "binary_tensor_data" in client.get_server_metadata().extensions)
    metadata = client.get_model_metadata("minutes", as_json=True)
    check("model metadata", [(one["name"], one["datatype"], one["shape"]) for one in metadata["inputs"]]
          == [("distance", "FP32", ["-1", "1"]), ("hour", "INT64", ["-1", "1"]), ("carrier", "BYTES", ["-1", "1"])])
    config = client.get_model_config("late").config
    check("model configuration", config.input[2].data_type == 13 and config.backend == "onnxruntime"
          and list(config.version_policy.specific.versions) == [1])
    index = client.get_model_repository_index().models
    check("index", {(one.name, one.state) for one in index} == {(name, "READY") for name in models})
    for model in models:
        check(f"raw tensors of {model}", is_right(model, client.infer(model, inputs_of(model)).as_numpy))
    for algorithm in ("gzip", "deflate"):
        answer = client.infer("late", inputs_of("late"), compression_algorithm=algorithm)
        check(f"packed by {algorithm}", is_right("late", answer.as_numpy))
    only = client.infer("late", inputs_of("late"), outputs=[triton.InferRequestedOutput("label")])
    check("only the output that was asked for", [one.name for one in only.get_response().outputs] == ["label"])
    named = client.infer("late", inputs_of("late"), request_id="call-7", model_version="1",
                         parameters={"tilth_keys": str(list(range(200)))})
    check("the request's id comes back", named.get_response().id == "call-7" and named.get_response().model_version == "1")
    statistics = client.get_inference_statistics("late").model_stats[0]
    check("statistics", statistics.inference_stats.success.count >= 4 and statistics.inference_count >= 800
          and statistics.inference_stats.success.ns > 0)
    client.load_model("late")
    check("loading what is served changes nothing", client.is_model_ready("late"))
    check("nobody unloads", refused(lambda: client.unload_model("late"), "PERMISSION_DENIED", "tilth endpoint"))
    check("unknown model", refused(lambda: client.infer("none", inputs_of("late")), "NOT_FOUND", "none", "late"))
    check("missing column", refused(lambda: client.infer("late", inputs_of("late")[:2]), "INVALID_ARGUMENT", '"carrier"'))
    check("unknown output", refused(
        lambda: client.infer("late", inputs_of("late"), outputs=[triton.InferRequestedOutput("score")]), "INVALID_ARGUMENT", "score"))
    wide = triton.InferInput("X", [1, 7], "FP32")
    wide.set_data_from_numpy(np.zeros((1, 7), np.float32))
    check("wrong shape", refused(lambda: client.infer("weather", [wide]), "INVALID_ARGUMENT", "[-1, 8]"))
    check("a deadline that can't be kept", refused(
        lambda: client.infer("weather", inputs_of("weather"), client_timeout=0.000001), "DEADLINE_EXCEEDED"))
    large = triton.InferInput("X", [40_000, 8], "FP32")
    large.set_data_from_numpy(np.zeros((40_000, 8), np.float32))
    check("a message that is too large", refused(lambda: client.infer("weather", [large]), "RESOURCE_EXHAUSTED", "larger than max"))
    check("a small message that unpacks to one that is too large", refused(
        lambda: client.infer("weather", [large], compression_algorithm="gzip"), "RESOURCE_EXHAUSTED"))
    check("the server goes on", is_right("weather", client.infer("weather", inputs_of("weather")).as_numpy))
    client.close()


def stream() -> None:
    client, answers = triton.InferenceServerClient(address), queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for index in range(40):
        client.async_stream_infer("weather" if index != 20 else "none", inputs_of("weather"), request_id=str(index))
    received = [answers.get(timeout=20) for _ in range(40)]
    client.stop_stream()
    check("a stream answers in order", [result.get_response().id for result, error in received if error is None]
          == [str(index) for index in range(40) if index != 20])
    check("a stream goes on after a request that fails", "none" in str(received[20][1]))
    check("a stream's answers are right", all(is_right("weather", result.as_numpy) for result, error in received if error is None))


async def async_client() -> None:
    async with triton_aio.InferenceServerClient(address) as client:
        answers = await asyncio.gather(*[client.infer(model, inputs_of(model, triton_aio)) for model in [*models] * 20])
        check("60 at once", all(is_right(model, answer.as_numpy) for model, answer in zip([*models] * 20, answers)))


def bare_calls() -> None:
    """What no client sends by itself: typed contents of each datatype, and what breaks the protocol."""
    channel = grpc.insecure_channel(address)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

    def request(hour: dict, **more):
        count = 1
        return json_format.ParseDict({
            "modelName": "minutes",
            "inputs": [
                {"name": "distance", "datatype": "FP64", "shape": [count], "contents": {"fp64Contents": [1000.5]}},
                {"name": "hour", "shape": [count], **hour},
                {"name": "carrier", "datatype": "BYTES", "shape": [count], "contents": {"bytesContents": ["QUE="]}},
            ],
            **more,
        }, service_pb2.ModelInferRequest())

    first = stub.ModelInfer(request({"datatype": "INT64", "contents": {"int64Contents": [7]}}))
    check("typed contents are answered with typed contents", len(first.raw_output_contents) == 0
          and len(first.outputs[0].contents.fp32_contents) == 1)
    for datatype, field in [("INT8", "intContents"), ("INT16", "intContents"), ("INT32", "intContents"), ("UINT8", "uintContents"),
                            ("UINT16", "uintContents"), ("UINT32", "uintContents"), ("UINT64", "uint64Contents")]:
        answer = stub.ModelInfer(request({"datatype": datatype, "contents": {field: [7]}}))
        check(f"typed {datatype}", answer.outputs[0].contents == first.outputs[0].contents)
    check("a value beyond its datatype", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT8", "contents": {"intContents": [700]}})), "INVALID_ARGUMENT", "INT8", "700"))
    check("a whole number that no double holds", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT64", "contents": {"int64Contents": [2**60 + 1]}})), "INVALID_ARGUMENT", "hour"))
    check("a datatype that does not exist", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT9", "contents": {"intContents": [7]}})), "INVALID_ARGUMENT", "INT9"))
    check("half floats come raw only", refused(
        lambda: stub.ModelInfer(request({"datatype": "FP16", "contents": {"fp32Contents": [7]}})), "INVALID_ARGUMENT", "raw_input_contents"))
    check("contents and raw contents together", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT64", "contents": {"int64Contents": [7]}}, rawInputContents=["AA==", "AA==", "AA=="])),
        "INVALID_ARGUMENT", "both"))
    check("fewer raw tensors than inputs", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT64"}, rawInputContents=["AA=="])), "INVALID_ARGUMENT", "1 tensors for 3"))
    check("fewer values than the shape says", refused(
        lambda: stub.ModelInfer(request({"datatype": "INT64"})), "INVALID_ARGUMENT", "0 values"))
    check("no shared memory", refused(lambda: stub.ModelInfer(request(
        {"datatype": "INT64", "parameters": {"shared_memory_region": {"stringParam": "x"}}})), "UNIMPLEMENTED", "shared memory"))
    broken = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    check("a message that ends within a raw tensor", refused(lambda: broken(b"\x3a\xff\xff\xff\x7f"), "INTERNAL"))
    check("an empty message", refused(lambda: broken(b""), "NOT_FOUND"))
    check("a call that does not exist here", refused(
        lambda: stub.SystemSharedMemoryStatus(service_pb2.SystemSharedMemoryStatusRequest()), "UNIMPLEMENTED"))
    answered, call = stub.ModelInfer.with_call(request({"datatype": "INT64", "contents": {"int64Contents": [7]}}),
                                               metadata=[("x-tilth-caller", "a test")])
    check("which version answered is in the metadata", dict(call.initial_metadata())["x-tilth-version"] == "1"
          and dict(call.initial_metadata())["x-tilth-request-id"] == answered.id)


def health() -> None:
    """The health service as its own proto has it; nothing but bytes, so no package is needed for it."""
    channel = grpc.insecure_channel(address)
    ask = channel.unary_unary("/grpc.health.v1.Health/Check")
    check("healthy", ask(b"") == b"\x08\x01" and ask(b"\x0a\x1einference.GRPCInferenceService") == b"\x08\x01")
    check("health of an unknown service", refused(lambda: ask(b"\x0a\x04none"), "NOT_FOUND"))
    check("health is watched", next(iter(channel.unary_stream("/grpc.health.v1.Health/Watch")(b""))) == b"\x08\x01")


plain_client()
stream()
asyncio.run(async_client())
bare_calls()
health()
done()
