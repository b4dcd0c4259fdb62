"""The screens of `nika runs watch`: the list of runs, a run, a task, and an answer to a question."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.following import Follower, Lister
from nika_command_watch.model import ORDERS, RUNNING, WAITING, Node, RunModel
from nika_command_watch.rows import RowList
from nika_core.plugin import Event, Terminal

_TICK: Final = 0.5  # seconds between two looks at the clock
_KEYS_OF_LIST: Final = "enter opens  q quits"
_KEYS_OF_RUN: Final = "enter opens  space folds  s sorts  r answers  esc back  q quits"
_KEYS_OF_TASK: Final = "o output  p prompt  e error  a attempts  v events  esc back"
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "paused"})


class WatchApp(App[None]):
    """Follows the runs of a folder.

    Args:
        followed: the run that is shown first; None: the list of runs.
        clock: seconds since the epoch.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; overflow: hidden; background: transparent; }
    RowList { height: 1fr; background: transparent; scrollbar-size-vertical: 1; overflow-x: hidden; }
    Static { height: 1; width: 100%; background: transparent; }
    #question { height: auto; max-height: 50%; }
    Input { height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "quit", show=False, priority=False)]

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
        self._followed = followed

    def on_mount(self) -> None:
        """Show the first screen."""
        self.push_screen(RunsScreen() if self._followed is None else RunScreen(self._followed))

    def tell(self, call: Callable[[], None]) -> None:
        """Have something done in the thread of the terminal, from any other; nothing once that is gone."""
        try:
            if self._loop is not None and self.is_running:
                self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # its loop is closed
            pass


class _Line(Static):
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


class _Base(Screen[None]):
    """What the screens share: the app, its drawing, and its clock."""

    AUTO_FOCUS = "RowList"

    @property
    def watch_app(self) -> WatchApp:
        """Return the app."""
        assert isinstance(self.app, WatchApp)
        return self.app

    @property
    def drawing(self) -> draw.Drawing:
        """Return what draws."""
        return self.watch_app.drawing

    def line(self, id_: str, text: str) -> None:
        """Show a text in the line of an id."""
        self.query_one(f"#{id_}", _Line).show(self.drawing.fit(text, max(0, self.size.width)))

    @property
    def rows(self) -> RowList:
        """Return the list of this screen."""
        return self.query_one(RowList)


