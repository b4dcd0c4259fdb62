"""Calls a function in another Python process, so that what it imports, opens and leaves behind can be seen."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nika_core.values import dataclass

_FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class SubprocessResult:
    """What the process did. `value` is what the function returned; None if it did not, and `failed` says why."""

    value: Any
    failed: str
    stdout: str
    stderr: str
    returncode: int


def in_fresh_interpreter(
    target: str,
    arguments: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> SubprocessResult:
    """Call "package.module:function" with keyword arguments that are JSON, in a process that imports what this one can.

    Args:
        environ: variables added to a small environment (PATH, HOME, TMPDIR); nothing of this process's own gets there.
        timeout: seconds, after which the process is killed.
    """
    with tempfile.TemporaryDirectory(prefix="nika-testing-") as folder:
        answer = Path(folder) / "answer.json"
        home = Path(folder) / "home"
        temporary = Path(folder) / "tmp"
        home.mkdir()
        temporary.mkdir()
        small = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
        }
        small |= {name: os.environ[name] for name in ("COVERAGE_PROCESS_CONFIG", "SYSTEMROOT") if name in os.environ}
        command = [sys.executable, "-m", "nika_core.testing.interpreter", target, str(answer)]
        try:
            process = subprocess.run(
                command,
                input=json.dumps(dict(arguments)),
                env=small | dict(environ or {}),
                cwd=home,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return SubprocessResult(
                None, f"it did not end within {timeout:g} s", _text(error.stdout), _text(error.stderr), -9
            )
        if not answer.exists():
            failed = f"the process ended with {process.returncode} before an answer: {process.stderr[-2000:]}"
            return SubprocessResult(None, failed, process.stdout, process.stderr, process.returncode)
        answered = json.loads(answer.read_text(encoding="utf-8"))
        return SubprocessResult(
            answered.get("value"), answered.get(_FAILED, ""), process.stdout, process.stderr, process.returncode
        )


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _main(target: str, answer: str) -> None:
    arguments = json.loads(sys.stdin.read())
    module, _, name = target.partition(":")
    try:
        answered = {"value": getattr(importlib.import_module(module), name)(**arguments)}
    except BaseException as error:  # whatever the plugin does: the parent is told
        answered = {_FAILED: f"{type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps(answered, default=str), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
