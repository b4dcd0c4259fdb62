"""A run and its tasks."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.answer_screen import AnswerScreen
from nika_command_watch.base import TICK, BaseScreen, Line
from nika_command_watch.following import Follower
from nika_command_watch.model import ORDERS, RUNNING, WAITING, Node, RunModel
from nika_command_watch.rows import RowList
from nika_command_watch.task_screen import TaskScreen
from nika_core.plugin import Event

_KEYS: Final = "enter opens  space folds  s sorts  r answers  esc back  q quits"


class RunScreen(BaseScreen):
    """A run and its tasks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l", "back", show=False),
        Binding("space", "fold", show=False),
        Binding("left", "fold(True)", show=False),
        Binding("right", "fold(False)", show=False),
        Binding("s", "sort", show=False),
        Binding("r", "answer", show=False),
    ]

    def __init__(self, followed: nika.FollowedRun) -> None:
        super().__init__()
        self.followed = followed
        self.model = RunModel()
        self.order = ORDERS[0]
        self.status = followed.status
        self.loading = False
        self._opening = True
        self._lost = ""
        self._tasks: list[Node] = []
        self._names = 8
        self._structure = -1
        self._follower: Follower | None = None

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield Line("head", "bold")
        yield Line("counts")
        yield RowList(self.drawing, self._row)
        yield Line("question", "yellow")
        yield Line("keys", "dim")

    def on_mount(self) -> None:
        """Begin to read the run."""
        app = self.watch_app
        self._follower = Follower(
            self.followed,
            lambda events, status, more: app.tell(lambda: self._take(events, status, more)),
            lambda why, removed: app.tell(lambda: self._tell_lost(why, removed)),
        )
        self._follower.start()
        self.set_interval(TICK, self._show)

    def on_unmount(self) -> None:
        """Read no more."""
        if self._follower is not None:
            self._follower.stop()

    def on_resize(self) -> None:
        """Fit everything to the new size."""
        self._structure = -1
        self._show()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """Open a task, or unfold a folded one."""
        if message.row < len(self._tasks):
            self.app.push_screen(TaskScreen(self.followed.run_id, self._tasks[message.row]))

    def action_back(self) -> None:
        """Go back to the list of runs."""
        self.app.pop_screen()
        self.watch_app.open_runs()

    def action_sort(self) -> None:
        """Sort by the next thing."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._structure = -1
        self._show()

    def action_fold(self, fold: bool | None = None) -> None:
        """Fold or unfold what is inside a task."""
        node = self._selected()
        if node is None:
            return
        if fold and (not node.children or node.is_folded) and node.parent is not None:
            self.rows.show(len(self._tasks), self._tasks.index(node.parent))
            return
        if node.children:
            node.folded = not node.is_folded if fold is None else fold
            self._structure = -1
            self._show()

    def action_answer(self) -> None:
        """Answer the question of the selected task, or the first that is open."""
        selected, asked = self._selected(), self.model.open_questions()
        node = selected if selected in asked else next(iter(asked), None)
        if node is None:
            self.line("question", "no question is open")
        else:
            self.app.push_screen(AnswerScreen(self.followed.run_id, node))

    @property
    def lives(self) -> bool:
        """Return whether a process works on the run."""
        return self.status == RUNNING

    def _selected(self) -> Node | None:
        return self._tasks[self.rows.row] if self.rows.row < len(self._tasks) else None

    def _take(self, events: list[Event], status: str, more: bool) -> None:
        self._lost = ""
        self.status = status
        self._opening = more
        self.model.add(events)
        if self.is_mounted and (events or not more):
            self._show()

    def _tell_lost(self, why: str, removed: bool) -> None:
        self._lost = "this run was removed" if removed else why
        if removed:
            self.status = "removed"
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        """Show what is new."""
        model, rows = self.model, self.rows
        row = None
        if self._structure != model.structure or self.order != ORDERS[0]:
            selected = self._selected()
            self._tasks = model.rows(self.order)
            self._names = draw.name_width(self._tasks[:2000], self.size.width)
            self._structure = model.structure
            if selected is not None and rows.row:
                row = next((place for place, node in enumerate(self._tasks) if node is selected), None)
        self._show_head()
        rows.show(len(self._tasks), row)

    def _show_head(self) -> None:
        model, followed, drawing = self.model, self.followed, self.drawing
        end = self.watch_app.clock() if self.lives else model.latest
        parts = [
            drawing.text(followed.workflow),
            self.status,
            draw.duration_text(max(0.0, end - model.began)) if model.began else "",
            f"{draw.tokens_text(model.tokens)} tokens" if model.tokens else "",
            f"${model.cost:.4f}" if model.cost else "",
            followed.run_id,
        ]
        self.line("head", "  ".join(part for part in parts if part))
        counts = [f"{count} {state}" for state, count in model.counts.items() if count > 0]
        sorted_by = "" if self.order == ORDERS[0] else f"  by {self.order}"
        self.line(
            "counts", (", ".join(counts) or "nothing yet") + sorted_by + ("  reading ..." if self._opening else "")
        )
        asked = next(iter(model.open_questions()), None) if model.counts[WAITING] > 0 else None
        text = self._lost or (f"{asked.id} asks: {asked.waits_for.get('message', '')}  (r answers)" if asked else "")
        self.query_one("#question", Line).display = bool(text)
        self.line("question", drawing.text(text))
        self.line("keys", _KEYS)

    def _row(self, row: int, width: int) -> draw.Cells:
        if row >= len(self._tasks):
            return []
        end = self.watch_app.clock() if self.lives else self.model.latest
        return self.drawing.node(self._tasks[row], width, self._names, end, lives=self.lives)
