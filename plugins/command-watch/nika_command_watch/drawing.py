"""How rows look in a terminal of any width: what matters most comes first, and what does not fit is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style

from nika_command_watch.model import ENDED, RUNNING, WAITING, Node, is_question

_MARKS: Final = {
    RUNNING: "▶", WAITING: "◆", "success": "✓", "reused": "↻", "failed": "✗", "cancelled": "■", "skipped": "○",
    "interrupted": "■", "": "·",
}  # fmt: skip
_ASCII: Final = {
    RUNNING: ">", WAITING: "?", "success": "+", "reused": "=", "failed": "x", "cancelled": "#", "skipped": "o",
    "interrupted": "#", "": ".",
}  # fmt: skip
_STYLES: Final = {
    RUNNING: "blue", WAITING: "yellow", "success": "green", "reused": "cyan", "failed": "red", "cancelled": "yellow",
    "interrupted": "yellow", "skipped": "dim",
}  # fmt: skip
_BAR: Final = 12  # characters
_NAMES: Final = (8, 40)  # the least and the most columns of a name

Escape = Callable[[str], str]
Cells = list[tuple[str, str]]  # texts with their styles


class Drawing:
    """Draws rows of a run, or of runs.

    Args:
        escape: makes a text of others safe for a terminal, without secrets.
        unicode: whether the terminal shows more than ASCII.
        colors: whether styles may be colors.
    """

    def __init__(self, escape: Escape, *, unicode: bool = True, colors: bool = True) -> None:
        self._escape = escape
        self._marks = _MARKS if unicode else _ASCII
        self.fold = ("▾", "▸") if unicode else ("-", "+")
        self._bar = ("█", "░") if unicode else ("#", ".")
        self._ellipsis = "…" if unicode else "~"
        self._colors = colors

    def text(self, text: str) -> str:
        """Return a text of others on one line."""
        return " ".join(self._escape(text).split())

    def lines(self, text: str) -> list[str]:
        """Return a text of others as lines."""
        return self._escape(text).expandtabs(4).splitlines() or [""]

    def mark(self, state: str) -> tuple[str, str]:
        """Return the mark of a state, and its style."""
        return self._marks.get(state, self._marks[""]), _STYLES.get(state, "")

    def node(self, node: Node, width: int, name_width: int, now: float, *, lives: bool) -> Cells:
        """Return the row of a task.

        Args:
            name_width: columns of names, so that what follows is aligned.
            lives: whether a process works on the run: else what runs was interrupted.
        """
        state = node.state if lives or node.state != RUNNING else "interrupted"
        mark, style = self.mark(state)
        fold = self.fold[node.is_folded] if node.children else " "
        label = f"{node.name} ({node.key})" if node.key else node.name
        name = self._fit(f"{'  ' * min(node.depth, 8)}{fold} {self.text(label)}", name_width)
        cells: Cells = [(mark, style), (f" {name}", "bold" if state in (RUNNING, WAITING) else "")]
        left = width - 2 - name_width
        columns = [
            (8, _duration(node.seconds(now)) if node.started else "", ""),
            (9, node.keyword, "dim"),
            (8, _tokens(node.tokens), "dim"),
            (9, f"${node.cost:.4f}" if node.cost else "", "dim"),
            (4, f"#{node.attempt}" if node.attempt > 1 else "", "yellow"),
        ]
        for wide, text, text_style in columns:
            if left < wide + 1:
                break
            right = text_style != "dim" or text[:1].isdigit() or text.startswith("$")
            fitted = self._fit(text, wide)
            cells.append((f" {fitted.rstrip().rjust(wide) if right else fitted}", text_style))
            left -= wide + 1
        about = self._progress(node) if node.group or node.children else node.now
        if left > 4 and about:
            kind = "red" if state == "failed" else "yellow" if is_question(node) and state == WAITING else "dim"
            cells.append((f"  {self._fit(self.text(about), left - 2)}", kind))
        return cells

    def _progress(self, node: Node) -> str:
        done = sum(node.counts[state] for state in ENDED)
        total = max(node.total or 0, len(node.children))
        filled = round(_BAR * done / total) if total else 0
        rest = [f"{node.counts[state]} {state}" for state in (RUNNING, WAITING, "failed") if node.counts[state]]
        bar = self._bar[0] * filled + self._bar[1] * (_BAR - filled)
        return f"{bar} {done}/{total}" + (f", {', '.join(rest)}" if rest else "")

    def _fit(self, text: str, width: int) -> str:
        if cell_len(text) <= width:
            return set_cell_size(text, width)
        return set_cell_size(set_cell_size(text, max(0, width - 1)).rstrip() + self._ellipsis, width)

    def fit(self, text: str, width: int) -> str:
        """Return a text in exactly so many columns, with a mark at its end if it was longer."""
        return self._fit(text, width)

    def segments(self, cells: Iterable[tuple[str, str]], *, selected: bool = False) -> list[Segment]:
        """Return texts as Textual draws them."""
        return [Segment(text, self.style(style, selected=selected)) for text, style in cells]

    def style(self, name: str, *, selected: bool = False) -> Style:
        """Return a style by its name."""
        plain = not self._colors and name not in ("bold", "dim")
        return Style.parse("" if plain else name) + Style(reverse=selected or None)


def name_width(nodes: Iterable[Node], width: int) -> int:
    """Return how wide names are drawn among these nodes."""
    widest = max(map(_name_cells, nodes), default=0)
    return max(min(_NAMES[0], width - 2), min(widest, _NAMES[1], width // 2))


def _name_cells(node: Node) -> int:
    return 2 * min(node.depth, 8) + 2 + cell_len(node.name) + (len(node.key) + 3 if node.key else 0)


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m {int(seconds % 60):02}s"
    return f"{int(seconds // 3600)}h {int(seconds % 3600 // 60):02}m"


def duration_text(seconds: float) -> str:
    """Return a duration in at most eight characters."""
    return _duration(seconds)


def _tokens(count: int) -> str:
    if count < 10_000:
        return str(count) if count else ""
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"


def tokens_text(count: int) -> str:
    """Return a number of tokens in short."""
    return _tokens(count) or "0"


def age_text(seconds: float) -> str:
    """Return how long ago something was, in short."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def clock_text(at: float) -> str:
    """Return a time of the day in the user's time zone."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def wrapped(line: str, width: int) -> list[str]:
    """Return a line as pieces of at most so many columns, with its indent kept."""
    if cell_len(line) <= width:
        return [line]
    return [piece.rstrip("\n") for piece in chop_cells(line, width)]
