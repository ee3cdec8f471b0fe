"""Asks a real MLflow store the same searches that ours is asked, and prints its answers as JSON.

    python mlflow_search.py [SEED [COUNT]] > mlflow-search.json

Takes full mlflow with SQLAlchemy; mlflow-search.json beside this file was made by mlflow 3.17.2.
"""

import json
import random
import sys
import tempfile

import mlflow
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 5
count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
dice = random.Random(seed)

texts = ["1", "2", "2.5", "auto", "Auto", "a_b", "aXb", "50%", "it's", "[x]", "*", "tree"]
numbers = [0.0, 1.0, 2.0, -1.0, 0.5, 2.5, 0.1, 1e300, float("nan")]
statuses = ["RUNNING", "FINISHED", "FAILED", "KILLED"]


def some(keys, values):
    return {key: dice.choice(values) for key in keys if dice.random() < 0.7}


def quoted(text):
    if "'" in text:
        return f'"{text}"'
    return f'"{text}"' if dice.random() < 0.2 else f"'{text}'"


def case(word):
    return dice.choice([word, word.lower(), word])


number_fields = ["metrics.a", "metric.b", "metrics.`c d`", 'metrics."c d"', "start_time", "attributes.end_time", "created"]
text_fields = ["params.x", "param.`y`", "parameters.y", "tags.t", 'tag."u-v"', "tags.`u-v`"]
text_attributes = ["run_name", "attributes.run_name", "attr.status", "run.status", "user_id", "attributes.`run name`"]
dataset_fields = ["dataset.name", "datasets.digest", "dataset.context"]
signs = ["=", "!=", "<", "<=", ">", ">="]
patterns = ["%a%", "a_b", "A%", "%", "_", "F%D", "50%", "[x]", "*", "tree", "%n", "%1%"]


def listed(values):
    chosen = [quoted(dice.choice(values)) for _ in range(dice.randint(1, 3))]
    return "(" + dice.choice([",", ", "]).join(chosen) + ("," if len(chosen) == 1 and dice.random() < 0.3 else "") + ")"


def condition(ids):
    kind = dice.random()
    if kind < 0.35:
        gap = dice.choice(["", " "])
        value = dice.choice(["0", "1", "-1", "2.5", ".5", "1e-1", "2.", "3", "1000", "1e300"])
        return f"{dice.choice(number_fields)}{gap}{dice.choice(signs)}{gap}{value}"
    if kind < 0.6:
        values = texts + statuses + ["jan", "train", "ana", "d1"]
        field = dice.choice(text_fields + text_attributes + dataset_fields)
        return f"{field} {dice.choice(['=', '!='])} {quoted(dice.choice(values))}"
    if kind < 0.78:
        field = dice.choice(text_fields + text_attributes + dataset_fields)
        return f"{field} {case(dice.choice(['LIKE', 'ILIKE']))} {quoted(dice.choice(patterns))}"
    if kind < 0.9:
        return f"{dice.choice(text_fields)} {case(dice.choice(['IS NULL', 'IS NOT NULL']))}"
    if dice.random() < 0.5:
        return f"{dice.choice(dataset_fields)} {case(dice.choice(['IN', 'NOT IN']))} {listed(['jan', 'feb', 'd1', 'd2', 'train'])}"
    return f"{dice.choice(['run_id', 'attributes.run_id'])} {case(dice.choice(['IN', 'NOT IN']))} {listed(ids)}"


def conditions(make):
    return f" {case('AND')} ".join(make() for _ in range(dice.choice([1, 1, 2, 2, 3])))


def orders():
    fields = ["metrics.a", "metric.`c d`", "params.x", "tags.`u-v`", "attributes.run_name", "end_time", "start_time", "status", "run_id"]
    return [field + dice.choice(["", " ASC", " DESC", " desc"]) for field in dice.sample(fields, dice.choice([0, 0, 1, 1, 2]))]


