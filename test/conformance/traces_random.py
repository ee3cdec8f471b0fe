"""Random calls on traces to a server of MLflow's API; prints each call and its answer as JSON, one per line.

Ids and times that a server makes are replaced; everything else is as it came.
    python traces_random.py ADDRESS SEED COUNT
"""

import base64
import json
import random
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

address, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pick = random.Random(seed)
names = {}


def send(method, path, body=None, query=None, headers=None):
    url = f"{address}{path}" + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            text = response.read().decode()
            return response.status, json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        try:
            return error.code, {"error_code": json.loads(text).get("error_code")}
        except ValueError:
            return error.code, {}


def call(method, path, body=None, query=None):
    return send(method, f"/api/3.0/mlflow/{path}", body, query)


def old(method, path, body=None, query=None):
    return send(method, f"/api/2.0/mlflow/{path}", body, query)


_, made = old("POST", "experiments/create", {"name": f"random {seed} {random.SystemRandom().getrandbits(40):x}"})
experiment = made["experiment_id"]
runs = []
for index in range(2):
    run = old("POST", "runs/create", {"experiment_id": experiment, "start_time": 1})[1]["run"]["info"]["run_id"]
    names[run] = f"RUN{index}"
    runs.append(run)

dropped = {"create_time", "last_update_time", "next_page_token"}


