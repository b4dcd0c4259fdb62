"""The list of runs."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.base import TICK, BaseScreen, Line
from nika_command_watch.following import Lister
from nika_command_watch.model import WAITING
from nika_command_watch.rows import RowList

_KEYS: Final = "enter opens  q quits"


class RunsScreen(BaseScreen):
    """All runs, the newest first."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[nika.RecordedRun] = []
        self._lister: Lister | None = None

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield Line("head", "bold")
        yield RowList(self.drawing, self._row)
        yield Line("keys", "dim")

    def on_mount(self) -> None:
        """Begin to read the list."""
        app = self.watch_app
        self._lister = Lister(app.folder, lambda runs, error: app.tell(lambda: self._take(runs, error)))
        self._lister.start()
        self.set_interval(TICK, lambda: self.rows.check())

    def on_unmount(self) -> None:
        """Read no more."""
        if self._lister is not None:
            self._lister.stop()

    def on_screen_suspend(self) -> None:
        """Read nothing while a run is shown."""
        if self._lister is not None:
            self._lister.asleep.set()

    def on_screen_resume(self) -> None:
        """Read the list again."""
        if self._lister is not None:
            self._lister.asleep.clear()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """Follow a run."""
        if message.row < len(self._runs):
            try:
                followed = nika.runs.follow(self._runs[message.row].run_id, folder=self.watch_app.folder)
            except nika.NikaError as error:
                self.line("keys", self.drawing.text(error.message))
            else:
                self.watch_app.open_run(followed)

    def _take(self, runs: list[nika.RecordedRun], error: str) -> None:
        if not self.is_mounted:
            return
        row = None
        if self._runs and self.rows.row:  # the cursor stays on its run when a new one comes
            chosen = self._runs[min(self.rows.row, len(self._runs) - 1)].run_id
            row = next((place for place, run in enumerate(runs) if run.run_id == chosen), None)
        self._runs = runs
        states = [run.status for run in runs]
        self.line("head", f"{len(runs)} runs, {states.count('running')} running, {states.count('paused')} paused")
        self.line(
            "keys",
            self.drawing.text(error)
            or (_KEYS if runs else "there are no runs yet: start one with `nika run`  q quits"),
        )
        self.rows.show(len(runs), row)

    def _row(self, row: int, width: int) -> draw.Cells:
        if row >= len(self._runs):
            return []
        run, drawing = self._runs[row], self.drawing
        state = {"succeeded": "success", "paused": WAITING}.get(run.status, run.status)
        mark, style = drawing.mark(state)
        now = self.watch_app.clock()
        took = (run.ended_at or (now if run.status == "running" else run.started_at)) - run.started_at
        cells: draw.Cells = [
            (mark, style),
            (f" {drawing.fit(drawing.text(run.workflow), max(4, min(24, width // 3)))}", "bold"),
        ]
        for text, wide in (
            (run.status, 11),
            (run.run_id, 22),
            (f"{draw.age_text(now - run.started_at)} ago", 9),
            (draw.duration_text(took), 8),
            (draw.tokens_text(run.usage.total_tokens) if run.usage.total_tokens else "", 7),
            (f"${float(run.usage.cost_usd):.4f}" if run.usage.cost_usd else "", 9),
        ):
            cells.append((f"  {drawing.fit(text, wide)}", style if text == run.status else "dim"))
        return cells
