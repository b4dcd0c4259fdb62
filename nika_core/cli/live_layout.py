"""Lays a run's state out as lines for a width and a height: a head, and below it what runs. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from nika_core.cli.cells import columns, cut, cut_start, start, wrap
from nika_core.cli.live_state import LiveState, Row
from nika_core.cli.marks import Marks
from nika_core.model.usage import money_text

Span: TypeAlias = tuple[str, str]  # a text, and the name of its style
Line: TypeAlias = list[Span]

_SHARE: Final = 2 / 3  # of the screen, at most
_BAR: Final = 20  # columns, at most
_LEAST_BAR: Final = 4
_NARROW: Final = 40  # columns below which words are left out
_MARGIN: Final = 3  # columns before the head, and between its parts
_LEAST_DETAIL: Final = 8  # columns; else a row has none
_TWO_LINES: Final = 10  # rows from which the head may take two
_MORE: Final = "  +{} more"
_STYLES: Final = {"running": "blue", "retrying": "yellow", "asked": "cyan", "waiting": "dim"}


def layout(state: LiveState, width: int, height: int, now: float, marks: Marks) -> list[Line]:
    """Return the lines for a terminal, none wider than `width`, and fewer than `height`.

    Args:
        now: in seconds since the epoch.
    """
    most = max(1, min(height - 1, int(height * _SHARE)))
    lines = _head(state, width, height, now, marks)[:most]
    room = most - len(lines)
    rows = state.order(now)
    if room <= 0 or not rows:
        return lines
    shown = rows if len(rows) <= room else rows[: room - 1]
    text = rows[0].tail if state.single and len(rows) == 1 and rows[0].group is None else ""
    below = _text(text, width, height - 2 - len(lines), marks)
    lines += _rows(shown, width, now, marks, tails=not below) + below
    if len(shown) < len(rows):
        lines.append([(cut(_MORE.format(len(rows) - len(shown)), width, marks.cut), "dim")])
    return lines


def clock_text(seconds: float) -> str:
    """Return a duration of something that goes on, in whole seconds: `12 s`, `4:05`, `1:02:03`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _head(state: LiveState, width: int, height: int, now: float, marks: Marks) -> list[Line]:
    """Return the head; what matters least is left out if there is no room for all."""
    elapsed = clock_text(now - (now if state.started is None else state.started))
    counts: list[tuple[int, Span]] = [  # how soon it is left out, and what it is
        (6, (elapsed, "")),
        (9, (f"{state.done}/{state.total}{'' if width < _NARROW else ' done'}", "")),
        (4, (f"{state.running} running" if state.running else "", "")),
        (7, (f"{state.waiting} waiting" if state.waiting else "", "cyan")),
        (8, (f"{state.failed} failed" if state.failed else "", "red")),
        (5, (f"{state.interrupted} interrupted" if state.interrupted else "", "yellow")),
    ]
    spent: list[tuple[int, Span]] = []
    if state.tokens:
        of = f" of {_compact(state.max_tokens)}" if state.max_tokens else ""
        spent = [(1, (f"{_compact(state.tokens)}{of} tokens", "")), (3, (_cost(state), ""))]
    name = (2, (marks.line(state.name), "bold"))
    whole = [name, *counts, *spent]
    if not spent or height < _TWO_LINES or _width(whole) <= width:
        return [_fit(whole, width, marks)]
    return [_fit([name, *counts], width, marks), _fit([(10, ("", "")), *spent], width, marks, indent=True)]


def _cost(state: LiveState) -> str:
    of = f" of {money_text(state.max_cost)}" if state.max_cost else ""
    cost = money_text(state.cost_usd) if state.cost_usd else "$0.00"
    return f"{cost}{of}{' + unpriced' if state.unpriced else ''}"