def shown(value, key=None):
    """The answer without what differs from server to server; whole numbers of 64 bits are numbers or text."""
    if isinstance(value, dict):
        return {k: shown(v, k) for k, v in sorted(value.items()) if k not in dropped}
    if isinstance(value, list):
        items = [shown(v, key) for v in value]
        # neither tells an order
        return sorted(items, key=lambda a: json.dumps(a, sort_keys=True)) if key in ("assessments", "attributes") else items
    if isinstance(value, str):
        if key == "experiment_id":
            return "EXPERIMENT" if value == experiment else value
        if key == "trace_id" and not value.startswith("tr-"):
            value = f"tr-{base64.b64decode(value).hex()}"
        if key == "value" and value.startswith("{"):
            return json.loads(value)
        if key in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano", "int_value"):
            return int(value)
        # where artifacts lie
        value = re.sub(r"^[a-z-]+:/[^\s]*/traces/tr-\w{10}", "ARTIFACTS/", value) if "/traces/" in value else value
        return names.get(value, value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


step = 0


def note(what, answer):
    global step
    status, body = answer
    print(json.dumps({"step": step, "call": what, "status": status, "answer": shown(body)}))


# another run against the same server has other traces, in the same order
salt = f"{random.SystemRandom().getrandbits(40):010x}"
hexes = [f"{salt}{pick.getrandbits(88):022x}" for _ in range(14)]
traces = [f"tr-{hex}" for hex in hexes]
for index, trace in enumerate(traces):
    names[trace] = f"TRACE{index}"
assessments = []
words = ["alpha", "beta", "Gamma", "it's", "100%", "a_b", "été", "x" * 60]
tag_keys = ["stage", "team", "my key", "mlflow.traceName"]
meta_keys = ["mlflow.trace.session", "mlflow.trace.user", "plain", "mlflow.sourceRun"]
states = ["OK", "ERROR", "IN_PROGRESS", "STATE_UNSPECIFIED"]


def some(keys):
    return {k: (pick.choice(runs) if k == "mlflow.sourceRun" else pick.choice(words)) for k in pick.sample(keys, pick.randrange(len(keys) + 1))}


def assessment():
    body = {
        "assessment_name": pick.choice(["correct", "score", "words"]),
        "source": {"source_type": pick.choice(["HUMAN", "LLM_JUDGE", "CODE"]), "source_id": pick.choice(["", "ana"])},
        "create_time": "2026-01-01T00:00:00Z",
        "last_update_time": "2026-01-01T00:00:00Z",
    }
    kind = pick.choice(["feedback", "feedback", "expectation"])
    if kind == "feedback":
        body["feedback"] = {"value": pick.choice([True, False, 0.25, 0.75, "good", "bad", ["a", 0.5], {"k": "v"}])}
        if pick.random() < 0.2:
            body["feedback"] = {"error": {"error_code": "E", "error_message": "m"}}
    else:
        body["expectation"] = pick.choice([
            {"value": "good"},
            {"value": 0.5},
            {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": '{"a": [1, "b"]}'}},
        ])
    if pick.random() < 0.4 and kind == "feedback":
        body["rationale"] = "because"
    if pick.random() < 0.3:
        body["metadata"] = {"m": "1"}
    body["valid"] = True
    return body


def start():
    trace = pick.choice(traces)
    info = {
        "trace_id": trace,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": f"2026-01-{pick.randrange(1, 28):02d}T10:00:{pick.randrange(60):02d}{pick.choice(['', '.5', '.125'])}Z",
        "state": pick.choice(states),
        "tags": some(tag_keys),
        "trace_metadata": some(meta_keys),
    }
    if pick.random() < 0.8:
        info["execution_duration"] = pick.choice(["0s", "0.015s", "1s", "2.500s", "61s"])
    if pick.random() < 0.5:
        info["client_request_id"] = pick.choice(words)
    if pick.random() < 0.5:
        info["request_preview"] = pick.choice(words)
    if pick.random() < 0.5:
        info["response_preview"] = pick.choice(words)
    status, answer = call("POST", "traces", {"trace": {"trace_info": info}})
    # MLflow stores the tags and leaves some out of this answer
    answer.get("trace", {}).get("trace_info", {}).pop("tags", None)
    note(["start", names[trace]], (status, answer))


def value_of(value, any_value):
    if isinstance(value, bool):
        any_value.bool_value = value
    elif isinstance(value, int):
        any_value.int_value = value
    elif isinstance(value, float):
        any_value.double_value = value
    elif isinstance(value, str):
        any_value.string_value = value
    elif isinstance(value, list):
        any_value.array_value.SetInParent()
        for item in value:
            value_of(item, any_value.array_value.values.add())
    elif isinstance(value, dict):
        any_value.kvlist_value.SetInParent()
        for key, item in value.items():
            pair = any_value.kvlist_value.values.add()
            pair.key = key
            value_of(item, pair.value)


def attribute(target, key, value):
    pair = target.attributes.add()
    pair.key = key
    value_of(value, pair.value)


def spans():
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    if pick.random() < 0.3:
        attribute(resource_spans.resource, "service.name", "shop")
        attribute(resource_spans.resource, "telemetry.sdk.name", "x")
        attribute(resource_spans.resource, "replicas", 3)
    scope = resource_spans.scope_spans.add()
    chosen = pick.sample(range(len(hexes)), pick.randrange(1, 3))
    for index in chosen:
        for number in pick.sample(range(4), pick.randrange(1, 4)):
            span = scope.spans.add()
            span.trace_id = bytes.fromhex(hexes[index])
            span.span_id = (number + 1).to_bytes(8, "big")
            # 0 is the root, 1 and 2 below it, 3 below 2
            if number > 0:
                span.parent_span_id = (1 if number < 3 else 3).to_bytes(8, "big")
            span.name = pick.choice(["root", "plan", "call", "été"])
            # different starts, so that the order is told
            span.start_time_unix_nano = 1_767_000_000_000_000_000 + int(hexes[index][-3:], 16) * 10**12 + number * 10**9 + pick.randrange(1000)
            # spans without an end give MLflow's traces a negative duration
            span.end_time_unix_nano = span.start_time_unix_nano + pick.randrange(1, 5) * 10**9 + 999_999
            span.status.code = pick.randrange(3)
            if span.status.code == 2:
                span.status.message = "broke"
            for key, value in {
                "mlflow.spanInputs": pick.choice([{"q": "why", "n": 1, "f": 1.0}, "text", {"messages": [{"role": "user", "content": "hello"}]}]),
                "mlflow.spanOutputs": pick.choice([["a", 2], {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}, "y" * 1200]),
                "mlflow.spanType": pick.choice(["LLM", "TOOL"]),
                "mlflow.chat.tokenUsage": {"input_tokens": pick.randrange(9), "output_tokens": 2, "total_tokens": 11},
                "session.id": pick.choice(["s1", "s2"]),
                "user.id": "u1",
                "model": pick.choice(["tiny", "large"]),
                "big": 2**53 + 1,
                "mlflow.traceTag.team": "core",
            }.items():
                # spans without session or tokens change, in MLflow, what the client has already said of the trace
                if pick.random() < 0.4 or key == "session.id":
                    attribute(span, key, value)
            if pick.random() < 0.3:
                event = span.events.add()
                event.name = "noted"
                event.time_unix_nano = span.start_time_unix_nano + 5
                attribute(event, "n", 1)
    headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
    status, _ = send("POST", "/v1/traces", request.SerializeToString(), headers=headers)
    note(["spans", [names[f"tr-{hexes[index]}"] for index in chosen]], (status, {}))


def tag():
    trace, key = pick.choice(traces), pick.choice(tag_keys + ["mlflow.trace.spansLocation"])
    known = call("GET", f"traces/{trace}")[0] == 200
    prefix = pick.choice([call, old])
    if pick.random() < 0.6:
        # a tag of no trace: MLflow answers 400, we 404
        if known:
            note(["set tag", names[trace], key], prefix("PATCH", f"traces/{trace}/tags", {"key": key, "value": pick.choice(words)}))
    elif known:
        note(["delete tag", names[trace], key], prefix("DELETE", f"traces/{trace}/tags", {"key": key}))


def judge():
    trace = pick.choice(traces)
    body = assessment()
    mine = [a for t, a in assessments if t == trace]
    if mine and "feedback" in body and pick.random() < 0.3:
        body["overrides"] = pick.choice(mine)
    if call("GET", f"traces/{trace}")[0] != 200:
        return
    status, answer = call("POST", f"traces/{trace}/assessments", {"assessment": body})
    made = answer.get("assessment", {}).get("assessment_id")
    if made:
        names[made] = f"ASSESSMENT{len(assessments)}"
        assessments.append((trace, made))
    note(["judge", names[trace], body.get("overrides") and names[body["overrides"]]], (status, answer))


def rejudge():
    if not assessments:
        return
    trace, made = pick.choice(assessments)
    path = f"traces/{trace}/assessments/{made}"
    status, before = call("GET", path)
    known = status == 200
    kind = pick.randrange(3)
    if kind == 0:
        note(["get judgement", names[made]], call("GET", path))
    elif kind == 1 and known:
        body, mask = assessment(), []
        # MLflow drops the rationale of an expectation
        if "rationale" in body and "feedback" in before["assessment"]:
            mask.append("rationale")
        if "metadata" in body:
            mask.append("metadata")
        if pick.random() < 0.5:
            mask.append("assessmentName")
        if "feedback" in body and "error" not in body["feedback"]:
            mask.append("feedback")
        if mask:
            note(["update judgement", names[made], mask], call("PATCH", path, {"assessment": body, "update_mask": ",".join(mask)}))
    elif call("GET", f"traces/{trace}")[0] == 200:
        note(["delete judgement", names[made]], call("DELETE", path))


def quoted(word):
    return "'" + word.replace("'", "") + "'"


def condition():
    word = quoted(pick.choice(words[:3] + words[4:]))
    text = pick.choice(["= " + word, "!= " + word, "LIKE '%a%'", "ILIKE '%A%'", "LIKE 'G_mma'"])
    number = pick.choice(["<", "<=", ">", ">=", "=", "!="])
    return pick.choice([
        f"tags.stage {text}",
        f"tag.`my key` {text}",
        f"tags.team {pick.choice(['IS NULL', 'IS NOT NULL'])}",
        f"name {text}",
        f"metadata.`mlflow.trace.session` {text}",
        f"metadata.`mlflow.trace.session` {pick.choice(['IS NULL', 'IS NOT NULL'])}",
        f"request_metadata.plain {text}",
        f"status {pick.choice(['=', '!='])} '{pick.choice(states)}'",
        "attributes.status NOT IN ('OK', 'ERROR')",
        f"client_request_id {text}",
        f"timestamp_ms {number} {1_768_000_000_000 + pick.randrange(20) * 10**8}",
        f"execution_time {number} {pick.choice([0, 15, 1000, 2500])}",
        f"attributes.end_time {number} {1_768_000_000_000 + pick.randrange(20) * 10**8}",
        f"run_id = '{pick.choice(runs)}'",
        "request_id IN ('{}', '{}', '{}')".format(*traces[:3]),
        f"span.name {pick.choice(['=', '!='])} 'plan'",
        "span.type = 'LLM' AND span.status = 'ERROR'",
        "span.name IN ('root', 'call') AND span.type LIKE 'T%'",
        "span.attributes.model LIKE '%tiny%'",
        "trace.text LIKE '%hello%'",
        f"feedback.score {pick.choice(['>', '<=', '>='])} 0.5",
        f"feedback.{pick.choice(['correct', 'words'])} {pick.choice(['=', '!='])} '{pick.choice(['true', 'good', 'bad'])}'",
        f"feedback.words {pick.choice(['IS NULL', 'IS NOT NULL'])}",
        "expectation.words = 'good'",
        "expectation.correct IS NOT NULL",
    ])


def search():
    clauses = [condition() for _ in range(pick.randrange(3))]
    if any(clause.startswith("span.") or clause.startswith("trace.text") for clause in clauses):
        # with a time, MLflow leaves out spans that began long before it; here those of a trace are from any time
        clauses = [clause for clause in clauses if not clause.startswith("timestamp")]
    order = pick.sample(
        ["timestamp DESC", "timestamp_ms ASC", "execution_time ASC", "status DESC", "request_id ASC", "name ASC", "tags.stage DESC", "metadata.plain"],
        pick.randrange(3),
    )
    if len({o.split()[0].replace("_ms", "") for o in order}) < len(order):
        order = order[:1]
    body = {
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}],
        "filter": " AND ".join(clauses),
        "max_results": pick.choice([3, 100]),
        "order_by": order,
    }
    found, pages, token = [], 0, None
    while pages < 10:
        status, answer = call("POST", "traces/search", {**body, **({"page_token": token} if token else {})})
        found += [names[t["trace_id"]] for t in answer.get("traces", [])]
        token, pages = answer.get("next_page_token"), pages + 1
        if status != 200 or not token:
            break
    clauses = [re.sub("|".join(traces + runs), lambda m: names[m.group()], clause) for clause in clauses]
    note(["search", clauses, order], (status, {"found": found, **({"error_code": answer["error_code"]} if status != 200 else {})}))