class RunsScreen(_Base):
    """All runs, the newest first."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[nika.RecordedRun] = []
        self._lister: Lister | None = None

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield _Line("head", "bold")
        yield RowList(self.drawing, self._row)
        yield _Line("keys", "dim")

    def on_mount(self) -> None:
        """Begin to read the list."""
        app = self.watch_app
        self._lister = Lister(app.folder, lambda runs, error: app.tell(lambda: self._take(runs, error)))
        self._lister.start()
        self.set_interval(_TICK, lambda: self.rows.check())

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
                self.app.push_screen(RunScreen(followed))

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
        self.line("keys", self.drawing.text(error) or (_KEYS_OF_LIST if runs else "no run is recorded here  q quits"))
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


class RunScreen(_Base):
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
        yield _Line("head", "bold")
        yield _Line("counts")
        yield RowList(self.drawing, self._row)
        yield _Line("question", "yellow")
        yield _Line("keys", "dim")

    def on_mount(self) -> None:
        """Begin to read the run."""
        app = self.watch_app
        self._follower = Follower(
            self.followed,
            lambda events, status, more: app.tell(lambda: self._take(events, status, more)),
            lambda why, removed: app.tell(lambda: self._tell_lost(why, removed)),
        )
        self._follower.start()
        self.set_interval(_TICK, self._show)

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
            self.app.push_screen(TaskScreen(self, self._tasks[message.row]))

    def action_back(self) -> None:
        """Go back to the list of runs."""
        self.app.pop_screen()
        if not any(isinstance(screen, RunsScreen) for screen in self.app.screen_stack):
            self.app.push_screen(RunsScreen())

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
        self.query_one("#question", _Line).display = bool(text)
        self.line("question", drawing.text(text))
        self.line("keys", _KEYS_OF_RUN)

    def _row(self, row: int, width: int) -> draw.Cells:
        if row >= len(self._tasks):
            return []
        end = self.watch_app.clock() if self.lives else self.model.latest
        return self.drawing.node(self._tasks[row], width, self._names, end, lives=self.lives)


class TaskScreen(_Base):
    """One task: its output, what a model was asked, its error, attempts and events."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "app.pop_screen", show=False),
        *(Binding(key, f"show('{what}')", show=False) for key, what in (
            ("o", "output"), ("p", "prompt"), ("e", "error"), ("a", "attempts"), ("v", "events"),
        )),
    ]  # fmt: skip

    def __init__(self, screen: RunScreen, node: Node) -> None:
        super().__init__()
        self.run_screen = screen
        self.node = node
        self.what = "error" if node.state == "failed" else "output"
        self._text: list[tuple[str, str]] = []
        self._wrapped: list[tuple[str, str]] = []
        self._state: object = None

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield _Line("head", "bold")
        yield RowList(self.drawing, self._row, cursor=False)
        yield _Line("keys", "dim")

    def on_mount(self) -> None:
        """Show what is there, and what comes."""
        self.set_interval(_TICK, self._look)
        self._look()

    def on_resize(self) -> None:
        """Wrap the text anew."""
        self._wrap()

    def action_show(self, what: str) -> None:
        """Show something else of the task."""
        self.what = what
        self._state = None
        self.rows.scroll_to(y=0, animate=False)
        self._look()

    def _look(self) -> None:
        node = self.node
        state = (self.what, node.changed, node.state)
        head = f"{node.id}  {node.keyword}  {node.state}  {self.what}"
        self.line("head", self.drawing.text(head))
        self.line("keys", _KEYS_OF_TASK)
        if state == self._state:
            return
        self._state = state
        if self.what == "prompt":
            if not self._text:
                self._set([("reading ...", "dim")])
            self.run_worker(self._read_conversations, thread=True, exclusive=True, exit_on_error=False)
        else:
            self._set(getattr(self, f"_{self.what}")())

    def _set(self, lines: list[tuple[str, str]]) -> None:
        self._text = lines
        self._wrap()

    def _wrap(self) -> None:
        width = max(1, self.size.width - 1)
        self._wrapped = [
            (part, style)
            for text, style in self._text
            for line in self.drawing.lines(text)
            for part in draw.wrapped(line, width)
        ]
        self.rows.show(len(self._wrapped))
        self.rows.check()

    def _row(self, row: int, width: int) -> draw.Cells:
        return [self._wrapped[row]] if row < len(self._wrapped) else []

    def _output(self) -> list[tuple[str, str]]:
        end = self.node.end
        if "outputStart" in end:
            start = end["outputStart"]
            return [
                (str(start.get("text", "")), ""),
                (
                    f"... {start.get('length', 0)} characters: nika runs show {self.run_screen.followed.run_id} -v",
                    "dim",
                ),
            ]
        if end.get("output") is None:
            return [(str(self.node.now or f"no output: {self.node.state or 'not started'}"), "dim")]
        output = end["output"]
        return [(output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False), "")]

    def _error(self) -> list[tuple[str, str]]:
        error = self.node.end.get("error")
        if not isinstance(error, Mapping):
            return [("no error", "dim")]
        lines = [(f"[{error.get('code', '')}] {error.get('message', '')}", "red")]
        if error.get("hint"):
            lines.append((f"hint: {error['hint']}", ""))
        return lines

    def _attempts(self) -> list[tuple[str, str]]:
        kinds = ("task.started", "task.retrying", "task.waiting", "task.succeeded", "task.failed", "task.reused")
        found = [(at, kind, text) for at, kind, text in self.node.events if kind in kinds]
        return [(f"{draw.clock_text(at)}  {kind.removeprefix('task.')}  {text}", "") for at, kind, text in found]

    def _events(self) -> list[tuple[str, str]]:
        return [(f"{draw.clock_text(at)}  {kind}  {text}", "") for at, kind, text in self.node.events]

    def _read_conversations(self) -> None:
        """Read the conversations of the task, in a thread of its own."""
        app = self.watch_app
        lines: list[tuple[str, str]] = []
        try:
            found = nika.runs.transcript(self.run_screen.followed.run_id, self.node.id, folder=app.folder)
            for conversation in found:
                within = f" within {' / '.join(conversation.within)}" if conversation.within else ""
                lines.append((f"{conversation.task}{within}", "bold"))
                for turn in conversation.turns:
                    lines += _turn_lines(turn)
        except nika.NikaError as error:
            lines = [(error.message, "red")]
        app.tell(lambda: self._set_conversations(lines or [("no conversation with a model", "dim")]))

    def _set_conversations(self, lines: list[tuple[str, str]]) -> None:
        if self.what == "prompt" and self.is_mounted:
            self._set(lines)


