"""One session of an unmodified client, of MLflow 2.9 or later, as a data scientist has it. Prints what it has left as JSON.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5080 python clients_session.py FOLDER
"""

import json
import logging
import pathlib
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

logging.getLogger("mlflow").setLevel(logging.ERROR)
is_three = mlflow.__version__.startswith("3.")
name = f"clients {mlflow.__version__}"
folder = pathlib.Path(sys.argv[1])
client = MlflowClient()
experiment = mlflow.set_experiment(name)
data, labels = load_iris(return_X_y=True)
frame = pd.DataFrame(data, columns=list("abcd"))
left = {"version": mlflow.__version__, "experiment": experiment.experiment_id, "boosted": []}


def same(model, expected):
    assert (np.asarray(model.predict(frame)) == expected).all(), model


# autologging: parameters, metrics, the model and its data set
mlflow.sklearn.autolog(registered_model_name=f"iris {mlflow.__version__}")
with mlflow.start_run(run_name="autolog") as run:
    fitted = LogisticRegression(max_iter=50).fit(frame, labels)
mlflow.sklearn.autolog(disable=True)
expected = fitted.predict(frame)
auto = client.get_run(run.info.run_id)
assert auto.info.status == "FINISHED" and auto.data.params["max_iter"] == "50", auto
assert auto.data.metrics["training_accuracy_score"] > 0.9 and auto.inputs.dataset_inputs, auto
left["run"] = run.info.run_id

# the model by run, version, alias and, since MLflow 3, its own id
registered = f"iris {mlflow.__version__}"
client.set_registered_model_alias(registered, "champion", "1")
same(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model"), expected)
same(mlflow.sklearn.load_model(f"models:/{registered}/1"), expected)
same(mlflow.pyfunc.load_model(f"models:/{registered}@champion"), expected)
same(mlflow.pyfunc.load_model(f"models:/{registered}/latest"), expected)
if is_three:
    model_id = auto.outputs.model_outputs[0].model_id
    same(mlflow.pyfunc.load_model(f"models:/{model_id}"), expected)
    assert mlflow.get_logged_model(model_id).status == "READY"

# a run by hand, with a child, a data set, files and a second version
with mlflow.start_run(run_name="parent", tags={"team": "blue"}, description="# by hand") as parent:
    mlflow.log_params({"depth": 3, "loss/kind": "log"})
    for step in range(20):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"auc": 0.9, "nan": float("nan")})
    mlflow.log_input(mlflow.data.from_pandas(frame, name="flowers"), context="training")
    mlflow.log_dict({"a": [1, 2]}, "conf/a.json")
    mlflow.log_text("ünï", "notes/ünï.txt")
    mlflow.log_table({"q": [1, 2]}, "table.json")
    (folder / "made").mkdir(parents=True)
    (folder / "made" / "x.bin").write_bytes(bytes(range(256)) * 40)
    mlflow.log_artifacts(str(folder / "made"), "made")
    by_name = {"name": "net"} if is_three else {"artifact_path": "net"}
    info = mlflow.sklearn.log_model(fitted, registered_model_name=registered, input_example=frame.head(2), **by_name)
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("auc", 0.7)
same(mlflow.pyfunc.load_model(info.model_uri), expected)
same(mlflow.pyfunc.load_model(f"runs:/{parent.info.run_id}/net"), expected)
assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
assert pathlib.Path(mlflow.artifacts.download_artifacts(run_id=parent.info.run_id, artifact_path="made/x.bin")).read_bytes() == bytes(range(256)) * 40
assert mlflow.artifacts.load_text(f"runs:/{parent.info.run_id}/notes/ünï.txt") == "ünï"
assert mlflow.load_table("table.json", run_ids=[parent.info.run_id])["q"].tolist() == [1, 2]
assert [point.value for point in client.get_metric_history(parent.info.run_id, "loss")] == [1 / (step + 1) for step in range(20)]
assert {int(version.version) for version in client.search_model_versions(f"name = '{registered}'")} == {1, 2}
left["parent"] = parent.info.run_id

# search and paging
found = mlflow.search_runs(filter_string="metrics.auc > 0.8 AND params.depth = '3' AND tags.team LIKE 'bl%'")
assert list(found.run_id) == [parent.info.run_id], found
names, token = [], None
while True:
    page = client.search_runs([experiment.experiment_id], order_by=["attributes.run_name ASC"], max_results=1, page_token=token)
    names += [each.info.run_name for each in page]
    token = page.token
    if not token:
        break
