import os, sys, json, math, tempfile, warnings, logging
warnings.filterwarnings("ignore")
import mlflow, numpy as np, pandas as pd
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LogisticRegression
from sklearn.datasets import load_iris
mlflow.set_tracking_uri(sys.argv[1])
c = MlflowClient()
exp = mlflow.set_experiment("flights")
X, y = load_iris(return_X_y=True)
mlflow.sklearn.autolog(log_datasets=True, silent=True)
with mlflow.start_run(run_name="auto") as r:
    m = LogisticRegression(max_iter=50).fit(pd.DataFrame(X, columns=list("abcd")), y)
auto = c.get_run(r.info.run_id)
assert auto.data.params["max_iter"] == "50", auto.data.params
assert auto.inputs.dataset_inputs, auto.inputs
assert auto.outputs.model_outputs
assert auto.info.status == "FINISHED"
mlflow.sklearn.autolog(disable=True)
with mlflow.start_run(run_name="parent") as parent:
    mlflow.log_param("a", 1); mlflow.log_params({"b": 2, "c/d": "x"})
    mlflow.log_metric("loss", 0.5, step=1); mlflow.log_metric("loss", 0.25, step=2); mlflow.log_metrics({"auc": 0.9, "nan": float("nan"), "inf": float("inf")})
    mlflow.set_tag("team", "blue"); mlflow.set_tags({"x": "1", "y": "2"})
    mlflow.log_dict({"a": 1}, "conf/a.json"); mlflow.log_text("hello", "t/hello.txt"); mlflow.log_table({"q": [1, 2]}, "tab.json"); mlflow.log_table({"q": [3]}, "tab.json")
    ds = mlflow.data.from_pandas(pd.DataFrame({"a": [1, 2]}), name="jan")
    mlflow.log_input(ds, context="training", tags={"k": "v"})
    info = mlflow.sklearn.log_model(m, name="model", input_example=X[:2])
    mlflow.log_metric("acc", 0.8, model_id=info.model_id, dataset=ds)
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("auc", 0.7)
p = c.get_run(parent.info.run_id)
assert p.data.metrics["loss"] == 0.25 and math.isnan(p.data.metrics["nan"]) and p.data.metrics["inf"] > 1e308, p.data.metrics
assert c.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
assert [f.path for f in c.list_artifacts(parent.info.run_id)] == ["conf", "t", "tab.json"], [f.path for f in c.list_artifacts(parent.info.run_id)]
assert [f.path for f in c.list_artifacts(parent.info.run_id, "t")] == ["t/hello.txt"]
assert mlflow.artifacts.load_text(f"runs:/{parent.info.run_id}/t/hello.txt") == "hello"
d = mlflow.artifacts.download_artifacts(run_id=parent.info.run_id, artifact_path="conf"); assert os.listdir(d) == ["a.json"]
for uri in (info.model_uri, f"runs:/{parent.info.run_id}/model", f"models:/{info.model_id}"):
    mm = mlflow.pyfunc.load_model(uri); assert (mm.predict(X) == m.predict(X)).all(), uri
df = mlflow.search_runs(filter_string="metrics.auc > 0.75 and params.a = '1' and tags.team LIKE 'bl%'")
assert list(df.run_id) == [parent.info.run_id]
order = c.search_runs([exp.experiment_id], order_by=["metrics.auc ASC"])
assert [r.info.run_name for r in order] == ["child", "parent", "auto"], [r.info.run_name for r in order]
page = c.search_runs([exp.experiment_id], max_results=2); assert page.token
rest = c.search_runs([exp.experiment_id], max_results=2, page_token=page.token)
assert len({r.info.run_id for r in list(page) + list(rest)}) == 3 and not rest.token
hist = c.get_metric_history(parent.info.run_id, "loss"); assert [h.value for h in hist] == [0.5, 0.25]
assert [x.info.run_name for x in c.search_runs([exp.experiment_id], "dataset.name = 'jan' and dataset.context = 'training'")] == ["parent"]
assert [x.info.run_name for x in c.search_runs([exp.experiment_id], "attributes.status = 'FINISHED' and run_name ILIKE 'CH%'")] == ["child"]
models = mlflow.search_logged_models(experiment_ids=[exp.experiment_id], filter_string="metrics.acc > 0.5", output_format="list"); assert [x.model_id for x in models] == [info.model_id], models
models = mlflow.search_logged_models(experiment_ids=[exp.experiment_id], order_by=[{"field_name": "metrics.acc", "ascending": False}], output_format="list"); assert models[0].model_id == info.model_id and len(models) == 2
lm = mlflow.get_logged_model(info.model_id); assert lm.status == "READY" and lm.metrics[0].dataset_name == "jan", lm
mlflow.set_logged_model_tags(info.model_id, {"t": "1"}); mlflow.delete_logged_model_tag(info.model_id, "t")
try:
    c.log_param(parent.info.run_id, "a", 2); assert False
except mlflow.exceptions.MlflowException as e: assert "Changing param values is not allowed" in str(e) and e.error_code == "INVALID_PARAMETER_VALUE", e
c.log_param(parent.info.run_id, "a", 1)
c.delete_run(child.info.run_id)
assert len(c.search_runs([exp.experiment_id])) == 2
assert [x.info.run_id for x in c.search_runs([exp.experiment_id], run_view_type=2)] == [child.info.run_id]
try: c.log_metric(child.info.run_id, "auc", 1); assert False
except mlflow.exceptions.MlflowException as e: assert "must be in the 'active' state" in str(e)
c.restore_run(child.info.run_id); c.log_metric(child.info.run_id, "auc", 1)
eid = c.create_experiment("other", tags={"a": "b"})
assert [e.name for e in c.search_experiments(filter_string="tags.a = 'b'")] == ["other"]
c.rename_experiment(eid, "renamed"); c.set_experiment_tag(eid, "z", "1"); c.delete_experiment(eid)
assert "renamed" not in [e.name for e in c.search_experiments()]
c.restore_experiment(eid); assert c.get_experiment_by_name("renamed").tags["z"] == "1"
try: c.create_experiment("renamed"); assert False
except mlflow.exceptions.MlflowException as e: assert e.error_code == "RESOURCE_ALREADY_EXISTS"
try: c.get_run("nope"); assert False
except mlflow.exceptions.MlflowException as e: assert e.error_code == "RESOURCE_DOES_NOT_EXIST"
c.log_batch(parent.info.run_id, metrics=[mlflow.entities.Metric("many", i / 7, i, i) for i in range(1000)])
assert len(c.get_metric_history(parent.info.run_id, "many")) == 1000
c.set_terminated(parent.info.run_id, "FAILED")
c.delete_logged_model(info.model_id)
print(json.dumps({"run": parent.info.run_id, "child": child.info.run_id, "experiment": exp.experiment_id, "model": info.model_id, "version": mlflow.__version__}))
