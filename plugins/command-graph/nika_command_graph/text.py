"""For a terminal: a row for each task, and rails that join it to what it waits for.

    ○    fetch   http
    ├─●  titles  function  after fetch
    ●─╯  report  llm       after fetch, titles if {{titles}} != []

A rail comes down from each task that others wait for, and ends at the last of them; `○` waits for nothing. The words
on the right say the same, so that nothing is lost where there are more rails than can be followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from nika_command_graph.picture import Line, Picture, shortened

_MOST_RAILS: Final = 24  # beyond that nobody can follow them
_LONGEST_ID: Final = 40
_LONGEST_CONDITION: Final = 80


def draw_text(picture: Picture) -> str:
    """Draw one row per task, each below all that it waits for; indent the tasks of a workflow that it stands for."""
    return "\n".join([picture.title, "", *_task_rows(picture)])


def _task_rows(picture: Picture) -> list[str]:
    incoming: list[list[Line]] = [[] for _ in picture.nodes]
    for line in picture.lines:
        incoming[line.target].append(line)
    order = _order(picture, incoming)
    rails = _rails(picture, order, incoming)
    rail_width = max((len(rail) for rail, _ in rails), default=0)
    names = [node.name(len(node.id)) for node in picture.nodes]  # in full: this is the only place of a long id
    name_width = min(max(map(len, names), default=0), _LONGEST_ID)
    keyword_width = max((len(node.keyword) for node in picture.nodes), default=0)
    rows: list[str] = []
    for number, (rail, below) in zip(order, rails, strict=True):
        node = picture.nodes[number]
        when = f"if {shortened(node.when, _LONGEST_CONDITION)}" if node.when else ""
        asks = shortened(node.asks, _LONGEST_CONDITION)
        after = "; ".join(filter(None, (_after(picture, incoming[number]), when, asks)))
        name = names[number].ljust(name_width)
        rows.append(f"{rail.ljust(rail_width)}  {name}  {node.keyword.ljust(keyword_width)}  {after}".rstrip())
        if node.inner is not None:
            rows += [f"{below.ljust(rail_width)}    {row}".rstrip() for row in _task_rows(node.inner)]
    return rows


def _order(picture: Picture, incoming: list[list[Line]]) -> list[int]:
    """Order tasks: each after all that it waits for, otherwise as declared; tasks of a cycle come last."""
    waiting = [len({line.source for line in lines}) for lines in incoming]
    outgoing: list[set[int]] = [set() for _ in picture.nodes]
    for line in picture.lines:
        outgoing[line.source].add(line.target)
    ready = [number for number, count in enumerate(waiting) if not count]
    heapify(ready)
    found: list[int] = []
    while ready:
        number = heappop(ready)
        found.append(number)
        for target in outgoing[number]:
            waiting[target] -= 1
            if not waiting[target]:
                heappush(ready, target)
    placed = set(found)
    return found + [number for number in range(len(picture.nodes)) if number not in placed]


def _after(picture: Picture, lines: list[Line]) -> str:
    texts = []
    for line in lines:
        name = shortened(picture.nodes[line.source].id, _LONGEST_ID)
        texts.append(f"{name} if {shortened(line.label, _LONGEST_CONDITION)}" if line.label else name)
    return f"after {', '.join(texts)}" if texts else ""


@dataclass(slots=True)
class _Rail:
    """Comes down from `source`; so many tasks below wait for it."""

    source: int
    waiting: int


def _rails(picture: Picture, order: list[int], incoming: list[list[Line]]) -> list[tuple[str, str]]:
    """Draw for each task of `order` its row of rails, and those below it; empty ones if there would be too many."""
    position = {number: at for at, number in enumerate(order)}
    below = [0] * len(picture.nodes)
    for line in picture.lines:
        below[line.source] += position[line.source] < position[line.target]
    lanes: list[_Rail | None] = []
    dead_ends: set[int] = set()  # lanes right below a task that nobody waits for: who stood there would look joined
    rows: list[tuple[str, str]] = []
    for number in order:
        sources = {line.source for line in incoming[number] if position[line.source] < position[number]}
        joined = {lane for lane, rail in enumerate(lanes) if rail and rail.source in sources}
        ended: set[int] = set()
        for lane in joined:
            rail = lanes[lane]
            assert rail is not None
            rail.waiting -= 1
            if not rail.waiting:
                ended.add(lane)
        own = min(ended) if ended else _free_lane(lanes, dead_ends if sources else set())
        if own >= _MOST_RAILS:
            return [("", "")] * len(order)
        lanes.extend([None] * (own + 1 - len(lanes)))
        row = _row(lanes, own, "●" if sources else "○", joined - {own}, ended - {own})
        for lane in ended:
            lanes[lane] = None
        lanes[own] = _Rail(number, below[number]) if below[number] else None
        dead_ends = set() if below[number] else {own}
        while lanes and lanes[-1] is None:
            lanes.pop()
        rows.append((row, " ".join("│" if lane else " " for lane in lanes)))
    return rows


def _free_lane(lanes: list[_Rail | None], but: set[int]) -> int:
    return next(
        lane for lane in range(len(lanes) + 2) if lane not in but and (lane >= len(lanes) or lanes[lane] is None)
    )


def _row(lanes: list[_Rail | None], own: int, task: str, joined: set[int], ended: set[int]) -> str:
    first, last = min(joined | {own}), max(joined | {own})
    cells: list[str] = []
    for lane, rail in enumerate(lanes):
        if lane == own:
            cell = task
        elif lane in joined:
            cell = _junction(left=lane > first, right=lane < last, goes_on=lane not in ended)
        elif rail is not None:
            cell = "│"
        else:
            cell = "─" if first < lane < last else " "
        cells.append(cell + ("─" if first <= lane < last else " "))
    return "".join(cells).rstrip()


def _junction(*, left: bool, right: bool, goes_on: bool) -> str:
    if left and right:
        return "┼" if goes_on else "┴"
    if left:
        return "┤" if goes_on else "╯"
    return "├" if goes_on else "╰"