def bad_search():
    clause = pick.choice([
        "nope = 'x'", "tags.a = 5", "tags.a > 'x'", "status = OK", "timestamp LIKE 'x'", "span.duration = 'x'", "span.content = 'x'",
        "feedback.a > 'x'", "nothing.at.all = 'x'", "metrics.a = 1", "name =", "prompt LIKE 'a'", "status", "timestamp IN (1, 2)",
    ])
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    note(["bad search", clause], call("POST", "traces/search", {"locations": [location], "filter": clause}))


def get():
    trace = pick.choice(traces)
    kind = pick.randrange(3)
    if kind == 0:
        note(["info", names[trace]], call("GET", f"traces/{trace}"))
    elif kind == 1:
        note(["get", names[trace]], call("GET", "traces/get", query={"trace_id": trace, "allow_partial": "true"}) if spans_are_here(trace) else (0, {}))
    else:
        some = [t for t in pick.sample(traces, 3) if spans_are_here(t)]
        if some:
            note(["batch", [names[t] for t in some]], call("GET", "traces/batchGet", query={"trace_ids": some}))


def spans_are_here(trace):
    """Of a trace without spans MLflow's server answers 500."""
    status, answer = call("GET", f"traces/{trace}")
    return status == 200 and "mlflow.trace.spansLocation" in answer["trace"]["trace_info"].get("tags", {})


