"""Mermaid: https://mermaid.js.org, which GitHub and many editors show."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Final

from nika_command_graph.picture import Picture, shortened

# Everything else of ASCII is written as an entity: quotes, braces, backticks and %% all mean something to Mermaid.
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + " _-.,:=!'/()[]+*?@^~|")
_LONGEST: Final = 120


def draw_mermaid(picture: Picture) -> str:
    """Draw a flowchart from top to bottom."""
    lines = ["---", f"title: {_quoted(picture.title)}", "---", "flowchart TD"]
    return "\n".join([*lines, *_parts(picture, "n", "    ")])


def _parts(picture: Picture, prefix: str, indent: str) -> Iterator[str]:
    """Yield the lines of a workflow; a task that stands for one is a subgraph with its tasks in it."""
    for number, node in enumerate(picture.nodes):
        name = f"{prefix}{number}"
        text = f'["{_escaped(node.name(_LONGEST))}<br/>{_escaped(node.about(_LONGEST))}"]'
        if node.inner is None:
            yield f"{indent}{name}{text}"
            continue
        yield f"{indent}subgraph {name}{text}"
        yield from _parts(node.inner, f"{name}_", f"{indent}    ")
        yield f"{indent}end"
    for line in picture.lines:
        arrow = "-.->" if line.waits_only else "-->"
        label = f'|"{_escaped(shortened(line.label, _LONGEST))}"|' if line.label else ""
        yield f"{indent}{prefix}{line.source} {arrow}{label} {prefix}{line.target}"


def _escaped(text: str) -> str:
    return "".join(c if c in _PLAIN or not c.isascii() else f"#{ord(c)};" for c in text) or " "


def _quoted(text: str) -> str:
    """Quote a YAML scalar with double quotes; Mermaid looks for its directives even there."""
    inner = "".join(c if c.isalnum() or c in " _-.,:" else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000)
    return f'"{inner}"'
