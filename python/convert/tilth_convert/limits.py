"""Bounds on what the conversion of one model may take."""

from __future__ import annotations

import contextlib
import signal


def bound(seconds: int, megabytes: int) -> None:
    """Ends this process after `seconds` (by SIGALRM), and refuses it more memory; 0 is no bound."""
    if seconds > 0 and hasattr(signal, "alarm"):
        signal.alarm(seconds)
    if megabytes > 0:
        with contextlib.suppress(ImportError, ValueError, OSError):
            import resource

            _, most = resource.getrlimit(resource.RLIMIT_AS)
            wanted = megabytes * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))
