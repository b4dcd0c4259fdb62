"""Standard input, which `-` names wherever a file is taken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import UsageError
from nika_core.model import files

STDIN: Final = Path("-")
_NAME: Final = Path("<stdin>")


def read_stdin(what: str) -> str:
    """Return what standard input holds, up to its end. Raise UsageError that calls it `what`."""
    data = sys.stdin.buffer.read(files.MAX_BYTES + 1)
    if len(data) > files.MAX_BYTES:
        message = f"{what}: standard input has more than {files.MAX_BYTES} bytes"
        raise UsageError(message, code=codes.BAD_INPUT, hint="write it to a file, and read a part of it")
    try:
        return files.text_of(data, _NAME)
    except files.FileError as error:
        raise UsageError(f"{what}: {error.message}", code=codes.BAD_INPUT, hint=error.hint) from None
