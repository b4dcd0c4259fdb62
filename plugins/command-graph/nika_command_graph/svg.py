"""SVG: one file that needs nothing else, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from nika_command_graph.layout import Layout, lay_out
from nika_command_graph.picture import Line, Picture, shortened

_LETTER: Final = 7.3  # width of a letter at 12px, in pixels; a little more than it is
_SMALL_LETTER: Final = 6.1  # at 10px
_BOX: Final = 44.0
_ROW: Final = 110.0
_MARGIN: Final = 24.0
_LONGEST_NAME: Final = 40
_LONGEST_LABEL: Final = 36
_STYLE: Final = """\
text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1b1f24;text-anchor:middle}
.k,.l{font-size:10px;fill:#57606a}
.n{fill:#f6f8fa;stroke:#57606a}
.e{fill:none;stroke:#57606a}
.w{stroke-dasharray:3 3}
.p{fill:#57606a}
.b{fill:#fff}
.o{opacity:.85}
@media(prefers-color-scheme:dark){.b{fill:#0d1117}text{fill:#e6edf3}.k,.l{fill:#9198a1}.n{fill:#161b22;stroke:#9198a1}\
.e{stroke:#9198a1}.p{fill:#9198a1}}"""


_TITLE: Final = 28.0  # height of the line above an inner workflow


def draw_svg(picture: Picture) -> str:
    """Rows of boxes from top to bottom, joined by curves; a condition stands on its line.

    Workflows that tasks stand for are drawn below, each under its path and indented by its depth.
    """
    blocks: list[tuple[float, float, str]] = []
    width = height = 0.0
    for path, depth, each in _all(picture, "", 0):
        inner_width, inner_height, parts = _block(each)
        x = depth * _MARGIN
        if path:
            label = f'<text x="{x + _MARGIN:.0f}" y="{height + 20:.0f}" style="text-anchor:start">{_text(path)}</text>'
            blocks.append((0.0, 0.0, label))
            height += _TITLE
        blocks.append((x, height, "\n".join(parts)))
        width, height = max(width, x + inner_width), height + inner_height
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img">',
        f"<title>{_text(picture.title)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="p" d="M0 0L8 4L0 8z"/></marker></defs>',
        '<rect class="b" width="100%" height="100%"/>',
    ]
    body = [f'<g transform="translate({x:.0f} {y:.0f})">\n{part}\n</g>' if x or y else part for x, y, part in blocks]
    return "\n".join([*head, *body, "</svg>"])


def _all(picture: Picture, path: str, depth: int) -> Iterator[tuple[str, int, Picture]]:
    """Yield a workflow and those inside it, each with its path and its depth."""
    yield path, depth, picture
    for node in picture.nodes:
        if node.inner is not None:
            yield from _all(node.inner, f"{path}/{node.id}" if path else node.id, depth + 1)


def _block(picture: Picture) -> tuple[float, float, list[str]]:
    """Return one workflow's width, height and parts."""
    widths = [
        max(len(node.name(_LONGEST_NAME)) * _LETTER, len(node.about(_LONGEST_LABEL)) * _SMALL_LETTER) + 24
        for node in picture.nodes
    ]
    layout = lay_out(picture, widths)
    labels = [
        (_MARGIN + _middle(layout, path)[0], line) for line, path in zip(picture.lines, layout.paths, strict=True)
    ]
    reach = [(x, min(len(line.label), _LONGEST_LABEL) * _SMALL_LETTER / 2 + 4) for x, line in labels if line.label]
    shift = max(0.0, *(half - x + 4 for x, half in reach)) if reach else 0.0
    width = max([layout.width + 2 * _MARGIN, *(x + half + 4 for x, half in reach)]) + shift
    height = max(len(layout.rows) * _ROW - (_ROW - _BOX), _BOX) + 2 * _MARGIN
    parts = [
        f'<g transform="translate({_MARGIN + shift:.0f} {_MARGIN:.0f})">',
    ]
    for line, path in zip(picture.lines, layout.paths, strict=True):
        parts.append(
            f'<path class="e{" w" if line.waits_only else ""}" marker-end="url(#a)" d="{_curve(layout, path)}"/>'
        )
    for number, node in enumerate(picture.nodes):
        spot = layout.spots[number]
        y = spot.row * _ROW
        title = f"{node.id} if {node.when}" if node.when else node.id
        parts.append(
            f"<g><title>{_text(title)}</title>"
            f'<rect class="n" x="{spot.x - spot.width / 2:.1f}" y="{y:.1f}" width="{spot.width:.1f}" '
            f'height="{_BOX:.0f}" rx="6"/>'
            f'<text x="{spot.x:.1f}" y="{y + 19:.1f}">{_text(node.name(_LONGEST_NAME))}</text>'
            f'<text class="k" x="{spot.x:.1f}" y="{y + 34:.1f}">{_text(node.about(_LONGEST_LABEL))}</text></g>'
        )
    for line, path in zip(picture.lines, layout.paths, strict=True):
        if line.label:
            parts.append(_label(layout, path, line))
    return width, height, [*parts, "</g>"]


def _curve(layout: Layout, path: list[int]) -> str:
    """Draw a line from the lower edge of the first box through the bends to the upper edge of the last one."""
    first, *bends, last = (layout.spots[spot] for spot in path)
    if last.row <= first.row:  # only in a cycle: out at the side and in again
        y, other = first.row * _ROW + _BOX / 2, last.row * _ROW + _BOX / 2
        x, end = first.x + first.width / 2, last.x + last.width / 2
        return f"M{x:.1f} {y:.1f}C{x + 60:.1f} {y:.1f} {end + 60:.1f} {other:.1f} {end:.1f} {other:.1f}"
    x, y = first.x, first.row * _ROW + _BOX
    drawn = [f"M{x:.1f} {y:.1f}"]
    for spot in (*bends, last):
        top = spot.row * _ROW
        half = (top - y) / 2
        drawn.append(f"C{x:.1f} {y + half:.1f} {spot.x:.1f} {top - half:.1f} {spot.x:.1f} {top:.1f}")
        x, y = spot.x, top
        if spot is not last:
            y = top + _BOX
            drawn.append(f"V{y:.1f}")
    return "".join(drawn)


def _middle(layout: Layout, path: list[int]) -> tuple[float, float]:
    """Return where the label of a line stands: between its first two spots, nearer to the second, if lines part."""
    one, other = layout.spots[path[0]], layout.spots[path[1]]
    top, bottom = one.row * _ROW + _BOX, other.row * _ROW
    return one.x + (other.x - one.x) * 0.72, top + (bottom - top) * 0.62


def _label(layout: Layout, path: list[int], line: Line) -> str:
    x, y = _middle(layout, path)
    shown = shortened(line.label, _LONGEST_LABEL)
    width = len(shown) * _SMALL_LETTER + 6
    return (
        f"<g><title>{_text(line.label)}</title>"
        f'<rect class="b o" x="{x - width / 2:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="14" rx="3"/>'
        f'<text class="l" x="{x:.1f}" y="{y + 2.5:.1f}">{_text(shown)}</text></g>'
    )


def _text(text: str) -> str:
    """Return text for XML, without the characters that XML cannot hold in any form."""
    return escape("".join(c if c.isprintable() and c not in "\ufffe\uffff" else "?" for c in text))
