"""Holds manifests against the models of the kserve SDK and of the Kubernetes client: python kserve_manifests.py FILE...

Each is read into the class of its kind, parts into the classes of the parts: a field that a class does not know, or one
of another type, is refused.
"""

import json
import re
import sys

import kserve
import yaml
from kubernetes import client as kubernetes

classes = {"InferenceService": "V1beta1InferenceService", "ClusterServingRuntime": "V1alpha1ClusterServingRuntime"}
plain = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def hold(value, kind: str, path: str) -> None:
    several = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if several:
        assert isinstance(value, list), f"{path} is no list"
        for index, one in enumerate(value):
            hold(one, several[1], f"{path}[{index}]")
    elif mapped:
        assert isinstance(value, dict), f"{path} is no object"
        for name, one in value.items():
            hold(one, mapped[1], f"{path}.{name}")
    elif kind in plain:
        assert isinstance(value, plain[kind]), f"{path} is no {kind}: {value}"
    elif hasattr(kserve.models, kind):
        hold_object(value, getattr(kserve.models, kind), path)
    elif hasattr(kubernetes, kind):
        hold_kubernetes(value, getattr(kubernetes, kind), path)
    else:
        assert kind in ("object", "ResourceQuantity", "IntstrIntOrString"), f"{path} is of {kind}, which is not known"


def hold_object(value, model, path: str) -> None:
    fields = {json_name: model.openapi_types[name] for name, json_name in model.attribute_map.items()}
    for name, one in value.items():
        assert name in fields, f"{path} has {name}, which {model.__name__} does not know"
        hold(one, fields[name], f"{path}.{name}")
    # the class refuses what lacks a required field
    model(**{name: value.get(json_name) for name, json_name in model.attribute_map.items()})


def hold_kubernetes(value, model, path: str) -> None:
    again = json.loads(json.dumps(kubernetes.ApiClient().sanitize_for_serialization(model.from_dict(value)), default=str))
    assert again == value, f"{path} as {model.__name__} is {json.dumps(again)} instead of {json.dumps(value)}"


def refuses(document, kind: str) -> bool:
    try:
        hold(document, kind, "$")
    except (AssertionError, ValueError):
        return True
    return False


for path in sys.argv[1:]:
    document = yaml.safe_load(open(path))
    hold(document, classes[document["kind"]], path)
    assert refuses({**document, "spec": {**document["spec"], "unknown": 1}}, classes[document["kind"]])
print(json.dumps([yaml.safe_load(open(path))["kind"] for path in sys.argv[1:]]))
