"""Where things stand in a layered drawing: tasks in rows by wave, lines between neighbouring rows only.

A line that spans several rows is led through each by a bend, which takes part in the order of its row like a task; so
lines do not run across tasks. The order within rows follows from the mean place of neighbours, a few sweeps up and
down. Everything is deterministic, and the work is bounded: with too many bends, long lines are drawn straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from nika_command_graph.picture import Picture

_SWEEPS: Final = 8
_MOST_BENDS: Final = 20_000
_BEND_WIDTH: Final = 12.0
_GAP: Final = 28.0


@dataclass(slots=True)
class Spot:
    """A task or a bend. `x` is its middle; `row` counts from 0."""

    row: int
    width: float
    node: int | None  # None: a bend
    x: float = 0.0
    above: list[int] = field(default_factory=list)  # spots of the row above that it is joined to
    below: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """`paths` has for each line of the picture the spots that it goes through, from source to target."""

    spots: list[Spot]
    rows: list[list[int]]
    paths: list[list[int]]
    width: float


def lay_out(picture: Picture, widths: Sequence[float]) -> Layout:
    """Place every task and every line. `widths`: of the tasks."""
    row_of = {node: row for row, layer in enumerate(picture.layers) for node in layer}
    spots = [Spot(row_of[node], widths[node], node) for node in range(len(picture.nodes))]
    rows = [list(layer) for layer in picture.layers]
    paths = _lead(picture, spots, rows)
    for path in paths:
        for one, other in pairwise(path):
            if spots[other].row == spots[one].row + 1:
                spots[one].below.append(other)
                spots[other].above.append(one)
    _place(spots, rows)
    left = min((spot.x - spot.width / 2 for spot in spots), default=0.0)
    for spot in spots:
        spot.x -= left
    return Layout(spots, rows, paths, max((spot.x + spot.width / 2 for spot in spots), default=0.0))


def _lead(picture: Picture, spots: list[Spot], rows: list[list[int]]) -> list[list[int]]:
    spans = [spots[line.target].row - spots[line.source].row for line in picture.lines]
    bend = sum(max(span - 1, 0) for span in spans) <= _MOST_BENDS
    paths = []
    for line, span in zip(picture.lines, spans, strict=True):
        path = [line.source]
        if bend:
            for row in range(spots[line.source].row + 1, spots[line.source].row + span):
                path.append(len(spots))
                rows[row].append(len(spots))
                spots.append(Spot(row, _BEND_WIDTH, None))
        path.append(line.target)
        paths.append(path)
    return paths


def _place(spots: list[Spot], rows: list[list[int]]) -> None:
    for row in rows:
        _spread(spots, row, [0.0] * len(row))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wished = {
                spot: _mean(spots[other].x for other in (spots[spot].above if down else spots[spot].below))
                for spot in row
            }
            # A stable sort: what is joined to nothing keeps its place among its neighbours.
            locator = {spot: spots[spot].x if (x := wished[spot]) is None else x for spot in row}
            row.sort(key=locator.__getitem__)
            _spread(spots, row, [locator[spot] for spot in row])


def _spread(spots: list[Spot], row: list[int], wished: list[float]) -> None:
    """Put a row's spots, in its order, as near to where they want to be as they can stand side by side.

    What would overlap becomes one block, which stands at the mean of its members' wishes.
    """
    # (sum of the wished places of the block's first spot, spots in it, its width without the last gap, its spots)
    blocks: list[tuple[float, int, float, list[int]]] = []
    for spot, wish in zip(row, wished, strict=True):
        width = spots[spot].width + _GAP
        block = (wish - spots[spot].width / 2, 1, width, [spot])
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > block[0] / block[1]:
            total, count, size, members = blocks.pop()
            block = (total + block[0] - size * block[1], count + block[1], size + block[2], members + block[3])
        blocks.append(block)
    for total, count, _, members in blocks:
        x = total / count
        for spot in members:
            spots[spot].x = x + spots[spot].width / 2
            x += spots[spot].width + _GAP


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
