"""kserve's clients, unchanged, against a data plane: python serving_kserve.py ADDRESS GRPC_ADDRESS EXPECTED_JSON"""

import asyncio

import grpc
import httpx
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

from serving_models import addresses, check, done, is_right, models

address, grpc_address = addresses


def request_of(model: str, is_binary: bool) -> InferRequest:
    tensors = []
    for name, datatype, values in models[model]["inputs"]:
        tensor = InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        tensors.append(tensor)
    return InferRequest(model_name=model, infer_inputs=tensors)


def by_name(answer):
    return lambda name: next(one for one in answer.outputs if one.name == name).as_numpy()


def records_of(model: str) -> list:
    columns = {name: values.ravel().tolist() for name, _, values in models[model]["inputs"]}
    return [
        {name: None if value != value else value for name, value in zip(columns, row)} for row in zip(*columns.values())
    ]


async def over_rest() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=20))
    check("v2: live and ready", await client.is_server_live(address) and await client.is_server_ready(address))
    check("v2: model ready", await client.is_model_ready(address, "late") and not await client.is_model_ready(address, "none"))
    for model in models:
        for is_binary in (False, True):
            answer = await client.infer(address, request_of(model, is_binary), model_name=model)
            check(f"v2: {model}, {'binary' if is_binary else 'JSON'}", is_right(model, by_name(answer)))
        wanted = request_of(model, True)
        wanted.parameters = {"binary_data_output": True}
        answer = await client.infer(address, wanted, model_name=model)
        check(f"v2: {model}, binary both ways", is_right(model, by_name(answer)))
    try:
        await client.infer(address, request_of("late", False), model_name="none")
    except httpx.HTTPStatusError as failure:
        check("v2: unknown model", failure.response.status_code == 404 and "none" in str(failure))
    await client.close()

    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0, timeout=20))
    check("v1: live", await client.is_server_live(address))
    check("v1: model ready", await client.is_model_ready(address, "late"))
    for model in ("late", "minutes"):
        answer = await client.infer(address, {"instances": records_of(model)}, model_name=model)
        said = models[model]["said"]["label"]
        check(f"v1: {model}", all(abs(one - other) < 1e-3 for one, other in zip(answer["predictions"], said, strict=True)))
    rows = models["weather"]["inputs"][0][2].tolist()
    answer = await client.infer(address, {"instances": rows}, model_name="weather")
    check("v1: weather", answer["predictions"] == models["weather"]["said"]["label"])
    try:
        await client.infer(address, {"instances": rows}, model_name="none")
    except httpx.HTTPStatusError as failure:
        check("v1: unknown model", failure.response.status_code == 404 and "There is no endpoint" in str(failure))
    try:
        await client.infer(address, {"instances": [{"distance": 7}]}, model_name="late")
    except httpx.HTTPStatusError as failure:
        check("v1: missing column", failure.response.status_code == 400 and "carrier" in str(failure))
    await client.close()


async def over_grpc() -> None:
    client = InferenceGRPCClient(grpc_address, timeout=20)
    check("grpc: live and ready", await client.is_server_live() and await client.is_server_ready())
    check("grpc: model ready", await client.is_model_ready("late"))
    for model in models:
        for is_raw in (False, True):
            answer = await client.infer(request_of(model, is_raw))
            check(f"grpc: {model}, {'raw' if is_raw else 'typed'}", is_right(model, by_name(answer)))
    try:
        unknown = request_of("late", True)
        unknown.model_name = "none"
        await client.infer(unknown)
    except grpc.RpcError as failure:
        check("grpc: unknown model", failure.code() == grpc.StatusCode.NOT_FOUND)
    await client.close()
    stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(grpc_address))
    loaded = stub.RepositoryModelLoad(grpc_predict_v2_pb2.RepositoryModelLoadRequest(model_name="late"))
    check("grpc: loading what is served changes nothing", loaded.isLoaded and loaded.model_name == "late")


asyncio.run(over_rest())
asyncio.run(over_grpc())
done()
