"""Traces with the unmodified mlflow client; prints what it sees as JSON, without what differs from call to call."""

import json
import sys
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentError, AssessmentSource, Feedback, SpanType

address = sys.argv[1]
mlflow.set_tracking_uri(address)
experiment = mlflow.set_experiment("chats").experiment_id
client = MlflowClient()
seen = {}


@mlflow.trace(span_type=SpanType.TOOL)
def look_up(city):
    if city == "Atlantis":
        raise ValueError("no such city")
    return {"population": 2_000_000, "ratio": 1.0, "names": [city, None, True], "big": 9_007_199_254_740_993}


@mlflow.trace(name="answer", span_type=SpanType.CHAIN, attributes={"model": "tiny", "temperature": 0.5})
def answer(question, city="Paris"):
    mlflow.update_current_trace(
        tags={"stage": "dev", "city": city},
        metadata={"mlflow.trace.session": "s-" + city, "mlflow.trace.user": "ana"},
        client_request_id="req-" + city,
    )
    with mlflow.start_span(name="llm", span_type=SpanType.LLM) as span:
        span.set_inputs({"messages": [{"role": "user", "content": question}]})
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})
        span.add_event(mlflow.entities.SpanEvent("thought", attributes={"words": 3, "sure": True}))
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": "Many: déjà vu 🌱"}}]})
    return look_up(city)


def settled():
    mlflow.flush_trace_async_logging()


ids = {}
for city in ["Paris", "Rome", "Atlantis"]:
    try:
        answer(f"How many people live in {city}?", city=city)
    except ValueError:
        pass
    ids[city] = mlflow.get_last_active_trace_id()
    settled()
    time.sleep(0.02)

with mlflow.start_run(run_name="eval") as run:
    answer("in a run", city="Oslo")
    ids["Oslo"] = mlflow.get_last_active_trace_id()
settled()

# by hand, without a decorator
span = client.start_trace("by hand", inputs={"x": 1}, tags={"hand": "yes"})
child = client.start_span("inner", trace_id=span.trace_id, parent_id=span.span_id, inputs=[1, 2.5, "three"])
client.end_span(trace_id=span.trace_id, span_id=child.span_id, outputs="text")
client.end_trace(span.trace_id, outputs={"y": None})
ids["hand"] = span.trace_id
settled()
mlflow.log_trace(name="logged", request="q", response={"a": 1}, execution_time_ms=1500, start_time_ms=1_600_000_000_000, tags={"t": "1"})
ids["logged"] = mlflow.get_last_active_trace_id()
settled()

names = {v: k for k, v in ids.items()}


def plain(trace):
    info = trace.info
    tags = {k: v for k, v in info.tags.items() if k not in ("mlflow.artifactLocation",)}
    metadata = {
        k: v
        for k, v in info.trace_metadata.items()
        if not k.startswith("mlflow.source.") and k not in ("mlflow.user", "mlflow.trace.sizeStats", "mlflow.trace.sizeBytes", "mlflow.sourceRun")
    }
    order = {s.span_id: i for i, s in enumerate(trace.data.spans)}
    return {
        "trace": names.get(info.trace_id, "?"),
        "experiment": info.experiment_id == experiment,
        "state": str(info.state),
        "took": info.execution_duration is not None,
        "client": info.client_request_id,
        "request": info.request_preview,
        "response": info.response_preview,
        "tags": tags,
        "metadata": metadata,
        "tokens": info.token_usage,
        "assessments": sorted((said(a) for a in info.assessments), key=lambda a: json.dumps(a, sort_keys=True)),
        "spans": [
            {
                "name": s.name,
                "type": s.span_type,
                "status": str(s.status.status_code),
                "message": s.status.description,
                "parent": order.get(s.parent_id),
                "inputs": s.inputs,
                "outputs": s.outputs,
                "attributes": {k: v for k, v in s.attributes.items() if k not in ("mlflow.traceRequestId", "mlflow.experimentId")},
                "events": [
                    {"name": e.name, "attributes": {k: v for k, v in e.attributes.items() if k != "exception.stacktrace"}} for e in s.events
                ],
            }
            for s in trace.data.spans
        ],
    }


def said(a):
    return {
        "name": a.name,
        "kind": type(a).__name__,
        "value": a.value,
        "error": a.feedback.error.to_dictionary() if a.feedback and a.feedback.error else None,
        "rationale": a.rationale,
        "metadata": a.metadata,
        "source": [str(a.source.source_type), a.source.source_id],
        "valid": a.valid,
        "overrides": a.overrides is not None,
        "span": a.span_id is not None,
    }


