"""One model, asked over the socket it was started with (file descriptor 3) until that is closed.

    python worker.py MODEL_FOLDER frame|array

Started and watched by the data plane (src/deploy/serving/engines/python-worker.ts). What the model prints goes to
its own output; the socket carries frames only (frames.py).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path

DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def stay_expendable() -> None:
    """Gone with the data plane, and the first to go when the machine runs out of memory."""
    try:
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000")
    except (OSError, AttributeError):
        pass  # not Linux
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the data plane, which ends its workers


def main() -> int:
    stay_expendable()
    link = socket.socket(fileno=3)
    stream = link.makefile("rb", buffering=1 << 18)
    # the model's own processes must not hold the socket
    os.set_inheritable(3, False)
    try:
        import frames
        import model as models

        model = models.Model(Path(sys.argv[1]), sys.argv[2])
    except BaseException as error:
        print_failure(link, error)
        raise
    hello = {"python": models.python_version(), "packages": models.versions(), "classes": model.classes}
    link.sendall(frames.frame(0, frames.HELLO, 0, [[json.dumps(hello)]]))
    while (asked := frames.read_frame(stream)) is not None:
        if asked.op == frames.PING:
            link.sendall(frames.frame(asked.id, frames.ANSWER, 0, []))
            continue
        link.sendall(answer_to(frames, models, model, asked))
    return 0


def answer_to(frames, models, model, asked) -> bytes:
    try:
        labels, probabilities = model.ask(asked.columns)
        columns = [labels.tolist() if labels.dtype == object else labels]
        if probabilities is not None:
            columns.append(probabilities.reshape(-1))
        return frames.frame(asked.id, frames.ANSWER, asked.rows, columns)
    except (ValueError, TypeError) as error:  # what libraries raise for rows that they don't take
        op = frames.REFUSED
        words = models.words_of(error)
    except Exception as error:
        import traceback

        traceback.print_exc()
        op = frames.FAILED
        words = models.words_of(error)
    return frames.frame(asked.id, op, 0, [[words]])


def print_failure(link: socket.socket, error: BaseException) -> None:
    """By hand: what failed may be the import of numpy."""
    try:
        from model import words_of

        words = words_of(error)
    except Exception:
        words = f"{type(error).__name__}: {error}"
    text = words.encode()
    size = 8 + len(text)
    head = b"".join(number.to_bytes(4, "little") for number in (0, 6, 0, 1, 5, size, 0, len(text)))
    link.sendall(head + text + b"\0" * (-size % 8))


if __name__ == "__main__":
    raise SystemExit(main())
