"""Mermaid: https://mermaid.js.org, which GitHub and many editors show."""

from __future__ import annotations

import string
from typing import Final

from nika_command_graph.picture import Picture, shortened

# Everything else of ASCII is written as an entity: quotes, braces, backticks and %% all mean something to Mermaid.
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + " _-.,:=!'/()[]+*?@^~|")
_LONGEST: Final = 120


def draw_mermaid(picture: Picture) -> str:
    """A flowchart from top to bottom."""
    lines = ["---", f"title: {_quoted(picture.title)}", "---", "flowchart TD"]
    for number, node in enumerate(picture.nodes):
        lines.append(f'    n{number}["{_escaped(node.name(_LONGEST))}<br/>{_escaped(node.about(_LONGEST))}"]')
    for line in picture.lines:
        arrow = "-.->" if line.waits_only else "-->"
        label = f'|"{_escaped(shortened(line.label, _LONGEST))}"|' if line.label else ""
        lines.append(f"    n{line.source} {arrow}{label} n{line.target}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return "".join(c if c in _PLAIN or not c.isascii() else f"#{ord(c)};" for c in text) or " "


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes; Mermaid's directives are looked for even there."""
    inner = "".join(c if c.isalnum() or c in " _-.,:" else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000)
    return f'"{inner}"'
