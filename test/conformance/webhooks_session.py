"""Webhooks through the stock client, with a receiver that fails at first. Takes the server's address; says what it heard as JSON."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import mlflow
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks.delivery import _generate_hmac_signature

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
heard = []
refusals = [503]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = refusals.pop() if refusals else 200
        heard.append({"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body, "status": status})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"heard")

    def log_message(self, *_):
        pass


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{receiver.server_port}/hook?token=x"


def wait_for(count):
    for _ in range(300):
        if len(heard) >= count:
            return
        time.sleep(0.05)
    raise SystemExit(f"heard {len(heard)} of {count}: {heard}")


client.create_registered_model("before")
hook = client.create_webhook(
    name="ci",
    url=url,
    events=[
        WebhookEvent.from_str(event)
        for event in ("registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted")
    ],
    description="tells the build",
    secret="s3cret",
)
assert client.get_webhook(hook.webhook_id).description == "tells the build"
assert [each.webhook_id for each in client.list_webhooks()] == [hook.webhook_id]
assert client.list_webhooks()[0].secret is None

with mlflow.start_run() as run:
    mlflow.log_text("x", "model/MLmodel")
client.create_registered_model("wheat", tags={"crop": "yes"}, description="yield")
wait_for(2)
assert [each["status"] for each in heard] == [503, 200]
assert heard[0]["headers"]["x-mlflow-delivery-id"] == heard[1]["headers"]["x-mlflow-delivery-id"]
client.create_model_version("wheat", f"runs:/{run.info.run_id}/model", run.info.run_id, tags={"a": "b"})
wait_for(3)
client.set_model_version_tag("wheat", "1", "checked", "yes")
wait_for(4)
client.delete_model_version_tag("wheat", "1", "checked")
wait_for(5)
client.set_registered_model_alias("wheat", "shadow", "1")
wait_for(6)
client.delete_registered_model_alias("wheat", "shadow")
client.set_registered_model_tag("wheat", "nobody", "asked")
wait_for(7)

for each in heard:
    headers = each["headers"]
    expected = _generate_hmac_signature("s3cret", headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"], each["body"])
    assert headers["x-mlflow-signature"] == expected, headers
    assert abs(time.time() - int(headers["x-mlflow-timestamp"])) < 60

tested = client.test_webhook(hook.webhook_id, WebhookEvent.from_str("model_version_alias.created"))
assert tested.success and tested.response_status == 200 and tested.response_body == "heard", tested
assert json.loads(heard[-1]["body"])["data"]["alias"] == "example_alias"
changed = client.update_webhook(hook.webhook_id, status=WebhookStatus.DISABLED, name="quiet")
assert (changed.name, changed.status, len(changed.events)) == ("quiet", WebhookStatus.DISABLED, 6)
count = len(heard)
client.create_registered_model("unheard")
client.update_webhook(hook.webhook_id, status=WebhookStatus.ACTIVE, events=[WebhookEvent.from_str("prompt.created"), WebhookEvent.from_str("prompt_version.created")])
mlflow.genai.register_prompt("greeting", "Hello {{name}}!")
assert mlflow.genai.load_prompt("prompts:/greeting/1").format(name="Ana") == "Hello Ana!"
wait_for(count + 2)

for wrong in ("ftp://example.com", "http://169.254.169.254/latest", "https://10.0.0.1/x", "https://localhost/x", "https://user:word@example.com/"):
    try:
        client.create_webhook(name="wrong", url=wrong, events=[WebhookEvent.from_str("prompt.created")])
        raise SystemExit(f"{wrong} should have been refused")
    except MlflowException as refused:
        assert refused.error_code == "INVALID_PARAMETER_VALUE", refused
try:
    client.get_webhook("nope")
    raise SystemExit("nope should not be found")
except MlflowException as missing:
    assert missing.error_code == "RESOURCE_DOES_NOT_EXIST", missing
client.delete_webhook(hook.webhook_id)
assert list(client.list_webhooks()) == []
print(json.dumps([json.loads(each["body"]) for each in heard]))
