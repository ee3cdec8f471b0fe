"""Why a model is served by Python."""

from __future__ import annotations


class NotConvertibleError(Exception):
    """The model cannot be served as a graph. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


def first_line(error: BaseException) -> str:
    """What an error says, in one line without the noise of its class."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
