"""The task ids in a document's text, without the plugins that a full reading needs."""

from __future__ import annotations

from typing import Any

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.parsing import parse_yaml
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.model.clock import SystemClock
from nika_core.model.limits import Limits


def declared_tasks(text: str) -> tuple[str, ...]:
    """Return the ids of a document's tasks in declared order, as far as they can be read. Never raises."""
    tasks = raw_document(text).get("tasks")
    ids = (task.get("id") for task in tasks if type(task) is dict) if type(tasks) is list else ()
    return tuple(str(name) for name in ids if isinstance(name, str))


def raw_document(text: str) -> dict[Any, Any]:
    """Return a document as it is written, all scalars as texts; empty if it cannot be read. Never raises."""
    limits = Limits()  # the text was within them when it was run
    root = parse_yaml(
        text.encode("utf-8", "replace"), text, ReadLimits.of(limits), ValidationDeadline(SystemClock(), limits)
    ).root
    return root if type(root) is dict else {}
