"""boto3's sagemaker-runtime, unchanged, against a data plane: python serving_sagemaker.py ADDRESS EXPECTED_JSON"""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from serving_models import addresses, check, done, is_right, models, np

client = boto3.client(
    "sagemaker-runtime",
    endpoint_url=addresses[0],
    region_name="eu-central-1",
    aws_access_key_id="unused",
    aws_secret_access_key="unused",
    config=Config(retries={"max_attempts": 1}),
)


def invoke(model: str, body: str, content_type: str, **more) -> list:
    answer = client.invoke_endpoint(EndpointName=model, Body=body, ContentType=content_type, **more)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    return json.loads(answer["Body"].read())["predictions"]


def columns_of(model: str) -> dict:
    return {name: [None if one != one else one for one in values.ravel().tolist()] for name, _, values in models[model]["inputs"]}


def csv_of(model: str) -> str:
    columns = columns_of(model)
    lines = [",".join("" if one is None else str(one) for one in row) for row in zip(*columns.values())]
    return "\n".join([",".join(columns), *lines]) + "\n"


for model in ("late", "minutes"):
    columns = columns_of(model)
    split = {"dataframe_split": {"columns": list(columns), "data": list(zip(*columns.values()))}}
    for name, body, content_type in [
        ("split", json.dumps(split), "application/json"),
        ("inputs", json.dumps({"inputs": columns}), "application/json"),
        ("csv", csv_of(model), "text/csv"),
    ]:
        labels = np.array(invoke(model, body, content_type))
        check(f"{model} as {name}", is_right(model, lambda output: labels if output in ("label", "variable") else np.array(models[model]["said"]["probabilities"])))
rows = models["weather"]["inputs"][0][2].tolist()
check("weather as instances", invoke("weather", json.dumps({"instances": rows}), "application/json") == models["weather"]["said"]["label"])
check("custom attributes and a caller's id are taken", len(
    invoke("weather", json.dumps({"instances": rows[:1]}), "application/json", CustomAttributes="trace=7", InferenceId="inference-7")) == 1)


def refused(status: int, word: str, action) -> bool:
    try:
        action()
    except ClientError as failure:
        return failure.response["ResponseMetadata"]["HTTPStatusCode"] == status and word in str(failure.response)
    return False


check("unknown endpoint", refused(404, "none", lambda: invoke("none", "{}", "application/json")))
check("missing column", refused(400, "carrier", lambda: invoke("late", json.dumps({"inputs": {"distance": [7]}}), "application/json")))
check("a type that is not read", refused(415, "", lambda: invoke("late", "x", "image/png")))
done()