def _compact(count: float) -> str:
    """Return a number in at most four digits: `950`, `12.3k`, `2M`."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= size:
            text = f"{count / size:.1f}" if count < 100 * size else f"{count / size:.0f}"
            return f"{text.removesuffix('.0')}{unit}"
    return f"{count:.0f}"


def _width(parts: Iterable[tuple[int, Span]]) -> int:
    widths = [columns(text) for _, (text, _) in parts if text]
    return sum(widths) + _MARGIN * max(0, len(widths) - 1) + _MARGIN


def _fit(parts: Sequence[tuple[int, Span]], width: int, marks: Marks, indent: bool = False) -> Line:
    """Return the parts with a rule before them, as many as there is room for."""
    kept = [part for part in parts if part[1][0]]
    while len(kept) > 1 and _width(kept) - (_MARGIN if width < _NARROW else 0) > width:
        kept.remove(min(kept))
    margin = "" if width < _NARROW else " " * _MARGIN if indent else f"{marks.rule * 2} "
    line: Line = [(margin, "dim")]
    for _, (text, style) in kept:
        if len(line) > 1:
            line.append((f" {marks.between} ", "dim"))
        line.append((text, style))
    return _within(line, width, marks)


def _within(line: Line, width: int, marks: Marks) -> Line:
    """Return a line cut to the width."""
    found: Line = []
    for text, style in line:
        taken = columns(text)
        if taken > width:
            return [*found, (cut(text, width, marks.cut), style)]
        found.append((text, style))
        width -= taken
    return found


def _rows(rows: Sequence[Row], width: int, now: float, marks: Marks, *, tails: bool) -> list[Line]:
    """Return a line for each row, in columns: mark, id, keyword, attempt, time, and what it does.

    Args:
        tails: whether what a row streams is shown.
    """
    if not rows:
        return []
    times = [clock_text(now - row.since) for row in rows]
    time_width = max(4, *(len(text) for text in times))
    id_width = max(len(row.task) for row in rows)
    keyword_width = max(len(row.keyword) for row in rows) if width >= _NARROW else 0
    tries_width = max(len(_tries(row)) for row in rows) if width >= 30 else 0
    others = 2 + sum(2 + each for each in (keyword_width, tries_width, time_width) if each)
    id_width = max(1, min(id_width, width // 3 if width >= _NARROW else width, width - others))
    lines: list[Line] = []
    for row, time in zip(rows, times, strict=True):
        line: Line = [
            (f"{_mark(row, marks)} ", _STYLES[row.state]),
            (cut(row.task, id_width, marks.cut).ljust(id_width), "bold" if row.state == "asked" else ""),
        ]
        if keyword_width:
            line.append((f"  {row.keyword.ljust(keyword_width)}", "dim"))
        if tries_width:
            line.append((f"  {_tries(row).ljust(tries_width)}", "yellow"))
        line.append((f"  {time.rjust(time_width)}", ""))
        room = width - others - id_width - 2
        if room >= _LEAST_DETAIL and (tails or not row.tail):
            line += [("  ", ""), *_detail(row, room, now, marks)]
        lines.append(_within(line, width, marks))
    return lines


def _mark(row: Row, marks: Marks) -> str:
    if row.state == "running":
        return marks.started
    return {"retrying": marks.retrying, "asked": marks.asked}.get(row.state, marks.skipped)


def _tries(row: Row) -> str:
    return f"try {row.attempt + (row.state == 'retrying')}" if row.attempt > 1 or row.state == "retrying" else ""


def _detail(row: Row, room: int, now: float, marks: Marks) -> Line:
    """Return what a row does, in at most `room` columns."""
    if row.state == "retrying":
        return [(cut(f"in {clock_text(row.until - now + 0.5)}: {marks.line(row.note)}", room, marks.cut), "yellow")]
    if row.state in ("asked", "waiting"):
        asks = "" if row.state == "asked" else "waits for "
        return [(cut(marks.line(f"{asks}{row.note}"), room, marks.cut), "")]
    line: Line = []
    done, total, text = row.progress or (0.0, None, "")
    if row.group is not None:
        done, total, text = row.group.done, row.group.total, row.group.so_far()
        running = f", {row.group.running} running" if row.group.running else ""
        if room >= len(text) + len(running) + 2 + _LEAST_BAR:
            text += running
    elif row.progress is not None:
        text = f"{done:g}" + ("" if total is None else f"/{total:g}") + f" {text}"
    text = marks.line(text)
    bar = min(_BAR, room - columns(text) - 2)
    if total and bar >= _LEAST_BAR:
        full = int(bar * min(1.0, max(0.0, done / total)))
        line += [(marks.full * full, "green"), (marks.empty * (bar - full), "dim"), ("  ", "")]
        room -= bar + 2
    if text:
        text = cut(text, room, marks.cut)
        line.append((text, ""))
        room -= columns(text) + 2
    spoken = f"{row.speaker}: " if row.speaker else ""
    tail = marks.line(row.last_line())
    if tail or row.note:
        room -= len(spoken)
        if room >= _LEAST_DETAIL:
            shown = cut_start(tail, room, marks.cut) if tail else cut(marks.line(row.note), room, marks.cut)
            line.append((f"{'  ' if text else ''}{spoken}{shown}", "dim"))
    return line


def _text(text: str, width: int, room: int, marks: Marks) -> list[Line]:
    """Return the end of a text as lines, at most `room`."""
    if room <= 0 or not text or text.isspace():
        return []
    inside = max(1, width - 2)
    lines: list[str] = []
    for line in marks.text(text).split("\n"):
        for piece in wrap(line, inside, 0).split("\n"):
            while columns(piece) > inside:
                first = start(piece, inside) or piece[0]
                lines.append(first)
                piece = piece[len(first) :]
            lines.append(piece)
    while lines and not lines[-1].strip():
        lines.pop()
    return [[(f"  {line}", "")] for line in lines[-room:]]
