"""The command line. Importing this package imports no command: each is imported when it is called."""

from __future__ import annotations


def main() -> None:
    """The `nika` program."""
    from nika_core.cli.main import main as run

    run()


__all__ = ["main"]
