"""The graph of a run's workflow, with the state of its tasks. Lists are folded in one node each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nika_core as nika
from nika_command_ui.snapshot import Snapshot
from nika_core.plugin import JsonObject


def graph_view(snapshot: Snapshot, folder: Path) -> JsonObject:
    """Return nodes and edges, from the document that the run was started with; `problem` says why there are none."""
    states = {node["id"]: node for node in snapshot.json.get("tasks", ())}
    text = str(snapshot.json.get("document", ""))
    if not text:
        return {"nodes": [], "edges": [], "problem": "The workflow of this run is not known yet."}
    try:
        loaded = nika.validate(text if "\n" in text else text + "\n", folder=folder, with_environ=False)
    except nika.NikaError as error:
        return {"nodes": [], "edges": [], "problem": str(error)}
    graph = loaded.graph
    if graph is None:
        reason = next((problem.message for problem in loaded.problems), "it cannot be read")
        return {"nodes": [], "edges": [], "problem": f"The workflow of this run is not valid here: {reason}"}
    return {
        "nodes": [_node(name, states.get(name)) for name in graph.order],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "condition": "" if edge.condition is None else edge.condition.text,
            }
            for edges in graph.outgoing.values()
            for edge in edges
        ],
        "problem": "",
    }


def _node(name: str, node: Any) -> JsonObject:
    if node is None:
        return {"id": name, "state": "pending", "keyword": ""}
    count = max((len(node[kind]) for kind in ("items", "rounds", "tasks") if kind in node), default=0)
    return {"id": name, "state": node["state"], "keyword": node.get("keyword", ""), "count": count}
