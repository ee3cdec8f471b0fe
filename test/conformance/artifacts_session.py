"""Artifacts through the stock client: whole, in parts, by ranges. Takes the server's address; says what it did as JSON."""

import hashlib
import json
import os
import sys
import tempfile

os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(6 * 1024**2)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 * 1024**2)
os.environ["MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE"] = str(4 * 1024**2)
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"

import mlflow
import requests

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
requests_seen = []
send = requests.Session.send


def record(session, request, **settings):
    answer = send(session, request, **settings)
    path = request.path_url.split("?")[0]
    for family in ("mpu/create", "mpu/complete", "mpu/abort", "presigned", "signed", "artifacts", "server-info"):
        if f"/mlflow-artifacts/{family}" in path or path.endswith(f"/{family}"):
            requests_seen.append([request.method, family, answer.status_code])
            break
    return answer


requests.Session.send = record


def seen():
    found = requests_seen[:]
    requests_seen.clear()
    return found


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
    big = os.path.join(folder, "weights é.bin")
    with open(big, "wb") as file:
        file.write(os.urandom(17 * 1024**2 + 3))
    small = os.path.join(folder, "small.txt")
    with open(small, "w") as file:
        file.write("small")
    seen()
    mlflow.log_artifact(big, "models/deep")
    mlflow.log_artifact(small, "models/deep")
    uploads = seen()
    back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="models/deep/weights é.bin")
    assert digest(back) == digest(big)
    whole = seen()
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "true"
    with tempfile.TemporaryDirectory() as again:
        target = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="models/deep", dst_path=again)
        assert digest(os.path.join(target, "weights é.bin")) == digest(big)
        assert digest(os.path.join(target, "small.txt")) == digest(small)
    chunks = seen()
    files = {file.path: file.file_size for file in client.list_artifacts(run.info.run_id, "models/deep")}

    # a part that never arrives: the client gives the upload back
    put = requests.put
    requests.put = lambda *words, **settings: (_ for _ in ()).throw(requests.ConnectionError("cut off"))
    broken = os.path.join(folder, "broken.bin")
    with open(broken, "wb") as file:
        file.write(os.urandom(7 * 1024**2))
    try:
        mlflow.log_artifact(broken)
        raise SystemExit("the upload should have failed")
    except mlflow.exceptions.MlflowException:
        pass
    requests.put = put
    given_back = seen()
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["models"]

print(json.dumps({"run": run.info.run_id, "uploads": uploads, "whole": whole, "chunks": chunks, "files": files, "broken": given_back}))
