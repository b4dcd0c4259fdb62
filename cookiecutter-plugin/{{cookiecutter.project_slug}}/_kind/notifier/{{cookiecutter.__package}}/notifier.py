"""Tells of a question. Works in a thread of its own; what it raises is a warning of the run."""

from __future__ import annotations

import asyncio

from nika_core.plugin import NotifierSetup, QuestionNotice, TaskError


class {{cookiecutter.__class}}Notifier:
    """Made once per run; used by several questions at once."""

    def __init__(self, setup: NotifierSetup) -> None:
        self._path = setup.folder / setup.settings["file"]

    async def notify(self, notice: QuestionNotice) -> None:
        """Return when the line is written. Raise TaskError if it cannot be."""
        line = f"{notice.task} asks: {notice.message} Answer: {notice.command}"
        await asyncio.to_thread(self._write, " ".join(line.split()) + "\n")

    def _write(self, line: str) -> None:
        try:
            with self._path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(line)
        except OSError as error:
            raise TaskError(f"{self._path.name} cannot be written: {error.strerror}") from error
