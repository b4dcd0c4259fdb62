"""DOT, the language of Graphviz."""

from __future__ import annotations

from nika_command_graph.picture import Picture, shortened

_LONGEST = 120


def draw_dot(picture: Picture) -> str:
    """A directed graph from top to bottom."""
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize=10];',
    ]
    for number, node in enumerate(picture.nodes):
        lines.append(f"    n{number} [label={_quoted(node.name(_LONGEST), node.about(_LONGEST))}];")
    for line in picture.lines:
        given = {
            "label": _quoted(shortened(line.label, _LONGEST)) if line.label else "",
            "tooltip": _quoted(line.label) if len(line.label) > _LONGEST else "",
            "style": "dotted" if line.waits_only else "",
        }
        attributes = ", ".join(f"{key}={value}" for key, value in given.items() if value)
        lines.append(f"    n{line.source} -> n{line.target}{f' [{attributes}]' if attributes else ''};")
    return "\n".join([*lines, "}"])


def _quoted(*lines: str) -> str:
    r"""A string of one or more lines; in labels a backslash begins an escape (`\N` is the node's name)."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