# what is no filter, or one only here and there
odd = """
metrics.a > 1 OR params.x = 'y'|NOT metrics.a > 1|(metrics.a > 1)|metrics.a - metrics.b > 0.1|metrics.a > metrics.b
metrics.a BETWEEN 1 AND 2|metrics.a * 2 > 1|metrics.a IS NULL|params.x in ('x')|metrics.a > 'x'|params.x = y|params.x > 'a'
status IN ('FINISHED')|run_id IN ()|run_id IN (1)|run_id IN ('a','b',1)|1 < metrics.a|metrics.a>1and params.b='x'|metrics.a > +1
metrics.a == 1|metrics.a <> 1|metrics.a > 1; metrics.b > 2|metrics.a > 1;|`tag`.t = '1'|tags.a.b-c/d = 'x'|tags.my-key = 'x'
start_time > 1.5|start_time = '1'|run.name='x'|experiment_id = '1'|foo.bar = 'x'|foo='x'|metrics.a >|> 1|metrics.a|'x' = params.a
dataset.foo='x'|metrics.1abc > 1|metrics.value > 1|params.order = 'x'|params.select = 'x'|metrics.a > 1e400|metrics.a > 0x10
metrics.a > 1--comment|metrics.a > 1 /* c */ AND metrics.b > 1|attribute.start_time IS NULL|metrics.`a`b > 1
metrics.a > 1 AND NOT metrics.b > 2|params.x = ''|params.x = 'a"b'|metrics.a.b > 1|metrics.a > NaN|metrics.a > inf|tags.t NOT LIKE 'y'
metrics.a/b > 1|metrics.a b > 1|metrics.a:b > 1|params.`x:y` = 'z'|params.x = `y`|params.'x' = '1'|Metrics.a > 1
params.x = 'a\\'b'|params.x = 'it''s'|params.größe = 'x'|metrics.a@b > 1|metrics.a > 1 AND metrics.b|params.x NOT IN ('a')
metrics._a > 1|metrics.a > 01|metrics.a > 1_000|metrics.a > (1)|params.x = ('1')|run_id IN 'a'|params.x = 'open|end_time < 5|created > 1
tags.t = '1' or tags.t = '2'|`run name` = 'auto'|metrics.a > 1 AND|AND metrics.a > 1|metrics.a > 1 AND AND metrics.b > 1
metrics.a > 1 metrics.b > 2|run_id IN ('a' 'b')
""".replace("\n", "|").split("|")


def answered(search):
    try:
        return {"found": search()}
    except MlflowException as refusal:
        return {"error": refusal.error_code}


