"""A workflow's graph: Mermaid and DOT for other tools, SVG for a browser, text for people, JSON for programs.

Ids, conditions and names are text from a file: each format escapes them by its own rules, so that none can add
anything to the drawing but its own letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nika_command_graph.dot import draw_dot
from nika_command_graph.json_form import draw_json
from nika_command_graph.mermaid import draw_mermaid
from nika_command_graph.picture import Picture, picture_of
from nika_command_graph.svg import draw_svg
from nika_command_graph.text import draw_text
from nika_core import UsageError
from nika_core.plugin import Graph, Workflow

__all__ = ["FORMATS", "draw"]

_DRAW: Final[dict[str, Callable[[Picture], str]]] = {
    "mermaid": draw_mermaid,
    "dot": draw_dot,
    "svg": draw_svg,
    "text": draw_text,
    "json": draw_json,
}
FORMATS: Final = tuple(_DRAW)
_NOTHING: Final[Mapping[str, Sequence[str]]] = {}


def draw(
    workflow: Workflow,
    graph: Graph,
    format: str = "text",  # noqa: A002  # the option's own name
    mask: Callable[[str], str] = str,
    asked: Mapping[str, Sequence[str]] = _NOTHING,
) -> str:
    """Draw the picture as text, without a line break at its end.

    Args:
        format: one of FORMATS.
        mask: takes secrets out of names and conditions.
        asked: which tool calls a person is asked about, by the path of the task.

    Raises:
        UsageError: another one.
    """
    if format not in _DRAW:
        raise UsageError(f"there is no format '{format}'", hint=f"formats: {', '.join(FORMATS)}")
    return _DRAW[format](picture_of(workflow, graph, mask, asked))
