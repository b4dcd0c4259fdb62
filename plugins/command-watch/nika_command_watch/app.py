"""The app of `nika runs watch`: how it looks, and which screen comes first."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

import nika_core as nika
from nika_command_watch.base import BaseApp
from nika_command_watch.run_screen import RunScreen
from nika_command_watch.runs_screen import RunsScreen


class WatchApp(BaseApp):
    """Follows the runs of a folder."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; overflow: hidden; background: transparent; }
    RowList { height: 1fr; background: transparent; scrollbar-size-vertical: 1; overflow-x: hidden; }
    Static { height: 1; width: 100%; background: transparent; }
    #question { height: auto; max-height: 50%; }
    Input { height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "quit", show=False, priority=False)]

    def on_mount(self) -> None:
        """Show the first screen."""
        if self.followed is None:
            self.open_runs()
        else:
            self.open_run(self.followed)

    def open_runs(self) -> None:
        """Show the list of runs, unless it is below the screen that was just left."""
        if not any(isinstance(screen, RunsScreen) for screen in self.screen_stack):
            self.push_screen(RunsScreen())

    def open_run(self, followed: nika.FollowedRun) -> None:
        """Show a run."""
        self.push_screen(RunScreen(followed))
