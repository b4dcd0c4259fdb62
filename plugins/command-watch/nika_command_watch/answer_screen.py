"""A question, and the fields for its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

import nika_core as nika
from nika_command_watch import drawing as draw
from nika_command_watch.base import BaseScreen, Line
from nika_command_watch.model import Node
from nika_command_watch.rows import RowList


class AnswerScreen(BaseScreen):
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
        yield Line("head", "bold")
        yield RowList(self.drawing, self._row, cursor=False)
        for place, name in enumerate(self._fields or ["yes or no"]):
            yield Input(placeholder=self.drawing.text(name), id=f"field-{place}")
        yield Line("keys", "dim")

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
