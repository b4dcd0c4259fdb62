"""One task: its output, its conversations with models, its error, attempts and events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.base import TICK, BaseScreen, Line
from nika_command_watch.model import Node
from nika_command_watch.rows import RowList

_KEYS: Final = "o output  p prompt  e error  a attempts  v events  esc back"


class TaskScreen(BaseScreen):
    """One task: its output, what a model was asked, its error, attempts and events."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "app.pop_screen", show=False),
        *(Binding(key, f"show('{what}')", show=False) for key, what in (
            ("o", "output"), ("p", "prompt"), ("e", "error"), ("a", "attempts"), ("v", "events"),
        )),
    ]  # fmt: skip

    def __init__(self, run_id: str, node: Node) -> None:
        super().__init__()
        self.run_id = run_id
        self.node = node
        self.what = "error" if node.state == "failed" else "output"
        self._text: list[tuple[str, str]] = []
        self._wrapped: list[tuple[str, str]] = []
        self._state: object = None

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield Line("head", "bold")
        yield RowList(self.drawing, self._row, cursor=False)
        yield Line("keys", "dim")

    def on_mount(self) -> None:
        """Show what is there, and what comes."""
        self.set_interval(TICK, self._look)
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
        self.line("keys", _KEYS)
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
                    f"... {start.get('length', 0)} characters: nika runs show {self.run_id} -v",
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
            found = nika.runs.transcript(self.run_id, self.node.id, folder=app.folder)
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
