"""Random OTLP requests, as protobuf's own encoder writes them and as its JSON: one object per line."""

import base64
import json
import random
import struct
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

seed, count = int(sys.argv[1]), int(sys.argv[2])
pick = random.Random(seed)
letters = "aZ9 _.\"'\\\n\u0000é\u2028漢🌱"


def text():
    return "".join(pick.choice(letters) for _ in range(pick.choice([0, 1, 3, 20, 200])))


def number():
    return pick.choice([0, 1, -1, 127, 128, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63), pick.getrandbits(40)])


def double():
    return pick.choice([0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), struct.unpack("<d", pick.randbytes(8))[0]])


def nanos():
    return pick.choice([0, 1, 2**53 + 1, 2**64 - 1, 1_732_000_000_000_000_000 + pick.getrandbits(30)])


def fill(value, depth):
    kind = pick.randrange(8 if depth > 0 else 6)
    if kind == 1:
        value.string_value = text()
    elif kind == 2:
        value.bool_value = pick.random() < 0.5
    elif kind == 3:
        value.int_value = number()
    elif kind == 4:
        value.double_value = double()
    elif kind == 5:
        value.bytes_value = pick.randbytes(pick.randrange(9))
    elif kind == 6:
        value.array_value.SetInParent()
        for _ in range(pick.randrange(4)):
            fill(value.array_value.values.add(), depth - 1)
    elif kind == 7:
        value.kvlist_value.SetInParent()
        fill_all(value.kvlist_value.values, depth - 1)


def fill_all(attributes, depth=3):
    for index in range(pick.randrange(5)):
        attribute = attributes.add()
        attribute.key = f"{index}{text()}"
        fill(attribute.value, depth)


for _ in range(count):
    request = ExportTraceServiceRequest()
    for _ in range(pick.randrange(1, 4)):
        resource_spans = request.resource_spans.add()
        fill_all(resource_spans.resource.attributes)
        # fields that are not kept are read past
        resource_spans.schema_url = text()
        resource_spans.resource.dropped_attributes_count = pick.getrandbits(32)
        for _ in range(pick.randrange(3)):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = text()
            fill_all(scope_spans.scope.attributes)
            for _ in range(pick.randrange(4)):
                span = scope_spans.spans.add()
                span.trace_id = pick.randbytes(16)
                span.span_id = pick.randbytes(8)
                if pick.random() < 0.5:
                    span.parent_span_id = pick.randbytes(8)
                span.name = text()
                span.trace_state = text()
                span.kind = pick.randrange(6)
                span.flags = pick.getrandbits(32)
                span.start_time_unix_nano = nanos()
                span.end_time_unix_nano = nanos()
                fill_all(span.attributes)
                span.dropped_attributes_count = pick.randrange(3)
                for _ in range(pick.randrange(3)):
                    event = span.events.add()
                    event.name = text()
                    event.time_unix_nano = nanos()
                    fill_all(event.attributes)
                for _ in range(pick.randrange(3)):
                    link = span.links.add()
                    link.trace_id = pick.randbytes(16)
                    link.span_id = pick.randbytes(8)
                    fill_all(link.attributes)
                if pick.random() < 0.7:
                    span.status.code = pick.randrange(3)
                    span.status.message = text()
    wire = request.SerializeToString()
    print(json.dumps({"wire": base64.b64encode(wire).decode(), "json": MessageToDict(request)}))
