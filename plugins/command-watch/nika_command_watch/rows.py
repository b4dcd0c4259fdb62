"""A list of any number of rows, of which only those in sight are drawn, and only those that changed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nika_command_watch.drawing import Cells, Drawing

DrawRow = Callable[[int, int], Cells]  # the number of a row and its columns


class RowList(ScrollView, can_focus=True):
    """Rows with a cursor. `draw` returns a row; it is asked only for rows in sight."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """The user wants to see more of a row."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, drawing: Drawing, draw: DrawRow, *, cursor: bool = True, name: str | None = None) -> None:
        super().__init__(name=name)
        self._drawing = drawing
        self._draw = draw
        self._shows_cursor = cursor
        self._count = 0
        self._drawn: dict[int, tuple[Cells, int, bool]] = {}
        self.row = 0
        self.redrawn = 0  # rows that were drawn since the start

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return self._count

    def show(self, count: int, row: int | None = None) -> None:
        """Set how many rows there are, and on which the cursor is; draw again what has changed of those in sight."""
        before = self.row
        self.row = max(0, min(self.row if row is None else row, count - 1))
        if count != self._count:
            self._count = count
            self.virtual_size = Size(self.size.width, count)
            self._drawn.clear()
            self.refresh()
        if self.row != before:
            self._follow()
        self.check()

    def check(self) -> None:
        """Draw again the rows in sight that look different now."""
        top, width = self.scroll_offset.y, self.size.width
        for row in range(top, min(self._count, top + self.size.height)):
            drawn = self._drawn.get(row)
            if drawn is None or drawn != (self._draw(row, width), width, self._is_selected(row)):
                self.refresh_line(row)

    def render_line(self, y: int) -> Strip:
        """Return one line of what is in sight."""
        row, width = self.scroll_offset.y + y, self.size.width
        if row >= self._count:
            return Strip.blank(width, self.rich_style)
        cells, selected = self._draw(row, width), self._is_selected(row)
        if len(self._drawn) > 2 * self.size.height + 10:
            self._drawn.clear()
        self._drawn[row] = cells, width, selected
        self.redrawn += 1
        segments: list[Segment] = self._drawing.segments(cells, selected=selected)
        strip = Strip(segments).crop(0, width)
        return strip.extend_cell_length(width, self._drawing.style("", selected=selected))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, self._count)
        self._drawn.clear()
        self._follow()

    def action_move(self, by: int) -> None:
        """Move the cursor, or scroll if there is none."""
        self._go((self.row if self._shows_cursor else self.scroll_offset.y) + by)

    def action_page(self, by: int) -> None:
        """Move by a screen."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_go(self, row: int) -> None:
        """Move to a row; -1: the last one."""
        self._go(self._count - 1 if row < 0 else row)

    def action_choose(self) -> None:
        """Tell that the user wants to see more of the row under the cursor."""
        if self._count:
            self.post_message(self.Chosen(self.row))

    def _go(self, row: int) -> None:
        if not self._shows_cursor:
            self.scroll_to(y=max(0, min(row, self._count - self.size.height)), animate=False)
            return
        before, self.row = self.row, max(0, min(row, self._count - 1))
        if before != self.row:
            self.refresh_line(before)
            self.refresh_line(self.row)
            self._follow()

    def _is_selected(self, row: int) -> bool:
        return self._shows_cursor and row == self.row

    def _follow(self) -> None:
        if self._shows_cursor and self._count and self.size.height:
            self.scroll_to_region(Region(0, self.row, 1, 1), animate=False, force=True)
