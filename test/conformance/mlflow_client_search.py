"""The stock client passes filters on unread: ours reach the server through it, and refusals come back as its exceptions."""

import sys

import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("search")
for name, auc, train, model in [("one", 0.9, 0.95, "tree"), ("two", 0.8, 0.99, "tree"), ("three", 0.7, None, "linear")]:
    with mlflow.start_run(run_name=name):
        mlflow.log_metric("auc", auc)
        mlflow.log_param("model", model)
        if train is not None:
            mlflow.log_metric("auc_train", train)


def found(text, **more):
    return list(mlflow.search_runs(filter_string=text, order_by=["metrics.auc DESC"], **more)["tags.mlflow.runName"])


assert found("metrics.auc > 0.85 OR params.model = 'linear'") == ["one", "three"]
assert found("NOT (metrics.auc_train - metrics.auc > 0.1)") == ["one"]
assert found("metrics.auc_train IS NULL") == ["three"]
assert found("metrics.auc > metrics.auc_train - 0.1 AND params.model IN ('tree', 'forest')") == ["one"]
assert found("attributes.run_name NOT LIKE 't%'") == ["one"]
assert found("params.model = 'tree'") == ["one", "two"]

pages = MlflowClient().search_runs([mlflow.get_experiment_by_name("search").experiment_id], "metrics.auc > 0.1 OR params.model = 'x'", max_results=2)
rest = MlflowClient().search_runs([mlflow.get_experiment_by_name("search").experiment_id], "metrics.auc > 0.1 OR params.model = 'x'", max_results=2, page_token=pages.token)
assert (len(pages), len(rest), rest.token) == (2, 1, None)

experiments = mlflow.search_experiments(filter_string="name = 'search' OR (name = 'Default' AND NOT tags.kept IS NULL)")
assert [each.name for each in experiments] == ["search"]

for wrong in ["metrics.auc >", "metrics.auc > 0.5 OR", "params.model > 'a'", "nothing.at = 'all'", "(metrics.auc > 1"]:
    try:
        found(wrong)
    except mlflow.exceptions.MlflowException as refusal:
        assert refusal.error_code == "INVALID_PARAMETER_VALUE", refusal
    else:
        raise AssertionError(wrong)
print("searched")
