"""Standard input, which `-` names wherever a file is taken. One of a command's files may be read from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.cli.console import print_message
from nika_core.errors import UsageError
from nika_core.model import files

STDIN: Final = Path("-")
_NAME: Final = Path("<stdin>")
_END: Final = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
_readers: list[str] = []  # what has read it in this command


def begin_command() -> None:
    """Forget what another command of this process has read."""
    _readers.clear()


def read_stdin(what: str) -> str:
    """Return what standard input holds, up to its end. Raise UsageError that calls it `what`.

    On a terminal, the user is told that it is waited for.
    """
    if _readers:
        raise UsageError(
            f"standard input is taken twice: for {_readers[0]}, and for {what}",
            code=codes.BAD_INPUT,
            hint="read one of the two from a file",
        )
    _readers.append(what)
    if sys.stdin.isatty():
        print_message(f"reading {what} from the terminal; {_END} ends it")
    data = sys.stdin.buffer.read(files.MAX_BYTES + 1)
    if len(data) > files.MAX_BYTES:
        message = f"{what}: standard input has more than {files.MAX_BYTES} bytes"
        raise UsageError(message, code=codes.BAD_INPUT, hint="write it to a file, and read a part of it")
    try:
        return files.text_of(data, _NAME)
    except files.FileError as error:
        raise UsageError(f"{what}: {error.message}", code=codes.BAD_INPUT, hint=error.hint) from None


def read_workflow_text() -> str:
    """Return the workflow on standard input, as functions take a text: with a line break. Raise UsageError."""
    return read_stdin("the workflow") + "\n"