def main():
    folder = tempfile.mkdtemp()
    store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", folder)
    experiments = []
    for index in range(12):
        tags = some(["t", "u-v"], texts)
        name = f"{dice.choice(['Flights', 'flights', 'taxi', 'a_b'])} {index}"
        made = store.create_experiment(name, tags=[ExperimentTag(key, value) for key, value in tags.items()])
        experiments.append({"id": made, "name": name, "tags": tags})
    runs = [make_run(store, dice.choice(experiments[:3])["id"]) for _ in range(150)]
    ids = [run["id"] for run in runs]
    scope = [experiments[0]["id"], experiments[1]["id"]]

    def search_runs(text, order_by):
        found = store.search_runs(scope, text, ViewType.ACTIVE_ONLY, 1000, order_by)
        return [ids.index(run.info.run_id) for run in found]

    cases = []
    for text, order_by in [(conditions(lambda: condition(ids)), orders()) for _ in range(count)] + [(each, []) for each in odd if each]:
        cases.append({"filter": text, "order_by": order_by, **answered(lambda: search_runs(text, order_by))})

    def experiment_condition():
        if dice.random() < 0.2:
            return f"experiment_id {dice.choice(['=', '!='])} '{dice.choice(experiments)['id']}'"
        if dice.random() < 0.2:
            return f"experiment_id {dice.choice(['IN', 'NOT IN'])} {listed([str(dice.choice(experiments)['id'])])}"
        field = dice.choice(["name", "attribute.name", "tags.t", "tag.`u-v`"])
        if "tag" in field and dice.random() < 0.3:
            return f"{field} {dice.choice(['IS NULL', 'IS NOT NULL'])}"
        if dice.random() < 0.5:
            return f"{field} {dice.choice(['LIKE', 'ILIKE'])} {quoted(dice.choice(patterns + ['F%', 'fl%', '%1']))}"
        return f"{field} {dice.choice(['=', '!='])} {quoted(dice.choice(texts + ['taxi 3']))}"

    def search_experiments(text, order_by):
        found = store.search_experiments(ViewType.ACTIVE_ONLY, 1000, text, order_by)
        return [str(each.experiment_id) for each in found]

    experiment_cases = []
    for _ in range(count // 4):
        text = conditions(experiment_condition)
        order_by = dice.choice([["name"], ["name DESC"], ["experiment_id ASC"], ["experiment_id DESC"]])
        experiment_cases.append({"filter": text, "order_by": order_by, **answered(lambda: search_experiments(text, order_by))})

    models = [make_model(store, experiments[0]["id"], runs) for _ in range(40)]
    model_ids = [model["id"] for model in models]

    def model_condition():
        kind = dice.random()
        if kind < 0.4:
            return f"metrics.{dice.choice(['a', '`b`'])} {dice.choice(signs)} {dice.choice(['0', '1', '2.5', '0.5'])}"
        if kind < 0.6:
            return f"{dice.choice(['name', 'model_type', 'attributes.name', 'source_run_id'])} {dice.choice(['=', '!='])} '{dice.choice(texts)}'".replace("'it's'", "'tree'")
        if kind < 0.75:
            field = dice.choice(["name", "model_type", "params.x", "tags.t"])
            return f"{field} {dice.choice(['LIKE', 'ILIKE'])} '{dice.choice(patterns)}'"
        if kind < 0.85:
            return f"{dice.choice(['name', 'model_type'])} {dice.choice(['IN', 'NOT IN'])} ('tree', 'auto')"
        return f"{dice.choice(['params.x', 'tags.`u-v`'])} {dice.choice(['=', '!='])} '{dice.choice(['1', '2', 'auto', 'tree'])}'"

    def search_models(text):
        found = store.search_logged_models([experiments[0]["id"]], text, max_results=1000, order_by=[{"field_name": "name"}, {"field_name": "model_id"}])
        return [model_ids.index(each.model_id) for each in found]

    model_cases = []
    for _ in range(count // 4):
        text = conditions(model_condition)
        model_cases.append({"filter": text, **answered(lambda: search_models(text))})

    answers = {
        "mlflow": mlflow.__version__,
        "seed": seed,
        "scope": scope,
        "experiments": experiments,
        "runs": runs,
        "models": models,
        "run_searches": cases,
        "experiment_searches": experiment_cases,
        "model_searches": model_cases,
    }
    # an entry a line, so that a change can be read
    lines = (f"{json.dumps(key)}: {one_per_line(value) if isinstance(value, list) else json.dumps(value)}" for key, value in answers.items())
    print("{\n" + ",\n".join(lines) + "\n}")


def one_per_line(entries):
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]"


def make_run(store, experiment):
    params, tags, metrics = some(["x", "y"], texts), some(["t", "u-v"], texts), some(["a", "b", "c d"], numbers)
    name, status = dice.choice(texts), dice.choice(statuses)
    started, ended = dice.choice([1, 2, 3, 1000]), dice.choice([None, 2, 3, 2000])
    run = store.create_run(experiment, "ana", started, [], name)
    run_id = run.info.run_id
    logged = [Metric(key, value, 0, 0) for key, value in metrics.items()]
    store.log_batch(run_id, logged, [Param(*pair) for pair in params.items()], [RunTag(*pair) for pair in tags.items()])
    store.update_run_info(run_id, RunStatus.from_string(status), ended, None)
    datasets = []
    for dataset in dice.sample([("jan", "d1"), ("jan", "d2"), ("feb", "d1")], dice.choice([0, 0, 1, 2])):
        datasets.append({"name": dataset[0], "digest": dataset[1], "context": dice.choice([None, "train", "test"])})
    inputs = [
        DatasetInput(Dataset(each["name"], each["digest"], "local", "{}"), [InputTag("mlflow.data.context", each["context"])] if each["context"] else [])
        for each in datasets
    ]
    if inputs:
        store.log_inputs(run_id, inputs)
    return {
        "id": run_id,
        "name": name,
        "experiment": int(experiment),
        "status": status,
        "startedAt": started,
        "endedAt": ended,
        "metrics": {key: "NaN" if value != value else value for key, value in metrics.items()},
        "params": params,
        "tags": tags,
        "datasets": datasets,
    }


def make_model(store, experiment, runs):
    params, tags = some(["x"], texts), some(["t", "u-v"], texts)
    name, kind = dice.choice(["tree", "auto", "Auto", "a_b"]), dice.choice([None, "tree", "linear"])
    given = [LoggedModelParameter(*pair) for pair in params.items()], [LoggedModelTag(*pair) for pair in tags.items()]
    run = dice.choice([each for each in runs if str(each["experiment"]) == experiment])
    model = store.create_logged_model(experiment, name, run["id"], given[1], given[0], kind)
    store.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    metrics = [[dice.choice(["a", "b"]), dice.choice([0.0, 0.5, 1.0, 2.0]), step] for step in range(dice.choice([0, 1, 2, 3]))]
    for key, value, step in metrics:
        store.log_metric(run["id"], Metric(key, value, 0, step, model_id=model.model_id, run_id=run["id"]))
    return {"id": model.model_id, "name": name, "type": kind, "run": run["id"], "params": params, "tags": tags, "metrics": metrics}


main()