assert names == ["autolog", "child", "parent"], names
assert [each.info.run_name for each in client.search_runs([experiment.experiment_id], "dataset.name = 'flowers'")] == ["parent"]
assert [each.name for each in client.search_experiments(filter_string=f"name = '{name}'")] == [name]
assert [each.name for each in client.search_registered_models(f"name = '{registered}'")] == [registered]

# the machine's load
mlflow.set_system_metrics_sampling_interval(0.3)
mlflow.set_system_metrics_samples_before_logging(1)
with mlflow.start_run(run_name="measured", log_system_metrics=True) as measured:
    time.sleep(2)
system = client.get_run(measured.info.run_id).data.metrics
assert any(key.startswith("system/cpu") for key in system), system

# refusals
for action, code in (
    (lambda: client.log_param(parent.info.run_id, "depth", 4), "INVALID_PARAMETER_VALUE"),
    (lambda: client.get_run("nothing"), "RESOURCE_DOES_NOT_EXIST"),
    (lambda: client.create_experiment(name), "RESOURCE_ALREADY_EXISTS"),
    (lambda: client.create_registered_model(registered), "RESOURCE_ALREADY_EXISTS"),
    (lambda: client.search_runs([experiment.experiment_id], "metrics.a ="), "INVALID_PARAMETER_VALUE"),
):
    try:
        action()
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, code)
    else:
        raise AssertionError(code)

# the command line
def command(*words):
    return subprocess.run([sys.executable, "-m", "mlflow", *words], check=True, capture_output=True, text=True).stdout


assert name in command("experiments", "search")
assert parent.info.run_id in command("runs", "list", "--experiment-id", experiment.experiment_id)
# MLflow 2.9 can not describe a run with a data set, whatever the server
assert json.loads(command("runs", "describe", "--run-id", child.info.run_id))["data"]["metrics"]["auc"] == 0.7
listed = json.loads(command("artifacts", "list", "--run-id", parent.info.run_id, "--artifact-path", "made"))
assert listed[0]["path"] == "made/x.bin" and int(listed[0]["file_size"]) == 256 * 40, listed
command("artifacts", "download", "--run-id", parent.info.run_id, "--artifact-path", "conf", "--dst-path", str(folder))
assert json.loads((folder / "conf" / "a.json").read_text()) == {"a": [1, 2]}

# what comes with MLflow 3
if is_three:
    if hasattr(mlflow, "genai"):
        for text in ("Say {{word}}.", "Say {{word}} twice."):
            mlflow.genai.register_prompt(f"say-{mlflow.__version__}", text, commit_message="first")
        mlflow.genai.set_prompt_alias(f"say-{mlflow.__version__}", "production", 2)
        assert mlflow.genai.load_prompt(f"prompts:/say-{mlflow.__version__}/1").format(word="yes") == "Say yes."
        assert mlflow.genai.load_prompt(f"prompts:/say-{mlflow.__version__}@production").version == 2
        assert mlflow.genai.load_prompt(f"none-{mlflow.__version__}", version=1, allow_missing=True) is None

    @mlflow.trace
    def double(number):
        return number * 2

    assert double(21) == 42
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(experiment_ids=[experiment.experiment_id], return_type="list") if mlflow.__version__ >= "3.1" else []
    assert [json.loads(trace.data.response) for trace in traces] == [42], traces

# gradient boosting, where it is installed
for flavor in ("xgboost", "lightgbm"):
    try:
        library = __import__(flavor)
    except ImportError:
        continue
    log = getattr(mlflow, flavor)
    log.autolog(log_input_examples=False, registered_model_name=f"{flavor} {mlflow.__version__}")
    with mlflow.start_run(run_name=flavor) as boosted:
        if flavor == "xgboost":
            trained = library.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, library.DMatrix(frame, labels), 3, evals=[(library.DMatrix(frame, labels), "train")])
            wanted = trained.predict(library.DMatrix(frame))
        else:
            trained = library.train({"objective": "multiclass", "num_class": 3, "num_threads": 1, "verbose": -1}, library.Dataset(frame, labels), 3)
            wanted = trained.predict(frame)
    log.autolog(disable=True)
    record = client.get_run(boosted.info.run_id)
    assert record.info.status == "FINISHED" and "objective" in record.data.params, record
    assert flavor != "xgboost" or len(client.get_metric_history(boosted.info.run_id, "train-mlogloss")) == 3, record.data.metrics
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{flavor} {mlflow.__version__}/1").predict(frame), wanted)
    left["boosted"].append(flavor)

left["predictions"] = [int(each) for each in expected]
left["model"] = f"models:/{registered}@champion"
left["rows"] = json.loads(frame.to_json(orient="split"))
print(json.dumps(left))
