"""What the screens share: the app that they belong to, a line of text, and their clock."""

from __future__ import annotations

import os
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from textual.app import App
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.rows import RowList
from nika_core.plugin import Terminal

TICK: Final = 0.5  # seconds between two looks at the clock


class BaseApp(App[None]):
    """The app as its screens know it.

    Args:
        followed: the run that is shown first; None: the list of runs.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        terminal: Terminal,
        followed: nika.FollowedRun | None = None,
        *,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(ansi_color=True)
        self.folder = folder
        self.clock = clock
        encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
        unicode = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
        self.drawing = draw.Drawing(terminal.escape, unicode=unicode, colors=not environ.get("NO_COLOR"))
        self.followed = followed

    @abstractmethod
    def open_runs(self) -> None:
        """Show the list of runs."""

    @abstractmethod
    def open_run(self, followed: nika.FollowedRun) -> None:
        """Show a run."""

    def tell(self, call: Callable[[], None]) -> None:
        """Have something done in the thread of the terminal, from any other; nothing once that is gone."""
        try:
            if self._loop is not None and self.is_running:
                self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # its loop is closed
            pass


class Line(Static):
    """One line of text of others, never read as markup; drawn again only if it is another one."""

    def __init__(self, id_: str, style: str = "") -> None:
        super().__init__("", id=id_, markup=False)
        self._style = style
        self.shown = ""

    def show(self, text: str) -> None:
        """Show a text."""
        if text != self.shown:
            self.shown = text
            self.update(Content.styled(text, self._style) if self._style else Content(text))


class BaseScreen(Screen[None]):
    """What the screens share: the app, its drawing, and its clock."""

    AUTO_FOCUS = "RowList"

    @property
    def watch_app(self) -> BaseApp:
        """Return the app."""
        assert isinstance(self.app, BaseApp)
        return self.app

    @property
    def drawing(self) -> draw.Drawing:
        """Return what draws."""
        return self.watch_app.drawing

    def line(self, id_: str, text: str) -> None:
        """Show a text in the line of an id."""
        self.query_one(f"#{id_}", Line).show(self.drawing.fit(text, max(0, self.size.width)))

    @property
    def rows(self) -> RowList:
        """Return the list of this screen."""
        return self.query_one(RowList)
