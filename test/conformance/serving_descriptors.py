"""Field numbers and types of tritonclient's messages, to hold our proto against: python serving_descriptors.py"""

import json
import sys

from tritonclient.grpc import model_config_pb2, service_pb2

messages = {}


def describe(message) -> None:
    messages[message.full_name] = {
        field.name: [field.number, field.type, field.is_repeated] for field in message.fields
    }
    for nested in message.nested_types:
        describe(nested)


for module in (service_pb2, model_config_pb2):
    for message in module.DESCRIPTOR.message_types_by_name.values():
        describe(message)
service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
calls = {
    method.name: [method.input_type.full_name, method.output_type.full_name, method.client_streaming, method.server_streaming]
    for method in service.methods
}
print(json.dumps({"messages": messages, "calls": calls}))
