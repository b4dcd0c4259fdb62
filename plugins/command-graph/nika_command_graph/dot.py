"""DOT, the language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from nika_command_graph.picture import Picture, shortened

_LONGEST = 120


def draw_dot(picture: Picture) -> str:
    """Draw a directed graph from top to bottom."""
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize=10];',
    ]
    return "\n".join([*lines, *_parts(picture, "n", "    "), "}"])


def _parts(picture: Picture, prefix: str, indent: str) -> Iterator[str]:
    """Yield the lines of a workflow; one that a task stands for is a cluster with the task and its own tasks in it."""
    for number, node in enumerate(picture.nodes):
        name = f"{prefix}{number}"
        drawn = f"{name} [label={_quoted(node.name(_LONGEST), node.about(_LONGEST))}];"
        if node.inner is None:
            yield f"{indent}{drawn}"
            continue
        yield f"{indent}subgraph cluster_{name} {{"
        yield f"{indent}    label={_quoted(shortened(node.inner.title, _LONGEST))};"
        yield f"{indent}    {drawn}"
        yield from _parts(node.inner, f"{name}_", f"{indent}    ")
        yield f"{indent}}}"
    for line in picture.lines:
        given = {
            "label": _quoted(shortened(line.label, _LONGEST)) if line.label else "",
            "tooltip": _quoted(line.label) if len(line.label) > _LONGEST else "",
            "style": "dotted" if line.waits_only else "",
        }
        attributes = ", ".join(f"{key}={value}" for key, value in given.items() if value)
        ends = f"{prefix}{line.source} -> {prefix}{line.target}"
        yield f"{indent}{ends}{f' [{attributes}]' if attributes else ''};"


def _quoted(*lines: str) -> str:
    r"""Quote one or more lines; in labels a backslash begins an escape (`\N` is the node's name)."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
