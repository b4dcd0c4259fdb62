"""A workflow's graph as JSON, for programs."""

from __future__ import annotations

import json
from typing import Any

from nika_command_graph.picture import Picture


def draw_json(picture: Picture) -> str:
    """Return the graph as JSON. Keys that have no value are left out."""
    return json.dumps(_as_json(picture), indent=2, ensure_ascii=False)


def _as_json(picture: Picture) -> dict[str, Any]:
    tasks = [
        _given(
            id=node.id,
            keyword=node.keyword,
            when=node.when,
            mark=node.mark,
            asks=node.asks,
            workflow=_as_json(node.inner) if node.inner else None,
        )
        for node in picture.nodes
    ]
    flows = [
        _given(
            source=picture.nodes[line.source].id,
            target=picture.nodes[line.target].id,
            condition=line.label,
            waitsOnly=line.waits_only,
        )
        for line in picture.lines
    ]
    return {"workflow": picture.title, "tasks": tasks, "flows": flows}


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
