"""Every REST call that this version of MLflow describes, as JSON: its method and its path. Writes mlflow-calls.json."""

import json

from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2, service_pb2, webhooks_pb2

services = (
    service_pb2.MlflowService,
    model_registry_pb2.ModelRegistryService,
    mlflow_artifacts_pb2.MlflowArtifactsService,
    webhooks_pb2.WebhookService,
)
calls = []
for service in services:
    for method in service.DESCRIPTOR.methods:
        for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
            calls.append([endpoint.method, f"/{endpoint.since.major}.0/{endpoint.path.lstrip('/')}"])
print(json.dumps(sorted(calls)))
