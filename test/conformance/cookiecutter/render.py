"""Renders templates with cookiecutter, one JSON request a line on standard input, one JSON answer a line on standard output.

Each rendering has a process of its own, as on the command line, but the imports are paid once.
"""

import json
import os
import sys

sys.dont_write_bytecode = True

from cookiecutter.main import cookiecutter


def render(request):
    try:
        cookiecutter(
            request["template"],
            no_input=True,
            extra_context=request["answers"],
            output_dir=request["outputFolder"],
            directory=request.get("directory"),
            accept_hooks=request["hooks"],
            config_file=request["config"],
            keep_project_on_failure=True,
        )
        return {"made": True}
    except (Exception, SystemExit) as fault:
        cause = getattr(fault, "error", None)
        return {"fault": type(fault).__name__, "words": f"{fault}" if cause is None else cause.message}


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    request = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer = render(request)
        os.write(writer, json.dumps(answer).encode()[:60000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    answers.write(answer.decode() + "\n")
    answers.flush()