def full(trace_id):
    return plain(mlflow.get_trace(trace_id))


seen["traces"] = {name: full(trace_id) for name, trace_id in ids.items()}

# tags
client.set_trace_tag(ids["Paris"], "stage", "prod")
client.set_trace_tag(ids["Paris"], "odd key", "x" * 300)
client.delete_trace_tag(ids["Paris"], "city")
for name, call in {
    "missing tag": lambda: client.delete_trace_tag(ids["Paris"], "city"),
    "missing trace": lambda: client.set_trace_tag("tr-0", "a", "b"),
    "missing get": lambda: client.get_trace("tr-0"),
    "fixed tag": lambda: client.set_trace_tag(ids["Paris"], "mlflow.trace.spansLocation", "x"),
    "link to no run": lambda: client.link_traces_to_run([ids["Paris"]], "0" * 32),
    "bad filter": lambda: client.search_traces([experiment], filter_string="nope = 'x'"),
    "too many": lambda: client.search_traces([experiment], max_results=501),
    "no way to delete": lambda: client.delete_traces(experiment),
}.items():
    try:
        call()
        seen["error: " + name] = None
    except mlflow.exceptions.MlflowException as error:
        seen["error: " + name] = error.error_code

# what people and judges say
human = AssessmentSource(source_type="HUMAN", source_id="ben")
judge = AssessmentSource(source_type="LLM_JUDGE", source_id="judge-1")
good = mlflow.log_feedback(trace_id=ids["Paris"], name="correct", value=True, source=human, rationale="checked", metadata={"page": "3"})
score = mlflow.log_feedback(trace_id=ids["Rome"], name="score", value=0.75, source=judge, span_id=mlflow.get_trace(ids["Rome"]).data.spans[0].span_id)
mlflow.log_feedback(trace_id=ids["Rome"], name="parts", value={"a": 1, "b": [True, "x"]})
mlflow.log_feedback(trace_id=ids["Atlantis"], name="broken", error=AssessmentError(error_code="TIMEOUT", error_message="too slow"))
expected = mlflow.log_expectation(trace_id=ids["Paris"], name="expected", value={"text": ["Paris", 2]}, source=human)
mlflow.log_expectation(trace_id=ids["Rome"], name="expected", value="Rome", source=human)
other = mlflow.override_feedback(trace_id=ids["Paris"], assessment_id=good.assessment_id, value=False, rationale="on second thought", source=human)
mlflow.update_assessment(
    trace_id=ids["Paris"], assessment_id=expected.assessment_id, assessment=mlflow.entities.Expectation(name="expected", value="plain")
)
seen["one assessment"] = said(mlflow.get_assessment(trace_id=ids["Paris"], assessment_id=expected.assessment_id))
seen["assessed"] = {name: full(ids[name])["assessments"] for name in ("Paris", "Rome", "Atlantis")}
mlflow.delete_assessment(trace_id=ids["Paris"], assessment_id=other.assessment_id)
mlflow.delete_assessment(trace_id=ids["Paris"], assessment_id=other.assessment_id)
seen["override taken back"] = full(ids["Paris"])["assessments"]
mlflow.override_feedback(trace_id=ids["Paris"], assessment_id=good.assessment_id, value=False, source=human)

client.link_traces_to_run([ids["Rome"], ids["Paris"]], run.info.run_id)

