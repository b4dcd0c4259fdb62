"""The command line. Importing this package imports no command: each is imported when it is called."""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Final

_YOUNG: Final = 50_000  # objects; by default 700, which costs a hundred collections of what start-up creates and keeps


def command_line() -> None:
    """Run the `nika` program as a process, which ends soon after its command."""
    code = 0
    try:
        main()
    except KeyboardInterrupt:  # during an import
        code = 130
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    from nika_core.cli.exit_deadline import SECONDS, exit_within

    exit_within(SECONDS, code)
    sys.exit(code)


def main() -> None:
    """Run the `nika` program inside any process."""
    collect_rarely()
    atexit.register(gc.freeze)  # the process ends: no need to collect cycles first
    from nika_core.cli.program import main as run

    run()


def collect_rarely() -> None:
    """Make Python collect reference cycles less often."""
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


__all__ = ["collect_rarely", "command_line", "main"]
