"""What libraries log or warn of while a run is at work: printed like any other message, without secrets."""

from __future__ import annotations

import logging
import warnings
from typing import TextIO

from nika_core.cli.console import print_message


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            print_message(self.format(record))
        except Exception:  # of a message that its arguments do not fit
            self.handleError(record)


def catch_library_messages() -> None:
    """Print what no handler takes, warnings and worse, and what `warnings.warn` is called with, as messages.

    Python writes both to stderr as they are, with the text of whatever exception they are about.
    """
    logging.lastResort = _Messages(logging.WARNING)
    warnings.showwarning = _show


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print_message(warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n"))