# searches
session = "metadata.`mlflow.trace.session`"
paris = client.get_trace(ids["Paris"]).info
searches = {
    "all": {},
    "by status": {"filter_string": "status = 'ERROR'"},
    "by trace status": {"filter_string": "trace.status = 'OK'"},
    "status in": {"filter_string": "status IN ('OK', 'ERROR')"},
    "status not": {"filter_string": "attributes.status != 'OK'"},
    "by name": {"filter_string": "name = 'answer'"},
    "name like": {"filter_string": "name LIKE 'ans%'"},
    "name like no case": {"filter_string": "trace.name ILIKE 'ANS%'"},
    "name like case": {"filter_string": "name LIKE 'ANS%'"},
    "name pattern": {"filter_string": "name RLIKE '^(by|log)'"},
    "by tag": {"filter_string": "tags.stage = 'prod'"},
    "tag not": {"filter_string": "tag.stage != 'prod'"},
    "tag like": {"filter_string": "tags.city LIKE 'R%'"},
    "tag null": {"filter_string": "tags.stage IS NULL"},
    "tag not null": {"filter_string": "tags.stage IS NOT NULL"},
    "odd tag": {"filter_string": "tags.`odd key` LIKE 'xxx%'"},
    "tag in pattern": {"filter_string": "tags.city RLIKE 'o[ms]'"},
    "by session": {"filter_string": f"{session} = 's-Rome'"},
    "session null": {"filter_string": f"{session} IS NULL"},
    "by user": {"filter_string": "request_metadata.`mlflow.trace.user` = 'ana'"},
    "user and status": {"filter_string": "metadata.`mlflow.trace.user` = 'ana' AND status = 'ERROR'"},
    "since": {"filter_string": f"timestamp > {paris.request_time}"},
    "until": {"filter_string": f"timestamp_ms <= {paris.request_time}"},
    "old": {"filter_string": "attributes.timestamp < 1600000000001"},
    "slow": {"filter_string": "execution_time_ms >= 1500"},
    "ended": {"filter_string": "end_time = 1600000001500"},
    "client id": {"filter_string": "client_request_id = 'req-Rome'"},
    "by id": {"filter_string": f"request_id = '{ids['hand']}'"},
    "ids": {"filter_string": f"request_id IN ('{ids['hand']}', '{ids['Rome']}')"},
    "by run": {"run_id": run.info.run_id},
    "by run id": {"filter_string": f"run_id = '{run.info.run_id}'"},
    "by run metadata": {"filter_string": f"metadata.`mlflow.sourceRun` = '{run.info.run_id}'"},
    "span name": {"filter_string": "span.name = 'look_up'"},
    "span type": {"filter_string": "span.type = 'LLM'"},
    "span status": {"filter_string": "span.status = 'ERROR' AND span.name = 'look_up'"},
    "two of one span": {"filter_string": "span.type = 'LLM' AND span.name = 'look_up'"},
    "span in": {"filter_string": "span.name IN ('inner', 'llm')"},
    "span attribute": {"filter_string": "span.attributes.model LIKE '%tiny%'"},
    "text": {"filter_string": "trace.text LIKE '%Atlantis%'"},
    "content": {"filter_string": "span.content ILIKE '%DÉJÀ%' AND status = 'OK'"},
    "feedback": {"filter_string": "feedback.correct = 'false'"},
    "feedback overridden": {"filter_string": "feedback.correct = 'true'"},
    "feedback number": {"filter_string": "feedback.score > 0.5"},
    "feedback number not": {"filter_string": "feedback.score > 0.75"},
    "feedback there": {"filter_string": "feedback.parts IS NOT NULL"},
    "feedback missing": {"filter_string": "feedback.parts IS NULL"},
    "expectation": {"filter_string": "expectation.expected = 'Rome'"},
    "oldest first": {"order_by": ["timestamp ASC"]},
    "by name down": {"order_by": ["name DESC", "timestamp_ms ASC"]},
    "by city": {"order_by": ["tags.city ASC"]},
    "by client": {"order_by": ["status DESC", "timestamp ASC"]},
    "by took": {"order_by": ["execution_time_ms DESC"], "max_results": 1},
}
seen["searches"] = {}
for name, arguments in searches.items():
    found = client.search_traces(locations=[experiment], **arguments)
    seen["searches"][name] = [names[t.info.trace_id] for t in found]

token, pages = None, []
for _ in range(9):
    page = client.search_traces(locations=[experiment], max_results=2, page_token=token, order_by=["timestamp ASC"], include_spans=False)
    pages.append([names[t.info.trace_id] for t in page])
    token = page.token
    if not token:
        break
seen["pages"] = [page for page in pages if page]
seen["frame"] = sorted(mlflow.search_traces(locations=[experiment]).columns)
seen["elsewhere"] = len(client.search_traces(locations=["0"]))

# deletion
seen["deleted"] = client.delete_traces(experiment, trace_ids=[ids["hand"]])
seen["deleted old"] = client.delete_traces(experiment, max_timestamp_millis=1_700_000_000_000, max_traces=5)
seen["left"] = [names[t.info.trace_id] for t in client.search_traces(locations=[experiment])]

print(json.dumps({"seen": seen, "ids": ids, "run": run.info.run_id, "experiment": experiment}, default=str))
