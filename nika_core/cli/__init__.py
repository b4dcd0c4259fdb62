"""The command line. Importing this package imports no command: each is imported when it is called."""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Final

_PLATFORMS: Final = {"linux", "darwin"}
_YOUNG: Final = 100_000  # objects; by default 700, which costs a hundred collections of what start-up creates and keeps


_is_process = False


def command_line() -> None:
    """Run the `nika` program as a process, which ends soon after its command."""
    global _is_process
    _is_process = True
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


def main(*, platform: str = sys.platform) -> None:
    """Run the `nika` program inside any process."""
    if platform not in _PLATFORMS:
        sys.stderr.write("nika runs on Linux and macOS, and on Windows inside WSL (`wsl --install`)\n")
        sys.exit(2)
    collect_rarely()
    atexit.register(gc.freeze)  # the process ends: no need to collect cycles first
    from nika_core.cli.exit_deadline import forget_what_stderr_still_holds
    from nika_core.cli.program import main as run

    try:
        run()
    finally:
        forget_what_stderr_still_holds()


def owns_process() -> bool:
    """Return whether this process is there for its command alone, so that all that is started in it belongs to it."""
    return _is_process


def collect_rarely() -> None:
    """Make Python collect reference cycles less often."""
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


__all__ = ["collect_rarely", "command_line", "main", "owns_process"]
