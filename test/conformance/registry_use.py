"""What a user of MLflow's client asks a registry for; each line of JSON is one answer."""

import json
import sys

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import RestException

step, model = sys.argv[1:3]
client = MlflowClient()


def refused(action):
    try:
        action()
    except RestException as error:
        return {"code": error.error_code, "message": str(error)}
    return None


def answer(value):
    print(json.dumps(value))


if step == "back-doors":
    answer(
        {
            "alias": refused(lambda: client.set_registered_model_alias(model, "champion", 1)),
            "stage": refused(lambda: client.transition_model_version_stage(model, "1", "Production")),
            "copy": refused(
                lambda: client.set_registered_model_alias(
                    model, "champion", client.copy_model_version(f"models:/{model}/1", model).version
                )
            ),
            "challenger": refused(lambda: client.set_registered_model_alias(model, "challenger", 1)),
        }
    )
elif step == "load":
    rows = pd.DataFrame(json.loads(sys.argv[3]))
    loaded = mlflow.pyfunc.load_model(f"models:/{model}@champion")
    answer(
        {
            "labels": loaded.predict(rows).tolist(),
            "version": client.get_model_version_by_alias(model, "champion").version,
            "aliases": client.get_registered_model(model).aliases,
            "deleteAlias": refused(lambda: client.delete_registered_model_alias(model, "champion")),
            "deleteVersion": refused(lambda: client.delete_model_version(model, "1")),
            "deleteModel": refused(lambda: client.delete_registered_model(model)),
            "rename": refused(lambda: client.rename_registered_model(model, "other")),
        }
    )
elif step == "everything":
    # a model that no project declares is the client's own to arrange
    client.create_registered_model(model, tags={"team": "ops"}, description="free")
    source = client.get_model_version("late", "1").source
    first = client.create_model_version(model, source, tags={"kind": "a'b"})
    second = client.create_model_version(model, source)
    client.set_model_version_tag(model, second.version, "kind", "b")
    client.update_model_version(model, second.version, "the second")
    client.set_registered_model_alias(model, "champion", second.version)
    client.set_registered_model_tag(model, "place", "here")
    client.transition_model_version_stage(model, first.version, "Staging")
    found = client.search_model_versions(f"name = '{model}'", order_by=["version_number ASC"], max_results=1)
    more = client.search_model_versions(f"name = '{model}'", order_by=["version_number ASC"], max_results=1, page_token=found.token)
    tagged = client.search_model_versions("tags.kind = 'b'")
    models = client.search_registered_models("name LIKE 'fr%'")
    facts = {
        "names": [each.name for each in models],
        "tags": models[0].tags,
        "pages": [found[0].version, more[0].version, more.token],
        "tagged": [each.version for each in tagged],
        "staging": [each.version for each in client.get_latest_versions(model, ["Staging"])],
        "description": client.get_model_version(model, "2").description,
        "uri": client.get_model_version_download_uri(model, "1"),
        "badSource": refused(lambda: client.create_model_version(model, "file:///etc")),
        "climbing": refused(lambda: client.create_model_version(model, "mlflow-artifacts:/1/../../x", run_id=first.run_id)),
        "twice": refused(lambda: client.create_registered_model(model)),
        "reserved": refused(lambda: client.set_registered_model_alias(model, "latest", "1")),
        "unknownAlias": refused(lambda: client.get_model_version_by_alias(model, "nobody")),
    }
    client.delete_registered_model_alias(model, "champion")
    client.delete_model_version_tag(model, "2", "kind")
    client.delete_model_version(model, "1")
    facts["left"] = [each.version for each in client.search_model_versions(f"name = '{model}'")]
    client.rename_registered_model(model, "freer")
    facts["renamed"] = client.get_registered_model("freer").description
    client.delete_registered_model("freer")
    facts["gone"] = refused(lambda: client.get_registered_model("freer"))
    answer(facts)
