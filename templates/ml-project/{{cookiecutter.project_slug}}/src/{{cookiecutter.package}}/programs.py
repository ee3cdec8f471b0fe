"""Other programs, with the Python of this environment first on their way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def first_of(*names: str) -> str | None:
    """The first of the programs that this machine has."""
    return next((name for name in names if shutil.which(name, path=_PATH)), None)


def run(program: str, *args: str) -> None:
    """Runs a program, shows what it says, and ends with its exit code when it fails."""
    print(f"$ {' '.join([Path(program).name, *args])}", flush=True)
    found = shutil.which(program, path=_PATH) or program
    code = subprocess.run([found, *args], env={**os.environ, "PATH": _PATH}, check=False).returncode
    if code != 0:
        raise SystemExit(code)


def run_module(module: str, *args: str) -> None:
    run(sys.executable, "-m", module, *args)