def _turn_lines(turn: nika.Turn) -> list[tuple[str, str]]:
    if turn.role == "restart":
        return [(f"goes on from its first {turn.kept} messages", "yellow")]
    name = f"tool {turn.tool}" if turn.tool else turn.role
    failed = " failed" if turn.is_error else ""
    lines = [(f"{draw.clock_text(turn.at)}  {name}{failed}  {turn.model}".rstrip(), "cyan")]
    if turn.arguments is not None:
        lines.append((f"given {json.dumps(turn.arguments, ensure_ascii=False, default=str)}", "dim"))
    if turn.text:
        lines.append((turn.text, ""))
    lines += [
        (f"asks for {call['name']} {json.dumps(call['arguments'], ensure_ascii=False, default=str)}", "dim")
        for call in turn.tool_calls
    ]
    if not turn.answered:
        lines.append(("no answer", "dim"))
    return lines


class AnswerScreen(_Base):
    """A question with a field for each part of its answer."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", show=False)]

    def __init__(self, run_id: str, node: Node) -> None:
        super().__init__()
        self.run_id = run_id
        self.node = node
        about: Mapping[str, Any] = node.waits_for
        self._about = about
        form = about.get("form")
        self._fields = list(form) if isinstance(form, Mapping) else []

    def compose(self) -> ComposeResult:
        """Make the question and its fields."""
        yield _Line("head", "bold")
        yield RowList(self.drawing, self._row, cursor=False)
        for place, name in enumerate(self._fields or ["yes or no"]):
            yield Input(placeholder=self.drawing.text(name), id=f"field-{place}")
        yield _Line("keys", "dim")

    def on_mount(self) -> None:
        """Show the question."""
        self.line("head", self.drawing.text(f"{self.node.id} asks"))
        self._lines = self._question()
        self.rows.show(len(self._lines))
        self.line("keys", "enter answers  tab next field  esc back")

    def on_resize(self) -> None:
        """Wrap the question anew."""
        self._lines = self._question()
        self.rows.show(len(self._lines))

    def on_input_submitted(self) -> None:
        """Give the answer once every field is filled in."""
        values = [each.value.strip() for each in self.query(Input)]
        if self._fields:
            answer: Any = {name: value for name, value in zip(self._fields, values, strict=True) if value}
            words = self._about.get("words") or ()
            if len(answer) == 1 and values[0].lower() in words:
                answer = values[0].lower()
        else:
            answer = values[0]
        try:
            nika.answer(
                self.run_id, self.node.id, answer, digest=self._about.get("digest"), folder=self.watch_app.folder
            )
        except nika.NikaError as error:
            self.line("keys", self.drawing.text(error.message))
        else:
            self.node.answered = True
            self.node.now = f"answered; if no process works on the run: nika resume {self.run_id}"
            self.app.pop_screen()

    def _question(self) -> list[tuple[str, str]]:
        texts = [(str(self._about.get("message", "")), "bold")]
        if self._about.get("show") is not None:
            shown = self._about["show"]
            texts.append((shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False), ""))
        for name, call in (self._about.get("calls") or {}).items():
            texts.append((f"{name}: {json.dumps(call, ensure_ascii=False, default=str)}", ""))
        if self._about.get("words"):
            texts.append((f"or: {', '.join(map(str, self._about['words']))}", "dim"))
        width = max(1, self.size.width - 1)
        lines = ((line, style) for text, style in texts for line in self.drawing.lines(text))
        return [(part, style) for line, style in lines for part in draw.wrapped(line, width)]

    def _row(self, row: int, width: int) -> draw.Cells:
        return [self._lines[row]] if row < len(self._lines) else []
