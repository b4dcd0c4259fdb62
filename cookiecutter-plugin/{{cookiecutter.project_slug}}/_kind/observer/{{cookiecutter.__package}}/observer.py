"""Takes note of a run. Works in a thread of its own; what it raises is a warning at the end of the run."""

from __future__ import annotations

from nika_core.plugin import Event, EventKind, ObserverSetup, TaskError


class {{cookiecutter.__class}}Observer:
    """Made once per run."""

    def __init__(self, setup: ObserverSetup) -> None:
        self._path = setup.folder / setup.settings["file"]
        try:
            self._file = self._path.open("a", encoding="utf-8", errors="replace")
        except OSError as error:
            raise TaskError(f"{self._path.name} cannot be written: {error.strerror}") from error

    def observe(self, event: Event) -> None:
        """Write a line if a task has failed."""
        if event.kind == EventKind.TASK_FAILED:
            message = str((event.data.get("error") or {}).get("message", ""))
            self._file.write(f"{event.run_id} {event.task}: {' '.join(message.split())}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