def infos():
    note(["infos"], call("POST", "traces/batchGetInfos", {"trace_ids": pick.sample(traces, 4)}))


def link():
    chosen = pick.sample(traces, 2)
    linked.update(chosen)
    note(["link", [names[t] for t in chosen]], old("POST", "traces/link-to-run", {"trace_ids": chosen, "run_id": pick.choice(runs)}))


linked = set()


def delete():
    if len(traces) < 8:
        return
    before = [t for t in traces if call("GET", f"traces/{t}")[0] == 200]
    if pick.random() < 0.5:
        body = {"experiment_id": experiment, "request_ids": pick.sample(traces, 1)}
    else:
        body = {"experiment_id": experiment, "max_timestamp_millis": 1_767_000_000_000 + pick.randrange(3) * 10**9, "max_traces": pick.choice([0, 1, 2])}
    note(["delete"], pick.choice([call, old])("POST", "traces/delete-traces", body))
    for trace in [t for t in before if t in linked and call("GET", f"traces/{t}")[0] != 200]:
        # in MLflow a link outlives its trace, and holds for the next one of that id
        traces.remove(trace)
        hexes.remove(trace[3:])


weights = {start: 10, spans: 14, tag: 8, judge: 10, rejudge: 8, search: 24, bad_search: 2, get: 10, infos: 3, link: 2, delete: 2}
for step in range(count):
    pick.choices(list(weights), list(weights.values()))[0]()
