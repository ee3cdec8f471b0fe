"""mlflow.deployments, unchanged, against a data plane: python serving_deployments.py ADDRESS EXPECTED_JSON"""

from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException
from requests.exceptions import HTTPError

from serving_models import addresses, check, done, models, np

client = get_deploy_client(addresses[0])
check("list", {one.name for one in client.list_endpoints()} == set(models))
endpoint = client.get_endpoint("late")
check("one endpoint", (endpoint.model.name, endpoint.endpoint_url) == ("late", f"{addresses[0]}/endpoints/late/invocations"))
for model in models:
    inputs = models[model]["inputs"]
    if model == "weather":
        body = {"instances": inputs[0][2].tolist()}
    else:
        columns = {name: [None if one != one else one for one in values.ravel().tolist()] for name, _, values in inputs}
        body = {"inputs": columns}
    labels = client.predict(endpoint=model, inputs=body)["predictions"]
    said = models[model]["said"]["label"]
    check(f"predict {model}", labels == said if model != "minutes" else np.allclose(labels, said, rtol=1e-5))


def refused(word: str, action) -> bool:
    try:
        action()
    except (MlflowException, HTTPError) as failure:
        return word in str(failure)
    return False


check("unknown endpoint", refused("none", lambda: client.predict(endpoint="none", inputs={"instances": [[1]]})))
check("missing column", refused("carrier", lambda: client.predict(endpoint="late", inputs={"inputs": {"distance": [7]}})))
done()
